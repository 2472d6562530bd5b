"""The outage drill: an InfluxDB that is down at the start and killed again and again while it is written to.

influxd 1.6.7 itself loses points that it has acknowledged, with any writer: when it is killed while it turns
its cache into files, which it does not do here, and, if it is started only once, after one that tore its log.

`python -m labmon_dagster_tests.system.outage --seed 7` prints what it saw as JSON. Each day of readings
is landed until it succeeds; meanwhile the server is killed at random writes, and comes back sooner or
later than a write has patience for.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import urllib3

from labmon_dagster.landing import Delivery, Landing
from labmon_dagster.model import DAY, Batch, Field, FieldType, Mark, Measurement, Readings, Window
from labmon_dagster.stores import InfluxStore, StoreError
from labmon_dagster.stores.influxdb import Target
from labmon_dagster.stores.influxdb.link import Link1, Place
from labmon_dagster_tests.landing.rows import FIRST, START
from labmon_dagster_tests.servers.influx import Influxd

KILLS, LINES, ROWS, BATCHES = 30, 2_000, 40_000, 8
ASSET = "drill/hut"
HUT = Measurement(
    "hut", ("site",), (Field("x"), Field("n", FieldType.INTEGER), Field("note", FieldType.TEXT))
)


@dataclass(slots=True)
class Seen:
    """What happened: landings that failed and went well, kills, those amid a write, and the errors met."""

    seed: int
    kills: int = 0
    mid_write: int = 0
    retried_in_time: int = 0
    landings_failed: int = 0
    landings_done: int = 0
    errors: dict[str, int] = field(default_factory=dict)


class Killer(Link1):
    """A link that kills its server in the middle of a write, and starts it again after a while."""

    def __init__(self, target: Target, server: Influxd, seen: Seen, chance: random.Random) -> None:
        super().__init__(target)
        self.server, self.seen, self.chance = server, seen, chance
        self.aim, self.number = 0, 0
        self.killed_at = 0.0
        self.back = threading.Event()
        self.back.set()
        self._lock = threading.Lock()

    def aim_at(self, number: int) -> None:
        """Kill during the ``number``-th write from now."""
        self.aim, self.number, self.killed_at = number, 0, 0.0

    def write(self, body: bytes, place: Place, precision: str, *, gzipped: bool) -> None:
        with self._lock:
            self.number += 1
            mine = self.number == self.aim and self.back.is_set()
        if mine:
            self.back.clear()
            threading.Thread(target=self._kill).start()
        begun = time.monotonic()
        try:
            super().write(body, place, precision, gzipped=gzipped)
        except urllib3.exceptions.HTTPError as error:
            name = type(error).__name__
            self.seen.errors[name] = self.seen.errors.get(name, 0) + 1
            connected = not isinstance(error, urllib3.exceptions.NewConnectionError)
            with self._lock:
                if connected and begun < self.killed_at:
                    self.seen.mid_write += 1
                    self.killed_at = 0.0
            raise

    def _kill(self) -> None:
        time.sleep(self.chance.uniform(0, 0.004))
        self.killed_at = time.monotonic()
        self.server.kill()
        self.seen.kills += 1
        time.sleep(self.chance.choice([0.05, 0.3, 1.5]))
        self.server.start_after_kill()
        self.back.set()


def batches(day: int) -> Iterator[Batch]:
    """One day's readings; every thousandth is there twice, the second time with other values."""
    n = np.arange(ROWS)
    table = pl.DataFrame(
        {
            "time": pl.Series(START + day * DAY + n // 2 * 1_000_000_007).cast(pl.Datetime("ns", "UTC")),
            "site": pl.Series(["a", "b"]).gather(n % 2),
            "x": np.where(n % 7 == 0, np.nan, n / 3 - day),
            "n": n * 1_000_003,
            "note": pl.Series([None, 'it\'s "odd", \\ and ü']).gather((n % 5 == 0).astype(np.uint32)),
            "_order": n,
            "_place": n * 70,
        }
    )
    again = table.gather_every(1000).with_columns(pl.col("x") + 0.5, pl.col("_order", "_place") + 10**7)
    size = ROWS // BATCHES
    for mark, part in enumerate([*table.iter_slices(size), again], 1):
        rows = part.with_columns(pl.col("x").fill_nan(None)).to_arrow().cast(HUT.schema)
        yield Batch(HUT, rows.combine_chunks().to_batches()[0], "hut", Mark(day * 100 + mark))


def drill(folder: Path, seed: int, kills: int = KILLS) -> Seen:
    """Do it, and check that everything is there once. Raises AssertionError where it is not."""
    chance, seen, day = random.Random(seed), Seen(seed), 0
    with Influxd(folder, snapshots=False) as server:
        server.create_database("drill")
        target = Target.parse(f"influxdb1+{server.url}/drill?batch={LINES}&patience=1&senders=2")
        killer = Killer(target, server, seen, chance)
        server.kill()
        assert not _lands(killer, 0, seen), "the server is down"
        server.start_after_kill()
        while seen.kills < kills or not killer.back.is_set():
            killer.aim_at(chance.randint(1, ROWS // LINES))
            while not _lands(killer, day, seen):
                killer.back.wait()
                killer.aim_at(chance.randint(1, ROWS // LINES) if seen.kills < kills else 0)
            day += 1
        killer.back.wait()
        seen.retried_in_time = seen.kills - seen.landings_failed + 1
        server.restart()
        _check(InfluxStore(target), server, day)
    return seen


def _lands(link: Killer, day: int, seen: Seen) -> bool:
    delivery = Delivery(ASSET, HUT.name, (FIRST + timedelta(days=day),))
    with closing(InfluxStore(link.target, link)) as store:
        try:
            (row,) = Landing(store, delivery).land(Readings(batches(day))).values()
        except StoreError:
            seen.landings_failed += 1
            return False
    assert (row.proven, row.in_store) == (True, ROWS), row
    seen.landings_done += 1
    return True


def _check(store: InfluxStore, server: Influxd, days: int) -> None:
    (counted,) = server.query("SELECT count(n) FROM hut", db="drill")
    assert counted["count"] == days * ROWS
    ledger = store.ledger(ASSET)
    assert len(ledger) == days
    assert all(row.proven and row.in_store == ROWS for row in ledger.values())
    for day in range(days):
        expected = pl.concat([pl.DataFrame(batch.rows) for batch in batches(day)])
        expected = expected.sort("_order").unique(["time", "site"], keep="last").sort("time", "site")
        window = Window(START + day * DAY, START + (day + 1) * DAY)
        assert store.fetch("hut", window).drop("_read").equals(expected), day
    differing = sum(n % 7 > 0 for n in range(0, ROWS, 1000))
    assert len(store.quarantined(ASSET)) == days * differing
    store.close()


def main() -> None:
    """Run the drill and print what it saw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--kills", type=int, default=KILLS)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        seen = drill(Path(folder), asked.seed, asked.kills)
    sys.stdout.write(json.dumps(asdict(seen), indent=1) + "\n")


if __name__ == "__main__":
    main()
