"""Which column is what, and how its texts become values: made once for each table."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from labmon_dagster.model import ORDER, PLACE, TIME, FieldType
from labmon_dagster.model.stamps import Zone
from labmon_dagster.sources.annotated_csv.columns import Column, Role, placeholders
from labmon_dagster.sources.annotated_csv.values import Converter, converter, time_converter

VALUE = "_value"
_FIELD, _TIME, _MEASUREMENT = "_field", "_time", "_measurement"
_SPAN = ("_start", "_stop")
_RESULT = ["", "result", "table"]
TAKEN = (TIME, ORDER, PLACE)
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class ValueColumn:
    """A column of values. Where they are copied as they are ``reads`` is None, and ``kind`` the last seen."""

    column: Column
    kind: FieldType | None
    reads: Converter | None


@dataclass(slots=True)
class Plan:
    """The columns of a table by what they are in a point.

    ``names`` is the column that says which field `_value` is, in a Flux result. ``told`` are the columns of
    which a warning was given.
    """

    columns: list[Column]
    measurement: Column
    tags: dict[str, Column]
    fields: dict[str, ValueColumn]
    time: Column | None
    reads_time: Converter | None
    names: Column | None = None
    told: set[str] = field(default_factory=set)


def plan(columns: list[Column], zone: Zone, line: int, *, strict: bool) -> Plan:
    """Say what each column is. Raises ValueError where a table cannot be read."""
    labels = [column.label for column in columns]
    flux = _FIELD in labels
    if flux != (VALUE in labels):
        raise ValueError(
            "_field and _value stand together or not at all: one names the field, the other is its value"
        )
    measurement = _last([c for c in columns if c.label == _MEASUREMENT or c.role is Role.MEASUREMENT])
    if measurement is None:
        raise ValueError(
            "no column is the measurement; #datatype measurement or #constant measurement,name says it"
        )
    time = _time(columns, line)
    left = [c for c in columns if _is_left(c, columns) and c is not measurement]
    tags = _tags([c for c in left if c.role is Role.TAG and c.label not in {_FIELD, VALUE}], line)
    if flux:
        left = [c for c in left if c.role is Role.FIELD or c.label == VALUE]
    fields = _fields(
        [c for c in left if (c.role is not Role.TAG or c.label == VALUE) and c.label != _FIELD], strict=strict
    )
    _check(columns, tags, fields)
    names = next((c for c in columns if c.label == _FIELD), None) if flux else None
    reads = time_converter(time.form if time.type == "dateTime" else "", zone) if time else None
    return Plan(columns, measurement, tags, fields, time, reads, names)


def _last(columns: Sequence[Column]) -> Column | None:
    return columns[-1] if columns else None


def _time(columns: Sequence[Column], line: int) -> Column | None:
    """The column of the time: `_time`, or else the last one that is not the span of a Flux result."""
    times = [c for c in columns if (c.role is Role.TIME and c.label != VALUE) or c.label == _TIME]
    own = [c for c in times if c.label not in _SPAN]
    found = _last([c for c in own if c.label == _TIME]) or _last(own) or _last(times)
    for other in own:
        if other is not found and found is not None:
            _log.warning(
                "line %d: column %d (%s) is left out: a point has one time, and column %d (%s) is it",
                line,
                other.number,
                other.label,
                found.number,
                found.label,
            )
    return found


def _is_left(column: Column, columns: Sequence[Column]) -> bool:
    """Whether a column is a tag or a field: it has a name, and no other part."""
    if not column.label.strip() or column.role in {Role.IGNORED, Role.MEASUREMENT} or column.label == _TIME:
        return False
    if [c.label for c in columns[:3]] == _RESULT and column.index in {1, 2}:
        return False
    return column.role is not Role.TIME or column.label == VALUE


def _tags(columns: Sequence[Column], line: int) -> dict[str, Column]:
    """Tags by name; of those with one name the last."""
    found: dict[str, Column] = {}
    for column in columns:
        if column.label in found:
            _log.warning("line %d: tag %r stands twice; the last one is taken", line, column.label)
        found[column.label] = column
    return found


def _fields(columns: Sequence[Column], *, strict: bool) -> dict[str, ValueColumn]:
    found: dict[str, ValueColumn] = {}
    for column in columns:
        if column.label in found:
            raise ValueError(f"column {column.number}: field {column.label!r} stands twice")
        if column.role is Role.TIME:
            raise ValueError(
                f"column {column.number} ({column.label}): a time cannot be the value of a field"
            )
        if not column.type:
            found[column.label] = ValueColumn(column, None, None)
            continue
        try:
            found[column.label] = ValueColumn(column, *converter(column.type, column.form, strict=strict))
        except ValueError as error:
            raise ValueError(f"column {column.number} ({column.label}): {error}") from error
    return found


def _check(columns: Sequence[Column], tags: dict[str, Column], fields: dict[str, ValueColumn]) -> None:
    labels = [column.label for column in columns]
    for name in (*tags, *fields):
        if name in TAKEN:
            raise ValueError(f"no tag or field may be called {name!r}: labmon has a column of this name")
        if name in tags and name in fields:
            raise ValueError(f"{name!r} is a tag and a field")
    for column in columns:
        for name in placeholders(column.template):
            if name not in labels:
                raise ValueError(
                    f"{column.template!r} names no column: {name!r}; there are: {', '.join(labels)}"
                )
