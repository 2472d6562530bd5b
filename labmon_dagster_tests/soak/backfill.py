"""The soak of backfills: a day delivered, the store emptied, and the day delivered again: the same bytes.

`python -m labmon_dagster_tests.soak.backfill --polls 2000 --seed 1` journals a past day of all kinds
of devices, so many polls of each, and has Dagster materialize its partition. The documents are dumped by
another reader; database and ledger are dropped; a backfill of the partition delivers the day again, and it
is dumped again. This is done with MongoDB and with SQLite. It prints what it saw as JSON, and ends with 1
if the two dumps differ in one byte.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from labmon_dagster.running import commands, place
from labmon_dagster_tests.servers.mongo import Mongod
from labmon_dagster_tests.soak.dumps import Dump, MongoDump, SqliteDump
from labmon_dagster_tests.soak.past_day import ASSETS, PastDay
from labmon_dagster_tests.soak.processes import DATABASE, mongo_url
from labmon_dagster_tests.soak.progress import written

DAYS_AGO = 60  # further back than the schedules look
KEYS = [f"ricochet/{name}" for name in sorted(set(ASSETS.values()))]


class LaunchError(Exception):
    """Dagster did not do it; the text has the end of what it said."""


@dataclass(slots=True)
class Delivery:
    """One delivery of the day: how long it took, and how fast it was without Dagster's start."""

    seconds: float
    documents_per_second: float
    sha256: str


@dataclass(slots=True)
class Result:
    """What one kind of store held: the first time, and again."""

    documents: dict[str, int] = field(default_factory=dict)
    quarantined: int = 0
    first: Delivery | None = None
    again: Delivery | None = None
    identical: bool = False


@dataclass(slots=True)
class Seen:
    """What happened; ``started_s``: what Dagster needs to start a run of nothing."""

    seed: int
    day: str
    entries: dict[str, int] = field(default_factory=dict)
    journalled: int = 0
    journalled_s: float = 0.0
    started_s: float = 0.0
    stores: dict[str, Result] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    verdict: str = ""


class Backfill:
    """A lab whose journals hold a past day."""

    def __init__(self, home: Path, day: str, tell: Callable[[str], None]) -> None:
        self.home, self.day, self.tell = home, day, tell
        self.started = 0.0

    def environ(self, documents: str) -> Mapping[str, str]:
        """The environment of a lab with its documents somewhere."""
        own = {
            "LABMON_HOME": str(self.home),
            "LABMON_DOCUMENTS_URL": documents,
            "DAGSTER_HOME": str(self.home / "dagster"),
            "DAGSTER_DISABLE_TELEMETRY": "1",
        }
        return {**os.environ, **own}

    def prepare(self, documents: str) -> None:
        """Make Dagster's storage, as `labmon up` does."""
        place.configure_dagster(self.home / "dagster")
        _run(commands.check(), self.environ(documents))

    def compare(self, documents: str, dump: Dump) -> Result:
        """Deliver, dump, drop, deliver again, dump again."""
        result = Result()
        self.tell("materializing the partition")
        result.first, first = self._deliver(documents, dump, "--partition", self.day)
        result.documents, result.quarantined = dump.counts()
        dump.drop()
        if any(dump.counts()[0].values()):
            raise LaunchError("the store is not empty after it was dropped")
        self.tell("the store is emptied; backfilling the partition")
        whole = f"{self.day}...{self.day}"
        result.again, again = self._deliver(documents, dump, "--partition-range", whole)
        result.identical = first == again
        return result

    def _deliver(self, documents: str, dump: Dump, *partition: str) -> tuple[Delivery, bytes]:
        began = time.monotonic()
        self.launch(documents, *partition)
        took = time.monotonic() - began
        content = dump.content()
        rate = sum(dump.counts()[0].values()) / max(took - self.started, 0.1)
        return Delivery(round(took, 2), round(rate, 1), hashlib.sha256(content).hexdigest()), content

    def launch(self, documents: str, *partition: str) -> None:
        """Have Dagster materialize all assets of documents in one run. Raises LaunchError."""
        keys = " or ".join(f"key:{key}" for key in KEYS)
        dg = str(Path(sys.executable).with_name("dg"))
        _run((dg, "launch", "--assets", keys, *partition), self.environ(documents))


def _run(command: commands.Command, environ: Mapping[str, str]) -> None:
    done = subprocess.run(command, env=environ, capture_output=True, text=True)
    if done.returncode:
        raise LaunchError(f"{command}: exit code {done.returncode}\n{(done.stdout + done.stderr)[-3000:]}")


def soak(folder: Path, polls: int, seed: int, tell: Callable[[str], None]) -> Seen:
    """Do it in an empty folder."""
    day = (datetime.now(UTC) - timedelta(days=DAYS_AGO)).date()
    seen = Seen(seed, day.isoformat())
    began = time.monotonic()
    home = folder / "home"
    tell(f"journalling {polls} polls of each device")
    seen.entries = PastDay(day, polls, seed).journal(home / "journal")
    seen.journalled, seen.journalled_s = sum(seen.entries.values()), round(time.monotonic() - began, 1)
    backfill = Backfill(home, seen.day, tell)
    file = home / "documents.db"
    sqlite = f"sqlite:///{file}"
    backfill.prepare(sqlite)
    seen.started_s = backfill.started = _started(backfill, sqlite, day.isoformat())
    SqliteDump(file).drop()
    with Mongod(folder / "mongod") as server:
        tell("MongoDB")
        seen.stores["mongodb"] = backfill.compare(mongo_url(server), MongoDump(server.url, DATABASE))
    tell("SQLite")
    seen.stores["sqlite"] = backfill.compare(sqlite, SqliteDump(file))
    _judge(seen)
    return seen


def _started(backfill: Backfill, documents: str, day: str) -> float:
    """Time a run over a day that has nothing."""
    empty = (datetime.fromisoformat(day) - timedelta(days=1)).date().isoformat()
    began = time.monotonic()
    backfill.launch(documents, "--partition", empty)
    return round(time.monotonic() - began, 2)


def _judge(seen: Seen) -> None:
    for name, result in seen.stores.items():
        there = sum(result.documents.values()) + result.quarantined
        if there != seen.journalled:
            seen.broken.append(f"{name}: {seen.journalled} journalled, {there} documents and pieces")
        if not result.identical:
            seen.broken.append(f"{name}: the second delivery differs from the first")
        if not result.quarantined:
            seen.broken.append(f"{name}: no fault came to quarantine")
    mongo, sqlite = seen.stores["mongodb"], seen.stores["sqlite"]
    if mongo.documents != sqlite.documents:
        seen.broken.append(f"MongoDB holds {mongo.documents}, SQLite {sqlite.documents}")
    seen.verdict = "; ".join(seen.broken) or "the second delivery is the first, byte for byte"


def _tell(what: str) -> None:
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {what}\n")


def main() -> int:
    """Run it, write what it saw, and say by the exit code whether the dumps are the same."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--polls", type=int, default=2000, help="polls of each of the eleven devices")
    parser.add_argument("--json", type=Path, help="where to write what was seen; otherwise it is printed")
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="soak-backfill-"))
    try:
        seen = soak(folder, asked.polls, asked.seed, _tell)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    written(asdict(seen), asked.json)
    sys.stderr.write(f"{seen.verdict}\n")
    return 1 if seen.broken else 0


if __name__ == "__main__":
    sys.exit(main())
