"""Columns that a store has not, and cannot have: each with its reason, so that its rows alone are refused."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from labmon_dagster.model import FieldType, Measurement
from labmon_dagster.stores import InfluxStore, ReadingStore, StoreError
from labmon_dagster.stores.columns import Column, lacking
from labmon_dagster.stores.influxdb.words import complaint_about_measurement, complaint_about_name


def complaints(measurement: Measurement, store: ReadingStore) -> dict[str, str]:
    """Say of each column that the store would have to add, and cannot, why."""
    tags, fields = store.columns(measurement.name)
    known = {tag: Column(tag, "tag", FieldType.TEXT) for tag in tags}
    known |= {name: Column(name, "field", kind) for name, kind in fields.items()}
    others = [] if known else store.measurements()
    found: dict[str, str] = {}
    for one in _single(measurement):
        (name,) = one.tags or [field.name for field in one.fields]
        if name in known:
            continue
        why = _influx(measurement.name, name) if isinstance(store, InfluxStore) else None
        try:
            added = lacking(one, pl.DataFrame(one.schema.empty_table()), known, others)
        except StoreError as error:
            why = why or str(error)
        if why is None:
            known |= {column.name: column for column in added}
        else:
            found[name] = why
    return found


def _single(measurement: Measurement) -> Iterator[Measurement]:
    """Give the measurement column by column."""
    for tag in measurement.tags:
        yield Measurement(measurement.name, (tag,), ())
    for field in measurement.fields:
        yield Measurement(measurement.name, (), (field,))


def _influx(measurement: str, name: str) -> str | None:
    return complaint_about_measurement(measurement) or complaint_about_name(name)
