"""The command line in this process, and a small lab to use it on: two logger days of the tower."""

from __future__ import annotations

import time
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl
from click.testing import Result
from typer.testing import CliRunner

from labmon_dagster.cli import app
from labmon_dagster.components.feed import Feed
from labmon_dagster.components.lab import feed_named
from labmon_dagster.landing import Delivery, Landing
from labmon_dagster.model import NOWHERE, FieldType, Measurement, Request, Window
from labmon_dagster.model import Field as ValueField
from labmon_dagster.stores import LedgerRow, ReadingStore
from labmon_dagster_tests import tables

ASSET, MEASUREMENT = "ameriflux_umbs/tower_46m", "Ameriflux_fastdata"
DAY = date(2021, 6, 25)
FIRST = datetime(2021, 6, 25, 10, 0, 5)


def labmon(*arguments: object) -> Result:
    """Run a command."""
    return CliRunner().invoke(app, [str(one) for one in arguments])


def told(*arguments: object) -> str:
    """Run a command that must succeed, and give its stdout."""
    result = labmon(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def table(folder: Path, *lines: str, name: str = "46m_1.dat") -> Path:
    """Write a file of the tower."""
    return tables.write(folder / name, tables.header(), *lines)


def line(seconds: int, record: int, *values: object) -> str:
    """Make a row some seconds after the first, which is at 15:00:05 UTC."""
    return tables.row(FIRST + timedelta(seconds=seconds), record, *values)


def land(store: ReadingStore, now: int | None = None, day: date = DAY) -> tuple[Feed, LedgerRow]:
    """Read a day of the tower as a run would."""
    feed, now = feed_named(ASSET), now or time.time_ns()
    delivery = Delivery(ASSET, feed.measurement, (day,), feed.recipe, run="a run", version=feed.version)
    readings = feed.source.read(Request(Window.of_days(day, day), NOWHERE, NOWHERE, now))
    return feed, Landing(store, delivery, now).land(readings)[day]


def fill(store: ReadingStore, name: str, tags: tuple[str, ...], rows: pl.DataFrame) -> None:
    """Write rows as they are. Columns that are neither time nor tags are fields."""
    kinds = {
        pl.Float64: FieldType.FLOAT,
        pl.Int64: FieldType.INTEGER,
        pl.Int8: FieldType.INTEGER,
        pl.Boolean: FieldType.BOOLEAN,
        pl.String: FieldType.TEXT,
    }
    fields = [ValueField(n, kinds[type(k)]) for n, k in rows.schema.items() if n not in {"time", *tags}]
    hidden = [pl.lit(n, dtype=pl.Int64).alias(c) for n, c in enumerate(("_order", "_place", "_read"))]
    store.write(Measurement(name, tags, tuple(fields)), rows.with_columns(hidden))


def times(*ns: int) -> pl.Series:
    """Make a time column."""
    return pl.Series("time", ns).cast(pl.Datetime("ns", "UTC"))
