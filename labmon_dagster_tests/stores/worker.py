"""What the processes of `test_processes` do."""

from __future__ import annotations

from pathlib import Path

from labmon_dagster.landing import Landing
from labmon_dagster.model import Readings
from labmon_dagster.stores import SqliteStore
from labmon_dagster_tests.landing.rows import LATER, Row, batch, delivery

ROWS = 3_000
SIZE = 50


def rows() -> list[Row]:
    """The same rows in each process, some of them twice, the second with other values."""
    once = [Row(n * 10, "ab"[n % 2], float(n), n, place=n) for n in range(ROWS)]
    return once + [row._replace(x=-1.0, place=ROWS + n) for n, row in enumerate(once[::100])]


def land_all(path: str) -> str:
    """Land everything in small batches; '' or what went wrong."""
    found = rows()
    batches = [batch(found[n : n + SIZE], n + SIZE) for n in range(0, len(found), SIZE)]
    store = SqliteStore(Path(path))
    try:
        (row,) = Landing(store, delivery(), LATER).land(Readings(iter(batches))).values()
        return "" if row.proven else row.trouble
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    finally:
        store.close()


def open_new(path: str) -> str:
    """Open a file that may just be coming into being, and write into it."""
    try:
        for n in range(20):
            store = SqliteStore(Path(f"{path}.{n}"))
            store.enter([])
            assert store.database.connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
            store.close()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""
