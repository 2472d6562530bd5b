"""Which columns measurements have: what labmon wrote down itself, and what else the server holds.

InfluxDB does not remember a tag that is absent in every row, a field without any value, units, or which
integers are flags; labmon keeps one point per column, beside the ledger.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import polars as pl

from labmon_dagster.model import TIME, FieldType, Measurement
from labmon_dagster.stores.base import StoreError
from labmon_dagster.stores.columns import HIDDEN, Column, lacking
from labmon_dagster.stores.influxdb.answers import Answers, Series
from labmon_dagster.stores.influxdb.notes import Form, Notes
from labmon_dagster.stores.influxdb.words import (
    complaint_about_measurement,
    complaint_about_name,
    quoted,
    text,
)

_COLUMNS = Form(
    "labmon_columns",
    ("of", "name"),
    {
        "number": pl.Int64(),
        "kind": pl.String(),
        "type": pl.String(),
        "unit": pl.String(),
        "description": pl.String(),
    },
)
_SECONDS = 2.0
_TYPES = {
    "float": FieldType.FLOAT,
    "integer": FieldType.INTEGER,
    "unsigned": FieldType.INTEGER,
    "boolean": FieldType.BOOLEAN,
    "string": FieldType.TEXT,
}


@dataclass(frozen=True, slots=True)
class _Remembered:
    until: float
    columns: dict[str, Column]


class Catalog:
    """The columns of one database. What was found is believed for two seconds: others may add columns."""

    def __init__(self, data: Answers, notes: Notes) -> None:
        self.data = data
        self.notes = notes
        self._known: dict[str, _Remembered] = {}

    def measurements(self) -> list[str]:
        """Names of all measurements, labmon's own books aside."""
        (there,) = self.data.ask("SHOW MEASUREMENTS")
        named = {str(row[0]) for series in there for row in series.rows()}
        (noted,) = self.notes.answers.ask(f'SHOW TAG VALUES FROM "{_COLUMNS.name}" WITH KEY = "of"')
        named |= {str(row[1]) for series in noted for row in series.rows()}
        return sorted(name for name in named if not name.startswith("labmon_"))

    def of(self, measurement: str) -> dict[str, Column]:
        """Give the columns of a measurement, in the order they were added; none if it does not exist."""
        if complaint_about_measurement(measurement):
            return {}
        remembered = self._known.get(measurement)
        if remembered is None or remembered.until < time.monotonic():
            columns = self._noted(measurement)
            found = self._found(measurement)
            columns |= {name: column for name, column in found.items() if name not in columns}
            self._known[measurement] = remembered = _Remembered(time.monotonic() + _SECONDS, columns)
        return remembered.columns

    def ensure(self, measurement: Measurement, rows: pl.DataFrame) -> dict[str, Column]:
        """Note what columns ``rows`` add, and give all. Raises StoreError for what cannot be kept."""
        known = self.of(measurement.name)
        others = [] if known else self.measurements()
        if measurement.name in others:  # another process has just made it
            self._known.pop(measurement.name)
            known, others = self.of(measurement.name), []
        new = lacking(measurement, rows, known, others)
        if new:
            _refuse_names(measurement.name, new)
            self._note(measurement, len(known), new)
        return self.of(measurement.name)

    def _note(self, measurement: Measurement, first: int, new: Iterable[Column]) -> None:
        about = {field.name: (field.unit, field.description) for field in measurement.fields}
        rows = [
            {
                "of": measurement.name,
                "name": column.name,
                "number": first + n,
                "kind": column.kind,
                "type": column.type.value,
                "unit": about.get(column.name, ("", ""))[0],
                "description": about.get(column.name, ("", ""))[1],
            }
            for n, column in enumerate(new)
        ]
        self.notes.write(_COLUMNS, [{TIME: 0, **row} for row in rows])
        self._known.pop(measurement.name, None)

    def _noted(self, measurement: str) -> dict[str, Column]:
        rows = self.notes.read(_COLUMNS, f'WHERE "of" = {text(measurement)}')
        ordered = sorted(rows, key=lambda row: (row["number"], row["name"]))
        return {row["name"]: Column(row["name"], row["kind"], FieldType(row["type"])) for row in ordered}

    def _found(self, measurement: str) -> dict[str, Column]:
        name = quoted(measurement)
        tags, fields = self.data.ask(f"SHOW TAG KEYS FROM {name}; SHOW FIELD KEYS FROM {name}")
        found = {str(tag): Column(str(tag), "tag", FieldType.TEXT) for (tag,) in _rows(tags)}
        types = {str(name): _TYPES[str(kind)] for name, kind in _rows(fields) if name not in HIDDEN}
        return found | {name: Column(name, "field", kind) for name, kind in types.items()}


def _refuse_names(measurement: str, new: Iterable[Column]) -> None:
    complaints = [complaint_about_measurement(measurement), *(complaint_about_name(c.name) for c in new)]
    for complaint in filter(None, complaints):
        raise StoreError(f"{measurement}: {complaint}")


def _rows(series: Iterable[Series]) -> list[list[object]]:
    return [row for one in series for row in one.rows()]


def kinds(columns: Mapping[str, Column]) -> tuple[list[str], dict[str, pl.DataType]]:
    """Split columns into tags, sorted, and fields with their type in a frame."""
    tags = sorted(column.name for column in columns.values() if column.is_tag)
    return tags, {column.name: column.dtype for column in columns.values() if not column.is_tag}
