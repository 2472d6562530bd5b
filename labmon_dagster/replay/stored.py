"""The rows of a measurement in a store as points, portion by portion, flags beside their fields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import polars as pl

from labmon_dagster.lookup import chunks
from labmon_dagster.model import ORDER, PLACE, Field, Measurement, Window
from labmon_dagster.model.points import Points
from labmon_dagster.stores import ReadingStore


def stored(store: ReadingStore, name: str, window: Window, tags: Mapping[str, str]) -> Iterator[Points]:
    """Give the rows of a window with these tags, by time; each portion has all columns."""
    names, kinds = store.columns(name)
    measurement = Measurement(
        name, tuple(sorted(names)), tuple(Field(field, kind) for field, kind in kinds.items())
    )
    for part in chunks(store, name, window):
        rows = store.fetch(name, part, tags)
        if rows.is_empty():
            continue
        flags = [rows[field].cast(pl.Int64) for field, kind in rows.schema.items() if kind == pl.Int8]
        place = pl.lit(0, dtype=pl.Int64())
        plain = rows.with_columns(*flags, place.alias(ORDER), place.alias(PLACE))
        yield Points(measurement, plain.select(measurement.schema.names))
