"""The four header lines of a TOA5 file, and the layout of a file without any."""

from __future__ import annotations

import csv
import re
from collections import Counter
from dataclasses import dataclass, fields

import numpy as np

HEADER_LINES = 4
BOM = b"\xef\xbb\xbf"
MARK = b'"TOA5"'
_BEGINNINGS = (MARK, b"TOA5", BOM + MARK, BOM + b"TOA5")
_NEWLINE = 10
_CACHED = 1 << 17
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_ROW = re.compile(rb'\n"?\d{4}-\d\d-\d\d')


class HeaderError(ValueError):
    """The header cannot be understood; the text says what was found and what is expected."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a table says of itself. ``names``, ``units`` and ``processing`` have one entry per column."""

    names: tuple[str, ...]
    units: tuple[str, ...] = ()
    processing: tuple[str, ...] = ()
    station: str = ""
    model: str = ""
    serial: str = ""
    os: str = ""
    program: str = ""
    signature: str = ""
    table: str = ""

    @property
    def labels(self) -> dict[str, str]:
        """The texts a tag may name: station, model, serial, os, program, signature, table."""
        return {f.name: getattr(self, f.name) for f in fields(self)[3:]}

    def unit(self, name: str) -> str:
        """Give the unit of a column as the header has it, '' if none."""
        index = self.names.index(name)
        return self.units[index] if index < len(self.units) else ""


def starts_header(data: bytes) -> bool:
    """Whether a line is the first of a TOA5 header."""
    return data.startswith(_BEGINNINGS)


def next_header(data: bytes, start: int = 0) -> int:
    """Find where behind ``start`` and its line a TOA5 header begins; -1 if nowhere.

    A table of numbers holds no T at all, and that is seen thirty times faster.
    """
    if b"T" not in data:
        return -1
    return data.find(b"\n" + MARK, start) + 1 or -1


def holds_data(section: bytes) -> bool:
    """Whether a row stands behind the first line of a section."""
    return _ROW.search(section) is not None


def line_count(data: bytes) -> int:
    """Count the line ends, in pieces that stay in the processor's cache (much faster than `bytes.count`)."""
    seen = np.frombuffer(data, dtype=np.uint8)
    pieces = (seen[at : at + _CACHED] for at in range(0, len(data), _CACHED))
    return sum(int(np.count_nonzero(piece == _NEWLINE)) for piece in pieces)


def cells(line: str) -> list[str]:
    """Split a line into its cells, quotes removed. Raises HeaderError for quotes that do not close."""
    try:
        return next(csv.reader([line.rstrip("\r\n")], strict=True), [])
    except csv.Error as error:
        raise HeaderError(f"quotes do not close: {error}") from error


def parse_header(lines: list[bytes], encoding: str) -> Header:
    """Understand the first four lines of a TOA5 file. Raises HeaderError."""
    if not lines or not starts_header(lines[0]):
        raise HeaderError(
            'the first line does not begin with "TOA5"; a file without it needs `header: none` and `names`'
        )
    try:
        rows = [cells(line.decode(encoding)) for line in lines[:HEADER_LINES]]
    except UnicodeDecodeError as error:
        raise HeaderError(f"header is not {encoding}: {error.reason}; declare `encoding: latin-1`") from error
    for number, row in enumerate(rows[1:], start=2):
        if row and _DATE.match(row[0]):
            raise HeaderError(f"line {number} holds data: only {number - 1} of the 4 header lines are there")
    if len(rows) < HEADER_LINES:
        raise HeaderError(f"only {len(rows)} of the 4 header lines are there")
    about, names, units, processing = rows
    widths = (len(names), len(units), len(processing))
    if len(set(widths)) > 1:
        raise HeaderError(
            "names, units and processing have {}, {} and {} columns: they must agree".format(*widths)
        )
    return Header(tuple(checked_names(names)), tuple(units), tuple(processing), *(about[1:8] + [""] * 7)[:7])


def checked_names(names: list[str]) -> list[str]:
    """Give the column names back, if none is missing or there twice. Raises HeaderError."""
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        raise HeaderError(f"column names stand more than once: {', '.join(twice)}")
    if "" in names:
        raise HeaderError(f"column {names.index('') + 1} has no name")
    return names
