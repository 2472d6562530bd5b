"""A five-minute tick of 1,000 datapoints at 1 Hz: 300,000 new rows behind a lookback of an hour."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from labmon_dagster.landing import Delivery, Landing, ask, time_boxed
from labmon_dagster.model import SECOND
from labmon_dagster.sources.wincc_archive.reader import ArchiveReadings
from labmon_dagster.sources.wincc_archive.spec import TagRule
from labmon_dagster.stores import InfluxStore, LedgerRow
from labmon_dagster.stores.influxdb import Target
from labmon_dagster_tests.servers.influx import Influxd
from labmon_dagster_tests.sources.wincc_archive.archives import FIRST, MTRS, SPEC, START, Archive, source_at

DATAPOINTS, TICK, BEFORE = 1000, 300, 3900
DATABASE = "tick"
_ASSET = "bench/tick"
_RULE = TagRule(r"lab:C(?P<chip>\d+)/(?P<channel>\d+)", {"source": "mtrs"})
_TABLE = replace(MTRS, datapoints=("lab:C*/*",), rules=(_RULE,))


@dataclass(frozen=True, slots=True)
class Tick:
    """What one tick took."""

    rows_read: int
    rows_stored: int
    wall: float
    cpu: float

    def row(self) -> str:
        """Say it in one line."""
        return (
            f"A tick of {self.rows_stored:,} new rows (of {self.rows_read:,} read): {self.wall:.1f} s, "
            f"{self.cpu:.1f} s of CPU: {self.wall / TICK:.1%} and {self.cpu / TICK:.1%} of the five minutes"
        )


def tick(folder: Path, server: Influxd) -> Tick:
    """Fill an archive with 65 minutes, land them, add five minutes, and land those as the schedule does."""
    archive = Archive(folder / "tick.db")
    archive.name(*((n, f"lab:C{n // 10:03d}/{n % 10}") for n in range(DATAPOINTS)))
    server.create_database(DATABASE)
    source = source_at(archive.path, replace(SPEC, tables=(_TABLE,)), size=50_000)
    _fill(archive, 0, BEFORE)
    _land(source, server, BEFORE)
    _fill(archive, BEFORE, BEFORE + TICK)
    wall, cpu = time.perf_counter(), time.process_time()
    counts = _land(source, server, BEFORE + TICK).counts
    found = Tick(counts.read, counts.stored, time.perf_counter() - wall, time.process_time() - cpu)
    assert found.rows_stored == DATAPOINTS * TICK
    return found


def _fill(archive: Archive, first: int, last: int) -> None:
    with closing(sqlite3.connect(archive.path)) as db:
        db.execute("PRAGMA synchronous=OFF")
        for begin in range(first, last, 300):
            n = np.arange(begin * DATAPOINTS, min(begin + 300, last) * DATAPOINTS)
            micros = START // 1000 + n // DATAPOINTS * 1_000_000 + n % DATAPOINTS
            at = pl.Series(micros).cast(pl.Datetime("us")).dt.to_string("%Y-%m-%d %H:%M:%S%.6f")
            rows = pl.DataFrame({"id": n % DATAPOINTS, "at": at, "value": np.sin(n / 1000) * 20})
            with db:
                db.executemany("INSERT INTO MTRSCHANNEL VALUES (?, ?, ?)", rows.iter_rows())


def _land(source: ArchiveReadings, server: Influxd, seconds: int) -> LedgerRow:
    now = START + seconds * SECOND
    with closing(InfluxStore(Target.parse(f"influxdb1+{server.url}/{DATABASE}"))) as store:
        request = ask(source, store.ledger(_ASSET), [FIRST], now, whole=False)
        delivery = Delivery(_ASSET, SPEC.measurement, (FIRST,), whole=not request.since)
        readings = time_boxed(source.read(request), 300, _ASSET)
        return Landing(store, delivery, now).land(readings)[FIRST]
