"""Rows as tuples, batches of them, and stores that live only as long as one example."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from datetime import date
from typing import NamedTuple, TypeAlias

import polars as pl
import pyarrow as pa

from labmon_dagster.landing import Delivery, Landing, Recipe
from labmon_dagster.model import DAY, Batch, Field, FieldType, Mark, Measurement, Readings, Reject
from labmon_dagster.model.window import day_number
from labmon_dagster.stores import LedgerRow, ReadingStore

NewStore: TypeAlias = Callable[[], AbstractContextManager[ReadingStore]]

ASSET, NAME = "lab/table", "table"
FIRST = date(2024, 5, 1)
START = day_number(FIRST) * DAY
LATER = START + 40 * DAY
MEASUREMENT = Measurement(NAME, ("site",), (Field("x"), Field("y", FieldType.INTEGER)))


class Row(NamedTuple):
    """A row of the table above; ``time`` in ns after `START`."""

    time: int
    site: str = ""
    x: float | None = None
    y: int | None = None
    order: int = 0
    place: int = 0


def batch(
    rows: Sequence[Row],
    mark: int = 1,
    stream: str = "s",
    rejects: Iterable[Reject] = (),
    measurement: Measurement = MEASUREMENT,
) -> Batch:
    columns = {
        "time": [START + row.time for row in rows],
        "site": [row.site for row in rows],
        "x": [row.x for row in rows],
        "y": [row.y for row in rows],
        "_order": [row.order for row in rows],
        "_place": [row.place for row in rows],
    }
    schema = measurement.schema
    arrays = [pa.array(columns[name], schema.field(name).type) for name in schema.names]
    return Batch(
        measurement, pa.RecordBatch.from_arrays(arrays, schema=schema), stream, Mark(mark), tuple(rejects)
    )


def delivery(first: int = 0, last: int = 0, recipe: Recipe | None = None, **more: object) -> Delivery:
    days = tuple(date.fromordinal(FIRST.toordinal() + n) for n in range(first, last + 1))
    return Delivery(ASSET, NAME, days, recipe or Recipe(), **more)  # type: ignore[arg-type]


def land(
    store: ReadingStore,
    delivered: Delivery,
    batches: Iterable[Batch],
    now: int = LATER,
    trouble: Iterable[str] = (),
) -> dict[date, LedgerRow]:
    return Landing(store, delivered, now).land(Readings(iter(batches), trouble=list(trouble)))


def stored(store: ReadingStore, *without: str) -> pl.DataFrame:
    """Everything in the table, as a frame that can be compared."""
    frame = store.fetch(NAME, delivery(-40, 80).window)
    return (
        frame.drop("_read", *without).sort("time", "site") if "site" in frame.columns else frame.drop("_read")
    )
