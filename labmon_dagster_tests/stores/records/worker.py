"""What the processes of `test_races` do."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from labmon_dagster.stores.records import Change, MongoRecords, RecordStore, SqliteRecords

EACH = 60


def opened(url: str) -> RecordStore:
    """Open the store behind a URL."""
    scheme, _, path = url.partition(":///")
    return SqliteRecords(Path(path)) if scheme == "sqlite" else MongoRecords.at(url, patience=5)


def insert_many(url: str, who: int) -> list[str]:
    """Make records that others make, too; give the names of those this process made."""
    with closing(opened(url)) as store:
        names = [f"run{n:02}" for n in range(EACH)]
        return [name for name in names if store.insert("runs", name, {"by": who, "list": []})]


def append_many(url: str, who: int) -> int:
    """Append to a list to which others append; give how often another was faster."""
    lost = 0
    with closing(opened(url)) as store:
        for n in range(EACH):
            while True:
                seen = store.find("runs", "run00")
                assert seen is not None
                if store.change("runs", seen, Change(appends={"list": {"who": who, "n": n}})):
                    break
                lost += 1
    return lost
