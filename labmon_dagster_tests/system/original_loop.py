"""A re-telling of `allsensor.py`, the program of CMS MTD that labmon replaces, over the archive of the tests.

What it re-tells: the datapoints one after the other, each with its own SELECT of the rows behind its last
time, by CHANGE_DATE; rows without a value are skipped; the last time becomes that of the newest row, cut to
milliseconds, and `last_times.json` is saved; only then the points go to a second thread, which writes them
as dictionaries through the `influxdb` client, at most 20,000 at once. When a write fails, its points are
printed, and those of the datapoint that were still to be written are dropped.

Where it is not told how the original does it, this is the kinder way: a kill never tears `last_times.json`,
points keep the microseconds of their CHANGE_DATE, and a tick ends when everything is written.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from queue import Queue
from typing import Any, TypeAlias

from influxdb import InfluxDBClient

from labmon_dagster_tests.servers.process import HOST
from labmon_dagster_tests.sources.wincc_archive.archives import FIRST, SPEC
from labmon_dagster_tests.system.archive_worker import ORIGINAL, Command

BATCH = 20_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Point: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Sensor:
    """A datapoint: its name, the table and column it is read from, and the tags of its points."""

    name: str
    table: str
    value: str
    tags: Mapping[str, str]


@dataclass(slots=True)
class Written:
    """What became of the points since the program was started."""

    written: int = 0
    dropped: int = 0


@dataclass
class OriginalLoop:
    """The program: one thread reads and saves, the other writes."""

    archive: Path
    last_times: Path
    client: InfluxDBClient
    sensors: tuple[Sensor, ...]
    seen: Written = field(default_factory=Written)

    def __post_init__(self) -> None:
        """Load what was saved, and start the second thread."""
        saved = json.loads(self.last_times.read_text()) if self.last_times.exists() else {}
        self._last: dict[str, str] = saved
        self._queue: Queue[list[Point]] = Queue()
        threading.Thread(target=self._write, name="writer", daemon=True).start()

    def tick(self) -> Written:
        """Read every datapoint once, and wait for the second thread."""
        with closing(sqlite3.connect(self.archive, timeout=60)) as db:
            for sensor in self.sensors:
                self._read(db, sensor)
        self._queue.join()
        return self.seen

    def _read(self, db: sqlite3.Connection, sensor: Sensor) -> None:
        last = datetime.fromisoformat(self._last.get(sensor.name, FIRST.isoformat()))
        rows = db.execute(
            f"SELECT r.CHANGE_DATE, r.{sensor.value} FROM {sensor.table} r "
            "JOIN DP_NAME2ID n ON n.ID = r.DPID "
            "WHERE n.DPNAME = :dp AND r.CHANGE_DATE > :last ORDER BY r.CHANGE_DATE",
            {"dp": sensor.name, "last": f"{last:%Y-%m-%d %H:%M:%S.%f}"},
        ).fetchall()
        if not rows:
            return
        newest = datetime.fromisoformat(rows[-1][0])
        self._last[sensor.name] = newest.isoformat(timespec="milliseconds")
        self._save()
        points = [self._point(sensor, at, value) for at, value in rows if value is not None]
        self._queue.put(points)

    def _save(self) -> None:
        fresh = self.last_times.with_suffix(".new")
        fresh.write_text(json.dumps(self._last))
        fresh.replace(self.last_times)

    def _point(self, sensor: Sensor, at: str, value: float) -> Point:
        time = datetime.fromisoformat(at).replace(tzinfo=UTC)
        ns = (time - _EPOCH) // timedelta(microseconds=1) * 1000
        tags, fields = dict(sensor.tags), {"value": value}
        return {"measurement": SPEC.measurement, "time": ns, "tags": tags, "fields": fields}

    def _write(self) -> None:
        while True:
            points = self._queue.get()
            done = 0
            for batch in _batches(points):
                try:
                    self.client.write_points(batch)
                except Exception as error:
                    sys.stderr.write(f"{error}\n{batch}\n")
                    break
                done += len(batch)
            self.seen.written += done
            self.seen.dropped += len(points) - done
            self._queue.task_done()


def sensors(archive: Path) -> tuple[Sensor, ...]:
    """Give the datapoints that labmon reads, as the original names them."""
    with closing(sqlite3.connect(archive)) as db:
        names = [name for (name,) in db.execute("SELECT DPNAME FROM DP_NAME2ID ORDER BY ID")]
    return tuple(
        Sensor(name, table.name, table.value, table.tags_of(name) or {})
        for table in SPEC.tables
        for name in names
        if table.takes(name)
    )


def commands(settings: Mapping[str, Any]) -> dict[str, Command]:
    """Give what a worker can be told."""
    archive, last_times = Path(settings["archive"]), Path(settings["folder"]) / "last_times.json"
    client = InfluxDBClient(HOST, settings["port"], database=ORIGINAL)
    loop = OriginalLoop(archive, last_times, client, sensors(archive))
    return {"tick": lambda _: asdict(loop.tick())}


def _batches(points: list[Point]) -> Iterator[list[Point]]:
    for first in range(0, len(points), BATCH):
        yield points[first : first + BATCH]
