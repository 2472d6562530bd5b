"""Rows as text, chunk by chunk onto a stream: an aligned table, CSV, JSON lines, line protocol."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TextIO, TypeAlias

import polars as pl

from labmon_dagster.model import TIME

Writer: TypeAlias = Callable[[pl.DataFrame], None]
"""Takes the next rows, in order."""

SEVERAL = "(several)"  # in place of the name of a measurement, where the rows bring their own
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]")
_NEEDS_QUOTES = re.compile(r'[",\r\n]')


class Format(StrEnum):
    """How rows are written."""

    TABLE = "table"
    CSV = "csv"
    JSONL = "jsonl"
    LINE = "line"


@dataclass(frozen=True, slots=True)
class Columns:
    """What is written of a measurement: its tags, then its fields (flags included), each by name."""

    measurement: str
    tags: tuple[str, ...]
    fields: tuple[str, ...]

    @classmethod
    def of(cls, measurement: str, tags: Iterable[str], fields: Iterable[str]) -> Columns:
        """Put the columns into the order they are written in."""
        return cls(measurement, tuple(sorted(tags)), tuple(sorted(fields)))

    @property
    def names(self) -> tuple[str, ...]:
        """All columns, the time first."""
        return (TIME, *self.tags, *self.fields)


def writer(form: Format, columns: Columns, stream: TextIO) -> Writer:
    """Make a writer of rows in one of the formats. A heading, if the format has one, is written at once."""
    makers = {Format.TABLE: _table, Format.CSV: _csv, Format.JSONL: _jsonl, Format.LINE: _line}
    return makers[form](columns, stream)


def aligned(
    rows: Sequence[Sequence[str]], widths: Sequence[int] = (), right: Iterable[int] = ()
) -> list[str]:
    """Cells as lines of columns, each at least as wide as ``widths`` says; ``right`` ones hang right."""
    wide = [max(map(len, column)) for column in zip(*rows, strict=True)]
    wide = [max(a, b) for a, b in zip(wide, widths or wide, strict=True)]
    hang = set(right)
    return [
        "  ".join(
            cell.rjust(width) if n in hang else cell.ljust(width)
            for n, (cell, width) in enumerate(zip(row, wide, strict=True))
        ).rstrip()
        for row in rows
    ]


def printable(text: str) -> str:
    """Write out control characters, so that a text cannot disturb a terminal."""
    return _CONTROL.sub(lambda found: repr(found[0])[1:-1], text)


def time_texts(times: pl.Series) -> list[str]:
    """Write times in RFC 3339, UTC, nine digits."""
    return times.dt.strftime("%Y-%m-%dT%H:%M:%S%.9fZ").to_list()


def _plain(values: pl.Series) -> list[str | None]:
    """Values as text that reads back as the same value; null stays None."""
    if values.dtype == pl.Boolean:
        return [None if value is None else ("false", "true")[value] for value in values]
    if values.dtype.is_float():
        return [None if value is None else repr(value) for value in values.to_list()]
    if isinstance(values.dtype, pl.Datetime):
        return list(time_texts(values))
    return [None if value is None else str(value) for value in values.to_list()]


def _csv(columns: Columns, stream: TextIO) -> Writer:
    def cells(name: str, values: pl.Series) -> list[str]:
        if values.dtype != pl.String:
            return ["" if text is None else text for text in _plain(values)]
        nothing = "" if name in columns.tags else '""'
        return ["" if text is None else _quoted(text) if text else nothing for text in values.to_list()]

    def write(rows: pl.DataFrame) -> None:
        listed = [cells(name, rows[name]) for name in columns.names]
        stream.writelines(f"{','.join(row)}\n" for row in zip(*listed, strict=True))

    stream.write(",".join(_quoted(name) for name in columns.names) + "\n")
    return write


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if _NEEDS_QUOTES.search(text) else text


def _table(columns: Columns, stream: TextIO) -> Writer:
    widths = [len(name) for name in columns.names]
    headed = False

    def write(rows: pl.DataFrame) -> None:
        nonlocal widths, headed
        cells = [[printable(text or "") for text in _plain(rows[name])] for name in columns.names]
        lines = [] if headed else [columns.names]
        lines += zip(*cells, strict=True)
        widths = [
            max(wide, *map(len, column)) if column else wide
            for wide, column in zip(widths, cells, strict=True)
        ]
        numbers = [n for n, name in enumerate(columns.names) if rows.schema[name].is_numeric()]
        stream.writelines(f"{line}\n" for line in aligned(lines, widths, numbers))
        headed = True

    return write


def _jsonl(columns: Columns, stream: TextIO) -> Writer:
    def members(name: str, values: pl.Series) -> list[str | None]:
        key = json.dumps(name, ensure_ascii=False)
        texts = _plain(values)
        if values.dtype == pl.String or isinstance(values.dtype, pl.Datetime):
            absent = name in columns.tags
            texts = [
                None if t is None or (absent and not t) else json.dumps(t, ensure_ascii=False) for t in texts
            ]
        elif values.dtype.is_float():
            # JSON has no infinity and no NaN: they are written as text.
            texts = [t if t is None or t[-1].isdigit() else f'"{t}"' for t in texts]
        return [None if text is None else f"{key}:{text}" for text in texts]

    def write(rows: pl.DataFrame) -> None:
        listed = [members(name, rows[name]) for name in columns.names]
        stream.writelines(f"{{{','.join(filter(None, row))}}}\n" for row in zip(*listed, strict=True))

    return write


def _line(columns: Columns, stream: TextIO) -> Writer:
    if columns.measurement.startswith("#"):
        raise ValueError(
            f"line protocol cannot carry measurement {columns.measurement!r}: # begins a comment"
        )
    measurement = _escaped(columns.measurement, ", ", "measurement")
    keys = {name: _escaped(name, ",= ", "name") for name in (*columns.tags, *columns.fields)}

    def tags(name: str, values: pl.Series) -> list[str]:
        told = {
            text: f",{keys[name]}={_escaped(text, ',= ', f'tag {name}')}" for text in values.unique() if text
        }
        return [told.get(text, "") for text in values.to_list()]

    def fields(name: str, values: pl.Series) -> list[str | None]:
        return [None if text is None else f"{keys[name]}={text}" for text in _line_values(values)]

    def write(rows: pl.DataFrame) -> None:
        times = rows[TIME].cast(pl.Int64).to_list()
        prefixes = _joined("", [tags(name, rows[name]) for name in columns.tags], rows.height)
        values = _joined(",", [fields(name, rows[name]) for name in columns.fields], rows.height)
        stream.writelines(
            f"{measurement}{prefix} {value} {time}\n"
            for prefix, value, time in zip(prefixes, values, times, strict=True)
            if value
        )

    return write


def _line_values(values: pl.Series) -> list[str | None]:
    """Field values in line protocol; None where there is none, or one it cannot carry (NaN, infinity)."""
    listed = values.to_list()
    if values.dtype == pl.String:
        return [
            None if v is None else '"' + v.replace("\\", "\\\\").replace('"', '\\"') + '"' for v in listed
        ]
    if values.dtype.is_float():
        return [repr(v) if v is not None and math.isfinite(v) else None for v in listed]
    suffix = "i" if values.dtype.is_integer() else ""
    return [None if text is None else text + suffix for text in _plain(values)]


def _joined(separator: str, parts: Sequence[Sequence[str | None]], count: int) -> list[str]:
    return [separator.join(filter(None, row)) for row in zip(*parts, strict=True)] if parts else [""] * count


def _escaped(text: str, special: str, what: str) -> str:
    if _UNPRINTABLE.search(text) or text.endswith("\\"):
        raise ValueError(
            f"line protocol cannot carry {what} {text!r}: "
            "it allows no control characters (a newline is one) and no \\ at the end"
        )
    for character in special:
        text = text.replace(character, f"\\{character}")
    return text
