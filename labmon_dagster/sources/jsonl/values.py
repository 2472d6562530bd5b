"""What a JSON value is worth: with a schema line what that says, without one what JSON says."""

from __future__ import annotations

import math
from collections.abc import Iterable

from labmon_dagster.model import FieldType
from labmon_dagster.sources.jsonl.schema import Line, Schema, check_name
from labmon_dagster.sources.processing.instants import ALLOWED, instant

Value = int | float | bool | str
_KINDS = {
    bool: FieldType.BOOLEAN,
    int: FieldType.INTEGER,
    float: FieldType.FLOAT,
    str: FieldType.TEXT,
}
_INFINITE = {"inf": math.inf, "-inf": -math.inf}
_BITS = 2**63


def time_of(line: Line) -> int | None:
    """Give the time of a point in ns, or None. Raises ValueError."""
    if isinstance(line.time, int) and not -_BITS <= line.time < _BITS:
        raise ValueError(f"time {line.time} does not fit 64 bits; allowed: ns since 1970, or {ALLOWED}")
    if isinstance(line.time, str):
        found = instant(line.time)
        if found is None:
            raise ValueError(f"time {line.time!r} cannot be read; allowed: ns since 1970, or {ALLOWED}")
        return found
    return line.time


def tags_of(line: Line, schema: Schema | None) -> tuple[tuple[str, str], ...]:
    """Give the tags of a point that are there, sorted by name. Raises ValueError."""
    there = tuple(sorted((name, text) for name, text in line.tags.items() if text))
    for name, _ in there:
        check_name(name)
        if schema is not None and name not in schema.tags:
            raise ValueError(_undeclared("tag", name, schema, schema.tags))
        if name in line.fields:
            raise ValueError(f"{name!r} is a tag and a field in one line")
    return there


def fields_of(line: Line, schema: Schema | None) -> dict[str, tuple[FieldType, Value]]:
    """Give the fields of a point that are there, each with its kind. Raises ValueError."""
    found: dict[str, tuple[FieldType, Value]] = {}
    for name, value in line.fields.items():
        if value is None:
            continue
        check_name(name)
        if schema is None:
            kind = _KINDS[type(value)]
        elif name in schema.fields:
            kind = schema.fields[name]
        else:
            raise ValueError(_undeclared("field", name, schema, schema.fields))
        found[name] = kind, _exact(name, value, kind)
    if not found:
        raise ValueError(
            'no field has a value; a point is {"time":…,"measurement":…,"tags":{…},"fields":{…}}'
        )
    return found


def _exact(name: str, value: Value, kind: FieldType) -> Value:
    """Give a value as one of its declared kind, if that changes nothing. Raises ValueError."""
    if kind is FieldType.FLOAT and type(value) is int and float(value) == value:
        return float(value)
    if kind is FieldType.FLOAT and isinstance(value, str) and value in _INFINITE:
        return _INFINITE[value]
    if _KINDS[type(value)] is not kind:
        raise ValueError(f"field {name!r}: {value!r} is no {kind}, which the schema line declares")
    if kind is FieldType.INTEGER and not -_BITS <= int(value) < _BITS:
        raise ValueError(f"field {name!r}: {value} does not fit 64 bits; allowed: {-_BITS} to {_BITS - 1}")
    return value


def _undeclared(what: str, name: str, schema: Schema, known: Iterable[str]) -> str:
    listed = ", ".join(sorted(known)) or "none"
    return f"{what} {name!r} is not in the schema of line {schema.line}; there are: {listed}"
