"""The columns of a measurement: what rows need, what a store has, and names that no store takes.

Names are refused alike everywhere, so that what one store holds can be moved to another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from labmon_dagster.model import ORDER, PLACE, TIME, FieldType, Measurement
from labmon_dagster.stores.base import READ, StoreError

HIDDEN = (ORDER, PLACE, READ)
_TAG, _FIELD, _FLAG = "tag", "field", "flag"
_TAKEN = ("labmon_", "sqlite_")
_POLARS: Mapping[str, pl.DataType] = {
    FieldType.FLOAT: pl.Float64(),
    FieldType.INTEGER: pl.Int64(),
    FieldType.BOOLEAN: pl.Boolean(),
    FieldType.TEXT: pl.String(),
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a measurement: a tag, a field, or the flag of a field."""

    name: str
    kind: str
    type: FieldType

    @property
    def is_tag(self) -> bool:
        """Whether it belongs to the identity."""
        return self.kind == _TAG

    @property
    def dtype(self) -> pl.DataType:
        """Its type in a frame."""
        return pl.Int8() if self.kind == _FLAG else _POLARS[self.type]


def lacking(
    measurement: Measurement, rows: pl.DataFrame, known: Mapping[str, Column], measurements: Iterable[str]
) -> list[Column]:
    """List the columns ``rows`` need that the measurement has not. ``measurements``: all there are.

    Raises StoreError for a name or a type that cannot be kept.
    """
    wanted = _wanted(measurement, rows)
    _refuse_changes(measurement.name, wanted, known)
    new = [column for column in wanted if column.name not in known]
    if not known:
        _refuse_measurement(measurement.name, new, measurements)
    taken = [TIME, *HIDDEN, *known]
    for column in new:
        what = f"{column.kind} {column.name!r} of {measurement.name}"
        _refuse_name(what, column.name, taken)
        if column.name == "*" or (column.name.startswith("^") and column.name.endswith("$")):
            raise StoreError(f"{what}: a name such as * or ^x$ would stand for several columns")
        taken.append(column.name)
    return new


def _refuse_measurement(name: str, new: Sequence[Column], measurements: Iterable[str]) -> None:
    if not new:
        raise StoreError(f"measurement {name!r} has neither tags nor fields")
    _refuse_name(f"measurement {name!r}", name, measurements)
    if _folded(name).startswith(_TAKEN):
        raise StoreError(f"measurement {name!r}: names that begin with {_TAKEN} are taken")


def _wanted(measurement: Measurement, rows: pl.DataFrame) -> list[Column]:
    """List the columns ``rows`` need; an Int8 column is a flag."""
    tags = [Column(tag, _TAG, FieldType.TEXT) for tag in measurement.tags]
    others = {n: kind for n, kind in rows.schema.items() if n not in {TIME, *measurement.tags, *HIDDEN}}
    fields = [Column(n, _FLAG if k == pl.Int8 else _FIELD, _type(n, k)) for n, k in others.items()]
    return [*tags, *fields]


def _type(name: str, dtype: pl.DataType) -> FieldType:
    if dtype.is_float():
        return FieldType.FLOAT
    if dtype.is_integer():
        return FieldType.INTEGER
    if dtype in {pl.Boolean, pl.String}:
        return FieldType.BOOLEAN if dtype == pl.Boolean else FieldType.TEXT
    raise StoreError(f"column {name!r} is {dtype}; allowed: numbers, truth values and text")


def _refuse_changes(measurement: str, wanted: Iterable[Column], known: Mapping[str, Column]) -> None:
    for column in wanted:
        held = known.get(column.name, column)
        if held != column:
            raise StoreError(
                f"{measurement}: {column.name!r} is a {held.kind} of type {held.type} there, "
                f"not a {column.kind} of type {column.type}"
            )


def _refuse_name(what: str, name: str, taken: Iterable[str]) -> None:
    if not name or "\0" in name:
        raise StoreError(f"{what}: a name has at least one character, and none is NUL")
    for other in taken:
        if other != name and _folded(other) == _folded(name):
            raise StoreError(f"{what} differs only in case from {other!r}: SQLite takes both for one name")
        if other == name:
            raise StoreError(f"{what}: this name is taken")


def _folded(name: str) -> str:
    """Give the name as SQLite compares it: only ASCII letters lose their case."""
    return name.encode(errors="surrogatepass").lower().decode(errors="surrogatepass")
