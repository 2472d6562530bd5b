"""The four header lines of a TOA5 file, and the layout of a file without any."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass, fields

import numpy as np

HEADER_LINES = 4
MARK = b'"TOA5"'
_LOOSE_MARK = b"TOA5"
_NEWLINE = 10


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
        """The unit of a column as the header gives it, '' if none."""
        index = self.names.index(name)
        return self.units[index] if index < len(self.units) else ""


def starts_header(data: bytes) -> bool:
    """Whether a line is the first of a TOA5 header."""
    return data.startswith((MARK, _LOOSE_MARK))


def next_header(data: bytes) -> int:
    """Where in ``data``, behind its first line, a TOA5 header begins; -1 if nowhere.

    A table of numbers holds no T at all, and that is seen thirty times faster.
    """
    if b"T" not in data:
        return -1
    return data.find(b"\n" + MARK) + 1 or -1


def line_count(data: bytes) -> int:
    """How many line ends there are (eight times faster than `bytes.count`)."""
    return int(np.count_nonzero(np.frombuffer(data, dtype=np.uint8) == _NEWLINE))


def cells(line: str) -> list[str]:
    """One line of comma-separated cells, quotes removed. Raises HeaderError for quotes that do not close."""
    try:
        return next(csv.reader([line.rstrip("\r\n")], strict=True), [])
    except csv.Error as error:
        raise HeaderError(f"quotes do not close: {error}") from error


def parse_header(lines: list[bytes], encoding: str) -> Header:
    """The header in the first four lines of a TOA5 file. Raises HeaderError."""
    if not lines or not starts_header(lines[0]):
        raise HeaderError('the first line does not begin with "TOA5": give `header: none` and `names` for a file without header')
    try:
        rows = [cells(line.decode(encoding)) for line in lines[:HEADER_LINES]]
    except UnicodeDecodeError as error:
        raise HeaderError(f"header is not {encoding}: {error.reason}; declare `encoding: latin-1`") from error
    for number, row in enumerate(rows[1:], start=2):
        if row and _is_data(row):
            raise HeaderError(f"line {number} holds data: only {number - 1} of the 4 header lines are there")
    if len(rows) < HEADER_LINES:
        raise HeaderError(f"only {len(rows)} of the 4 header lines are there")
    about, names, units, processing = rows
    if len({len(names), len(units), len(processing)}) > 1:
        raise HeaderError(f"names, units and processing have {len(names)}, {len(units)} and {len(processing)} columns: they must agree")
    return Header(tuple(checked_names(names)), tuple(units), tuple(processing), *(about[1:8] + [""] * 7)[:7])


def checked_names(names: list[str]) -> list[str]:
    """The column names, if none is missing or there twice. Raises HeaderError."""
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        raise HeaderError(f"column names stand more than once: {', '.join(twice)}")
    if "" in names:
        raise HeaderError(f"column {names.index('') + 1} has no name")
    return names


def _is_data(row: list[str]) -> bool:
    stamp = row[0]
    return len(stamp) >= 10 and stamp[:4].isdigit() and stamp[4] == "-" and stamp[5:7].isdigit()
