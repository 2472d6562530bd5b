"""One point after the other: lines with quotes, backslashes or errors, which take more than a glance."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import polars as pl
import pyarrow as pa

from labmon_dagster.model import PLACE, TIME, FieldType
from labmon_dagster.model.points import BadLine
from labmon_dagster.sources.line_protocol.pieces import Piece
from labmon_dagster.sources.line_protocol.words import Series, Value, WrongError, instant, key, series, value

_HEAD = re.compile(r"(?:[^\n \\]|\\+[^\n\\])*+\\*")
_TEXT = re.compile(r'"([^"\\]*+(?:\\.[^"\\]*+)*+)"', re.DOTALL)
_WORD = re.compile(r"[^,\s]*")
_SPACES = re.compile(r" *")
_COMMENT = re.compile(r" *#[^\x00-\x08\x0a-\x1f\x7f]*\r?(?=\n|\Z)")
_EMPTY = re.compile(r" *\r?(?=\n|\Z)")
_END = re.compile(r" *\r?(?=\n|\Z)")
_ESCAPE = re.compile(r'\\(["\\])')
_NOT_UTF8 = re.compile(r"[\ud800-\udfff]")
UNENDED = 'the text that begins here does not end: a " is missing'


@dataclass(frozen=True, slots=True)
class Row:
    """A point: ``time`` in ns or None, and the ``line`` it begins in."""

    series: Series
    fields: dict[str, tuple[FieldType, Value]]
    time: int | None
    line: int

    @property
    def shape(self) -> tuple[object, ...]:
        """What rows of one frame have in common."""
        kinds = ((name, kind) for name, (kind, _) in self.fields.items())
        return self.series.measurement, self.series.names, *kinds


def read_row(text: str, start: int, line: int, unit: int) -> tuple[Row | BadLine | None, int]:
    """Read what begins at ``start``: a point, a bad line, or nothing (a comment); give also where it ends.

    ``line`` is its number, ``unit`` the ns of one unit of its time stamp.
    """
    for nothing in (_EMPTY, _COMMENT):
        if found := nothing.match(text, start):
            return None, found.end()
    try:
        row, end = _point(text, start, line, unit)
    except WrongError as wrong:
        return _bad(text, start, line, wrong)
    if lost := _NOT_UTF8.search(text, start, end):
        return _bad(text, start, line, WrongError(lost.start(), "not UTF-8"), end)
    return row, end


def _point(text: str, start: int, line: int, unit: int) -> tuple[Row, int]:
    begin = _SPACES.match(text, start).end()  # type: ignore[union-attr]
    head = _HEAD.match(text, begin)
    assert head is not None
    try:
        of = series(head[0].removesuffix("\r"))
    except WrongError as wrong:
        raise WrongError(begin + wrong.at, str(wrong)) from wrong
    fields, at = _fields(text, head.end())
    both = next((name for name in fields if name in of.names), None)
    if both is not None:
        raise WrongError(head.end() + 1, f"{both!r} is a tag and a field in one line")
    if end := _END.match(text, at):
        return Row(of, fields, None, line), end.end()
    at = _SPACES.match(text, at).end()  # type: ignore[union-attr]
    word = _WORD.match(text, at)
    assert word is not None
    time = instant(word[0], at, unit)
    end = _END.match(text, word.end())
    if end is None:
        raise WrongError(word.end(), "nothing may stand behind the time stamp")
    return Row(of, fields, time, line), end.end()


def _fields(text: str, at: int) -> tuple[dict[str, tuple[FieldType, Value]], int]:
    found: dict[str, tuple[FieldType, Value]] = {}
    after = _SPACES.match(text, at).end()  # type: ignore[union-attr]
    if _END.match(text, after):
        raise WrongError(after, "no field; a line is: measurement,tag=text field=value time")
    while True:
        name, start = key(text, after, "field")
        if name in found:
            raise WrongError(after, f"field {name!r} stands twice")
        found[name], at = _value(text, start)
        if not text.startswith(",", at):
            if text.startswith(" ", at) or _END.match(text, at):
                return found, at
            raise WrongError(at, f"{text[at]!r} cannot stand behind the value of field {name!r}")
        after = at + 1


def _value(text: str, at: int) -> tuple[tuple[FieldType, Value], int]:
    if text.startswith('"', at):
        quoted = _TEXT.match(text, at)
        if quoted is None:
            raise WrongError(at, UNENDED)
        return (FieldType.TEXT, _ESCAPE.sub(r"\1", quoted[1])), quoted.end()
    word = _WORD.match(text, at)
    assert word is not None
    return value(word[0], at), word.end()


def _bad(text: str, start: int, line: int, wrong: WrongError, least: int = 0) -> tuple[BadLine, int]:
    """Give the bad line, up to the end of the line in which it went wrong, and where that is."""
    end = text.find("\n", max(wrong.at, least))
    end = len(text) if end < 0 else end
    before = text.count("\n", start, wrong.at)
    column = wrong.at - max(start, text.rfind("\n", start, wrong.at) + 1) + 1
    return BadLine(line + before, column, str(wrong), shown(text[start:end])), end


def shown(text: str) -> str:
    """Give a text as it stood, bytes that are not UTF-8 written out."""
    return text.removesuffix("\r").encode(errors="surrogateescape").decode(errors="backslashreplace")


def frames(rows: Iterable[Row]) -> Iterator[Piece]:
    """Put rows of one shape into one frame."""
    groups: dict[object, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.shape, []).append(row)
    for some in groups.values():
        of, kinds = some[0].series, {name: kind for name, (kind, _) in some[0].fields.items()}
        columns = {TIME: pa.array([row.time for row in some], pa.int64())}
        for number, name in enumerate(of.names):
            columns[name] = pa.array([row.series.tags[number][1] for row in some], pa.string())
        for name, kind in kinds.items():
            columns[name] = pa.array([row.fields[name][1] for row in some], kind.arrow)
        columns[PLACE] = pa.array([row.line for row in some], pa.int64())
        yield Piece(of.measurement, of.names, kinds, pl.DataFrame(pa.table(columns)))
