"""How names and texts are written in line protocol and in InfluxQL, and which cannot be written at all."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

import polars as pl

from labmon_dagster.model import Window

CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_INFLUXQL: Mapping[type[pl.DataType], str] = {
    pl.Float64: "float",
    pl.Int64: "integer",
    pl.Int8: "integer",
    pl.Boolean: "boolean",
    pl.String: "string",
}
_EARLIEST, LATEST = -(2**63) + 2, 2**63 - 2
_RESERVED = {"time", "_time", "_field", "_measurement"}
_SYSTEM = {"_fieldKeys", "_measurements", "_name", "_series", "_tagKey", "_tagKeys", "_tags"}


def complaint_about_tag(text: str) -> str | None:
    """Say why a tag's text cannot be written; None if it can."""
    if text.endswith("\\"):
        return f"line protocol cannot carry a tag that ends in a backslash: {text!r}"
    if CONTROL.search(text):
        return f"line protocol cannot carry control characters (a newline is one) in a tag: {text!r}"
    return None


def complaint_about_measurement(name: str) -> str | None:
    """Say why a measurement cannot have this name; None if it can."""
    if name in _SYSTEM:
        return f"InfluxDB keeps this name for itself: {name!r}"
    return _complaint(name)


def complaint_about_name(name: str) -> str | None:
    """Say why a tag or field cannot have this name; None if it can."""
    if name in _RESERVED:
        return f"InfluxDB keeps this name for itself: {name!r}"
    return _complaint(name)


def _complaint(name: str) -> str | None:
    if not name:
        return "a name has at least one character"
    if CONTROL.search(name) or "\\" in name:
        return f"line protocol carries no backslash and no control character in a name: {name!r}"
    if name.startswith("#"):
        return f"# begins a comment in line protocol: {name!r}"
    return None


def key(name: str) -> str:
    """A tag or field name, or a tag's text, as line protocol writes it."""
    return name.replace(",", r"\,").replace("=", r"\=").replace(" ", r"\ ")


def series_key(measurement: str, tags: Iterable[tuple[str, str]]) -> str:
    """Measurement and tags (sorted by name) as line protocol writes them; an absent tag ('') is left out."""
    name = measurement.replace(",", r"\,").replace(" ", r"\ ")
    return name + "".join(f",{key(tag)}={key(text)}" for tag, text in tags if text)


def quoted(name: str) -> str:
    """A name in InfluxQL."""
    return '"' + name.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n") + '"'


def listed(names: Iterable[str]) -> str:
    """Names in InfluxQL, separated by commas."""
    return ", ".join(map(quoted, names))


def select(columns: str, measurement: str, where: str, tags: Sequence[str]) -> str:
    """The question for columns of a measurement, series by series."""
    groups = f" GROUP BY {listed(tags)}" if tags else ""
    return f"SELECT {columns} FROM {quoted(measurement)} {where}{groups}"


def text(value: str) -> str:
    """A text in InfluxQL."""
    return "'" + value.replace("\\", r"\\").replace("'", r"\'").replace("\n", r"\n") + "'"


def condition(tag: str, value: str) -> str:
    """The condition that a tag has this text ('' where it is absent)."""
    return f"{quoted(tag)} = {text(value)}"


def where(window: Window, tags: Mapping[str, str]) -> str:
    """The condition that a point lies in a window, and in series with these tags."""
    start, end = max(window.start, _EARLIEST), min(window.end, LATEST)
    conditions: Iterator[str] = (condition(tag, text) for tag, text in tags.items())
    return " AND ".join([f"WHERE time >= {start} AND time < {end}", *conditions])


def typed(fields: Mapping[str, pl.DataType]) -> str:
    """Name fields with their types: a value that others wrote under another one is left out."""
    return ", ".join(f"{quoted(name)}::{_INFLUXQL[type(kind)]}" for name, kind in fields.items())
