"""What allsensor.py left behind: points in a store, and a file of last times; and the archive it read."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import polars as pl
import pytest
from influxdb import InfluxDBClient  # type: ignore[import-untyped]

from labmon_dagster.cli import migrate
from labmon_dagster.components.feed import Feed
from labmon_dagster.landing import Delivery, Landing, Recipe
from labmon_dagster.model import DAY, NOWHERE, Request, Window
from labmon_dagster.model.window import days_between
from labmon_dagster.settings import open_store
from labmon_dagster_tests.cli.lab import fill, told
from labmon_dagster_tests.sources.wincc_archive.archives import (
    FIRST,
    MTRS_NAME,
    NOON,
    PLC_NAME,
    START,
    Archive,
    small,
)

ASSET, MEASUREMENT = "cms_mtd/dcs_readings", "cms_mtdtf_dcs"
GAPS, UNFETCHED, EXTRA, SWAPPED, CUT, BETWEEN, SILENT = (
    MTRS_NAME.format(0, 0),
    MTRS_NAME.format(0, 1),
    PLC_NAME.format(1, 1),
    PLC_NAME.format(1, 2),
    PLC_NAME.format(2, 1),
    PLC_NAME.format(2, 2),
    PLC_NAME.format(3, 4),
)
ELSEWHERE = "cms_mtdtf_dcs_1:MTRS/MTD_TIF_33/Chip_0/Channel_0"
IDS = {GAPS: 101, UNFETCHED: 102, EXTRA: 201, SWAPPED: 202, CUT: 203, BETWEEN: 204}
NAMES = [MTRS_NAME.format(chip, channel) for chip in range(2) for channel in range(6)] + [
    PLC_NAME.format(module, channel)
    for module, channels in ((1, 2), (2, 4), (3, 4))
    for channel in range(1, channels + 1)
]
Times: TypeAlias = dict[str, list[datetime]]


def at(day: int, seconds: float, us: int = 92_000) -> datetime:
    return NOON + timedelta(days=day, seconds=seconds, microseconds=us)


def tags_of(name: str) -> dict[str, str]:
    digits = [str(int(part[-2:].lstrip("_/"))) for part in name.split("/")[-2:]]
    kind = ("mtrs", "chip") if "MTRS" in name else ("plc", "module")
    return {"source": kind[0], kind[1]: digits[0], "channel": digits[1]}


@dataclass
class Past:
    """What the archive has, what the original wrote of it, and where it stood."""

    archive: Times = field(default_factory=dict)
    written: Times = field(default_factory=dict)
    cursors: dict[str, str] = field(default_factory=dict)
    strangers: int = 0

    def points(self) -> list[dict[str, Any]]:
        """The points as the original made them."""
        named = [(tags_of(name), time) for name, times in self.written.items() for time in times]
        named += [({"source": "mtrs", "chip": "2", "channel": "0"}, at(0, n)) for n in range(self.strangers)]
        return [
            {"measurement": MEASUREMENT, "time": time.isoformat(), "fields": {"value": 20.5}, "tags": tags}
            for tags, time in named
        ]


def a_past() -> Past:
    """Losses of every kind, each in a datapoint of its own."""
    every = {
        GAPS: [at(day, n) for day in range(3) for n in range(10)],
        UNFETCHED: [at(1, n) for n in range(4)],
        EXTRA: [at(0, n) for n in range(5)],
        SWAPPED: [at(day, n) for day in (5, 6) for n in range(3)],
        CUT: [at(6, 0, 123_456), at(6, 1, 123_000)],
        BETWEEN: [at(6, 0, 92_400), at(6, 0, 92_500)],
    }
    written = {
        GAPS: [*(at(0, n) for n in (0, 1, 2, 5, 6, 7, 8, 9)), *(at(1, n) for n in (0, 1, 3, 4, 5, 6))],
        EXTRA: [*every[EXTRA], at(0, 77)],
        SWAPPED: [at(5, 0), at(5, 1), at(5, 2.5), *every[SWAPPED][3:]],
        CUT: [at(6, 0, 123_000), at(6, 1, 123_000)],
        BETWEEN: [at(6, 0, 92_500)],
    }
    cursors = {
        GAPS: at(1, 6),
        EXTRA: at(0, 4),
        SWAPPED: at(6, 2),
        CUT: at(6, 1, 123_000),
        BETWEEN: at(6, 0, 92_500),
        SILENT: at(0, 0),
        ELSEWHERE: at(0, 0),
    }
    return Past(every, written, {name: time.isoformat() for name, time in cursors.items()}, strangers=2)


def figures(**known: object) -> dict[str, object]:
    """What the command finds of a datapoint, where it is not nothing."""
    numbers = ("archive", "store", "lost", "not_fetched", "only_in_store", "cut_to_us", "cut_to_ms")
    return {**dict.fromkeys(numbers, 0), "newest": None, "first_lacking": None, "original": None, **known}


FOUND = {
    GAPS: figures(
        archive=30,
        store=14,
        lost=3,
        not_fetched=13,
        newest="2025-06-03T12:00:09.092000000Z",
        first_lacking="2025-06-01",
        original="2025-06-02T12:00:06.092000000Z",
    ),
    UNFETCHED: figures(
        archive=4, not_fetched=4, newest="2025-06-02T12:00:03.092000000Z", first_lacking="2025-06-02"
    ),
    EXTRA: figures(
        archive=5,
        store=6,
        only_in_store=1,
        newest="2025-06-01T12:00:04.092000000Z",
        original="2025-06-01T12:00:04.092000000Z",
    ),
    SWAPPED: figures(
        archive=6,
        store=6,
        newest="2025-06-07T12:00:02.092000000Z",
        original="2025-06-07T12:00:02.092000000Z",
    ),
    CUT: figures(
        archive=2,
        store=2,
        lost=1,
        only_in_store=1,
        cut_to_ms=1,
        newest="2025-06-07T12:00:01.123000000Z",
        first_lacking="2025-06-07",
        original="2025-06-07T12:00:01.123000000Z",
    ),
    BETWEEN: figures(
        archive=2,
        store=1,
        not_fetched=1,
        newest="2025-06-07T12:00:00.092500000Z",
        first_lacking="2025-06-07",
        original="2025-06-07T12:00:00.092500000Z",
    ),
    SILENT: figures(original="2025-06-01T12:00:00.092000000Z"),
}


class Lab:
    """An archive, the store the original wrote to, and its file of last times."""

    def __init__(self, folder: Path, write: Callable[[Past], None], patch: pytest.MonkeyPatch) -> None:
        self.archive: Archive = small(folder / "archive.db")
        self.file = folder / "last_times.json"
        self.source = self.archive.source()
        self.feed = Feed(ASSET, MEASUREMENT, self.source, FIRST, "v1", recipe=Recipe())
        self._write = write
        patch.setattr(migrate, "feed_of", lambda asset: self.feed)

    def has(self, past: Past) -> None:
        """Make the archive, the store and the file what they were."""
        for name, times in past.archive.items():
            insert = self.archive.mtrs if "MTRS" in name else self.archive.plc
            insert(*((IDS[name], time, 20.5) for time in times))
        self._write(past)
        self.file.write_text(json.dumps(past.cursors))

    def json(self, *options: object) -> dict[str, Any]:
        """What the command finds."""
        found: dict[str, Any] = json.loads(self.told("--format", "json", *options))
        return found

    def told(self, *options: object) -> str:
        """What the command says."""
        return told("migrate", "cms-mtd", "--last-times", self.file, *options)

    def land(self, first: date, last: date) -> None:
        """Read days as a run would."""
        days = tuple(days_between(first, last))
        now = START + 40 * DAY
        delivery = Delivery(ASSET, MEASUREMENT, days, self.feed.recipe, run="a run", version="v1")
        readings = self.source.read(Request(Window.of_days(first, last), NOWHERE, NOWHERE, now))
        with closing(open_store()) as store:
            Landing(store, delivery, now).land(readings)


def into_sqlite(past: Past) -> None:
    """Write the points into the embedded store."""
    tags = ("chip", "channel", "module", "source")
    rows = [{**dict.fromkeys(tags, ""), **p["tags"], "time": p["time"], "value": 20.5} for p in past.points()]
    if rows:
        time = pl.col("time").str.to_datetime(time_unit="ns", time_zone="UTC")
        with closing(open_store()) as store:
            fill(store, MEASUREMENT, tags, pl.DataFrame(rows).with_columns(time))


def into_influxdb(server: str, database: str, past: Past) -> None:
    """Write the points as the original did, with the client it had."""
    url = urlsplit(server)
    with closing(InfluxDBClient(host=url.hostname, port=url.port, database=database)) as client:
        client.write_points(past.points())
