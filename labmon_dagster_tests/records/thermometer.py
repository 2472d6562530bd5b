"""Readings of an emulated thermometer in a store, and the ledger of the asset that stored them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any

import polars as pl

from labmon_dagster.model import SECOND
from labmon_dagster.records.lab import LabRecords
from labmon_dagster.records.models import Stream
from labmon_dagster.records.temperature import Thermometer
from labmon_dagster.stores import LedgerRow, ReadingStore
from labmon_dagster_tests.cli.lab import fill, times

ASSET, MEASUREMENT, FIELD, TAGS = "ricochet/imacrt_readings", "imacrt", "temperature_3", {"device": "mmr3"}
THERMOMETER = Thermometer(ASSET, MEASUREMENT, FIELD, TAGS)
NOON = int(datetime(2026, 3, 2, 12, tzinfo=UTC).timestamp()) * SECOND
DAY = date(2026, 3, 2)


def at(seconds: float) -> datetime:
    """An instant some seconds after noon."""
    return datetime.fromtimestamp(NOON / SECOND + seconds, UTC)


def say(
    store: ReadingStore, values: dict[int, float | None], flag: int | None = 1, device: str = "mmr3"
) -> None:
    """Store readings (seconds after noon → K), as the asset would, but not its ledger."""
    rows = pl.DataFrame(
        {
            "time": times(*(NOON + second * SECOND for second in values)),
            "device": [device] * len(values),
            FIELD: pl.Series(list(values.values()), dtype=pl.Float64),
            f"{FIELD}_qc": pl.Series([flag] * len(values), dtype=pl.Int8),
        }
    )
    fill(store, MEASUREMENT, ("device",), rows)


def enter(store: ReadingStore, rows: int, written: int, *, proven: bool = False, day: date = DAY) -> None:
    """Say in the ledger how many rows there are of the day."""
    store.enter([LedgerRow(ASSET, day, covered="news", in_store=rows, written=written, proven=proven)])


def stream(lab: LabRecords, name: str, start: float, stop: float | None, **more: Any) -> Stream:
    """Make a stream from and to some seconds after noon."""
    dates = {"start_date": at(start), **({} if stop is None else {"stop_date": at(stop)})}
    given = {"acq_config": {"d2": 250}, "channel_config": [{"det_name": "FID1"}], "comment": "", **more}
    return lab.streams.create({"name": name, **given, **dates})


def run(lab: LabRecords, name: str, start: float | None, stop: float | None, **more: Any) -> None:
    """Make a run from and to some seconds after noon."""
    dates = {"start_date": start, "stop_date": stop}
    given = {field: at(when) for field, when in dates.items() if when is not None}
    lab.runs.create({"name": name, "detector": [{"name": "RED15"}], **given, **more})


def detectors(lab: LabRecords, names: Iterable[str] = ("FID1", "RED15")) -> None:
    """Make the detectors that streams and runs name."""
    for name in names:
        lab.detectors.create({"name": name})
