"""How far a soak is, seen from outside: lines of logs and journals, documents and pieces in MongoDB."""

from __future__ import annotations

import json
import sqlite3
import sys
import time
from collections import defaultdict
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from labmon_dagster_tests.servers.mongo import Mongod
from labmon_dagster_tests.servers.process import HOST
from labmon_dagster_tests.soak.processes import DATABASE, Lab
from labmon_dagster_tests.soak.records import READINGS

_WITH_ROWS = [f"ricochet/{name}" for name in READINGS]
_ROWS = (
    "SELECT (SELECT count(*) FROM {0}) + "
    "(SELECT count(*) FROM labmon_quarantine WHERE asset = 'ricochet/{0}_readings')"
)
_HEADER = b'{"labmon_journal"'


def written(seen: dict[str, Any], path: Path | None) -> None:
    """Write what a soak saw as JSON: to a file, or to standard output."""
    text = json.dumps(seen, indent=1) + "\n"
    if path is None:
        sys.stdout.write(text)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


class Progress:
    """Writes a line a second to standard error, and knows what MongoDB holds by now."""

    def __init__(self, server: Mongod, minutes: float) -> None:
        self._began = self._shown = time.monotonic()
        self._minutes = minutes
        self._lines: dict[Path, tuple[int, int]] = {}
        address = f"mongodb://{HOST}:{server.port}/?directConnection=true"
        self._client: MongoClient[dict[str, Any]] = MongoClient(address, serverSelectionTimeoutMS=500)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def say(self, what: str) -> None:
        """Write what happens."""
        sys.stderr.write(f"{self._clock()} {what}\n")

    def show(self, lab: Lab) -> None:
        """Write how much there is, once a second."""
        if time.monotonic() - self._shown < 1:
            return
        self._shown = time.monotonic()
        journalled = sum(self.journalled(lab).values())
        there = sum(self.stored().values())
        replies, asked = self._count(lab.replies), self._count(lab.requests)
        sys.stderr.write(
            f"{self._clock()} of {self._minutes:g} min: {asked} requests, {replies} replies, "
            f"{journalled} journalled, {there or 'none'} in MongoDB\n"
        )

    def delivered(self, lab: Lab) -> bool:
        """Whether the stores have as many documents, readings and pieces as the journals have lines."""
        journalled, rows = self.journalled(lab), self.rows(lab)
        return journalled == self.stored() and all(journalled[name] == rows.get(name) for name in _WITH_ROWS)

    def journalled(self, lab: Lab) -> dict[str, int]:
        """Count the messages in each asset's journal."""
        root = lab.home / "journal"
        found: defaultdict[str, int] = defaultdict(int)
        for path in root.rglob("*.jsonl"):
            found[str(path.parent.relative_to(root))] += self._count(path)
        return dict(found)

    def rows(self, lab: Lab) -> dict[str, int]:
        """Count readings and their pieces in quarantine, by the asset whose journal they are from."""
        try:
            with closing(sqlite3.connect(f"file:{lab.home / 'readings.db'}?mode=ro", uri=True)) as file:
                return {
                    f"ricochet/{name}": file.execute(_ROWS.format(name)).fetchone()[0] for name in READINGS
                }
        except sqlite3.Error:
            return {}

    def stored(self) -> dict[str, int]:
        """Count documents and pieces in quarantine by asset; nothing while MongoDB is away."""
        try:
            mongo = self._client[DATABASE]
            names = [name for name in mongo.list_collection_names() if not name.startswith("labmon_")]
            found = {f"ricochet/{name}": mongo[name].count_documents({}) for name in names}
            for piece in mongo["labmon_quarantine"].find({}, {"asset": 1}):
                found[piece["asset"]] = found.get(piece["asset"], 0) + 1
        except PyMongoError:
            return {}
        return {name: count for name, count in found.items() if count}

    def devices_since(self, at: int) -> set[str]:
        """Name the devices that MongoDB has a document of that was received after a time (UTC ns)."""
        try:
            mongo = self._client[DATABASE]
            names = [name for name in mongo.list_collection_names() if not name.startswith("labmon_")]
            return {one for name in names for one in mongo[name].distinct("device", {"time_ns": {"$gt": at}})}
        except PyMongoError:
            return set()

    def _count(self, path: Path) -> int:
        """Count the lines of a file that grows, without headers; it is read once."""
        if not path.exists():
            return 0
        place, count = self._lines.get(path, (0, 0))
        with path.open("rb") as file:
            file.seek(place)
            new = file.read()
        whole = new[: new.rfind(b"\n") + 1]
        count += whole.count(b"\n") - whole.count(_HEADER)
        self._lines[path] = place + len(whole), count
        return count

    def _clock(self) -> str:
        minutes, seconds = divmod(int(time.monotonic() - self._began), 60)
        return f"{minutes:02d}:{seconds:02d}"
