"""Line protocol to points: the plain lines many at once, the others one by one."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from labmon_dagster.model import PLACE
from labmon_dagster.model.points import BadLine, Points
from labmon_dagster.sources.line_protocol.pieces import joined
from labmon_dagster.sources.line_protocol.plain import LINE, plain_pieces
from labmon_dagster.sources.line_protocol.rows import UNENDED, Row, frames, read_row

_ORDINARY = bytes({*range(256)} - {*range(0x20), 0x7F, *b'"\\'} | {*b"\r\n"})
_ODD = re.compile(r'["\\\x00-\x1f\x7f\ud800-\udfff]')
_NUMBERS = pl.Int64()


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a text holds. ``rest``: a point at its end whose quotes do not close before the text ends."""

    points: list[Points]
    bad: list[BadLine]
    rest: bytes = b""


def parse(text: bytes, first_line: int = 1, *, unit: int = 1, ended: bool = True) -> Parsed:
    """Read line protocol; the first line is number ``first_line``, a unit of the time stamps ``unit`` ns.

    Rows of a measurement are one `Points` as long as each column is always of one kind, in the order of the
    text; the tables are in the order of their first rows. What is no point is a `BadLine`. Where the text
    has not ``ended``, a last point whose quotes do not close is given back as ``rest``.
    """
    reader = _OneByOne(unit)
    whole = _plain(text)
    if whole is None:
        lines = reader.sorted_out(text.decode(errors="surrogateescape"), first_line, ended=ended)
    else:
        column = pl.Series(LINE, [whole]).str.split("\n").explode()
        lines = pl.DataFrame([pl.Series(PLACE, np.arange(first_line, first_line + len(column))), column])
    pieces, others = plain_pieces(lines, unit)
    for number, line in others.iter_rows():
        reader.take(line, 0, number)
    bad = sorted(reader.bad, key=lambda one: (one.line, one.column))
    ordered = sorted([*pieces, *frames(reader.rows)], key=lambda piece: int(piece.rows[PLACE][0]))
    return Parsed(joined(ordered), bad, reader.rest)


def _plain(text: bytes) -> str | None:
    """Give a text that holds no quote, backslash, control character, or byte that is not UTF-8."""
    if text.translate(None, _ORDINARY) or text.count(b"\r") > text.count(b"\r\n") + text.endswith(b"\r"):
        return None
    try:
        return text.decode()
    except UnicodeDecodeError:
        return None


@dataclass(slots=True)
class _OneByOne:
    """Collects what is read one by one."""

    unit: int
    rows: list[Row] = field(default_factory=list)
    bad: list[BadLine] = field(default_factory=list)
    rest: bytes = b""

    def take(self, text: str, start: int, number: int) -> int:
        """Read the point that begins at ``start``, in line ``number``. Give where it ends."""
        found, end = read_row(text, start, number, self.unit)
        if isinstance(found, Row):
            self.rows.append(found)
        elif found is not None:
            self.bad.append(found)
        return end

    def sorted_out(self, text: str, number: int, *, ended: bool) -> pl.DataFrame:
        """Read the points that are not plain; give the plain lines."""
        start, numbers, lines = 0, list[int](), list[str]()
        while start < len(text):
            end = text.find("\n", start)
            end = len(text) if end < 0 else end
            line = text[start:end].removesuffix("\r")
            if _ODD.search(line):
                end = self.take(text, start, number)
                if not ended and self.bad and self.bad[-1].reason is UNENDED:
                    self.bad.pop()
                    self.rest = text[start:].encode(errors="surrogateescape")
                    break
                number += text.count("\n", start, end)
            else:
                numbers.append(number)
                lines.append(line)
            start, number = end + 1, number + 1
        return pl.DataFrame(
            {PLACE: pl.Series(numbers, dtype=_NUMBERS), LINE: pl.Series(lines, dtype=pl.String())}
        )
