"""JSON lines to points, portion by portion."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

import msgspec

from labmon_dagster.model.points import BadLine, Points
from labmon_dagster.sources.jsonl.schema import Head, Line, Schema, UnknownFormatError
from labmon_dagster.sources.jsonl.values import fields_of, tags_of, time_of
from labmon_dagster.sources.line_protocol.pieces import Piece, joined
from labmon_dagster.sources.line_protocol.reader import portions
from labmon_dagster.sources.line_protocol.rows import Row, frames
from labmon_dagster.sources.line_protocol.words import Series

_BYTE = re.compile(r" \(byte (\d+)\)")
_IS_HEAD = re.compile(rb'\s*\{\s*"format"\s*:')
_POINT, _HEAD = msgspec.json.Decoder(Line), msgspec.json.Decoder(Head)


def read(stream: BinaryIO) -> Iterator[Points | BadLine]:
    """Read JSON lines, at most 50,000 at a time.

    A schema line counts for the points of its measurement that follow it. Raises ValueError for one of
    another format or version, and for a line of more than 16 MB.
    """
    reader = _Reader()
    for portion in portions(stream):
        points = reader.portion(portion)
        yield from reader.bad
        yield from points


class _Reader:
    """Reads portions; what the schema lines of earlier ones said still counts."""

    def __init__(self) -> None:
        self.line = 0
        self.bad: list[BadLine] = []
        self._rows: dict[str, list[Row]] = {}
        self._pieces: list[Piece] = []
        self._schemas: dict[str, Schema] = {}

    def portion(self, text: bytes) -> list[Points]:
        """Read whole lines; ``bad`` has those of them that are no points."""
        self.bad, self._pieces = [], []
        for number, line in enumerate(text.split(b"\n"), self.line + 1):
            if line and not line.isspace():
                self._take(line, number)
        self.line += text.count(b"\n")
        for measurement in list(self._rows):
            self._close(measurement)
        return joined(self._pieces)

    def _take(self, line: bytes, number: int) -> None:
        try:
            if _IS_HEAD.match(line):
                head = _HEAD.decode(line)
                self._close(head.measurement)
                self._schemas[head.measurement] = Schema.of(head, number)
            else:
                row = self._row(_POINT.decode(line), number)
                self._rows.setdefault(row.series.measurement, []).append(row)
        except UnknownFormatError:
            raise
        except ValueError as error:  # msgspec's are such
            self.bad.append(_bad(line, number, error))

    def _row(self, point: Line, number: int) -> Row:
        if not point.measurement:
            raise ValueError("the measurement has no name")
        schema = self._schemas.get(point.measurement)
        tags = tags_of(point, schema)
        return Row(Series(point.measurement, tags), fields_of(point, schema), time_of(point), number)

    def _close(self, measurement: str) -> None:
        """Make frames of the rows up to here; they have all columns that their schema line declares."""
        rows, schema = self._rows.pop(measurement, []), self._schemas.get(measurement)
        if rows and schema is not None:
            self._pieces.append(schema.piece(measurement))
        self._pieces += frames(rows)


def _bad(line: bytes, number: int, error: ValueError) -> BadLine:
    said = str(error)
    at = _BYTE.search(said)
    column = int(at[1]) + 1 if at else 0
    reason = "not UTF-8" if isinstance(error, UnicodeDecodeError) else _BYTE.sub("", said)
    return BadLine(number, column, reason, line.decode(errors="backslashreplace").removesuffix("\r"))
