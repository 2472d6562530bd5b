"""A stream of bytes cut into whole CSV records, with the line each begins in.

A record ends at a newline outside of quotes. Where quotes stand as they must, all ends of a block are found
at once; otherwise record by record, and a line with a stray quote is set apart alone.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import BinaryIO, TypeAlias

import numpy as np
import numpy.typing as npt

from labmon_dagster.model.points import BadLine

BLOCK = 1 << 21
LONGEST = 1 << 24
_SHOWN = 4096
_BOM = b"\xef\xbb\xbf"
_NEWLINE, _QUOTE, _RETURN = b'\n"\r'
_SEPARATION = re.compile(rb"sep=([^\r\n]*)\r?\n")
_NONE = np.zeros(0, dtype=np.int64)
_STRAY = 'a " stands inside a cell, or is not closed; a cell with quotes is written "so ""quoted"" it is"'

Numbers: TypeAlias = npt.NDArray[np.int64]
_Bytes: TypeAlias = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Records:
    """Whole records, one behind the other: their bytes, where each begins and the last ends, its line."""

    data: bytes
    edges: Numbers
    lines: Numbers

    def __len__(self) -> int:
        return len(self.lines)

    def part(self, first: int, last: int) -> Records:
        """Records from ``first`` to before ``last``."""
        low, high = int(self.edges[first]), int(self.edges[last])
        return Records(self.data[low:high], self.edges[first : last + 1] - low, self.lines[first:last])

    def only(self, wanted: npt.NDArray[np.bool_]) -> Records:
        """Some of the records."""
        data = b"".join(self.raw(int(n)) for n in np.flatnonzero(wanted))
        lengths = np.diff(self.edges)[wanted]
        return Records(data, np.concatenate([[0], np.cumsum(lengths)]), self.lines[wanted])

    def raw(self, number: int) -> bytes:
        """The bytes of one record, with its newline."""
        return self.data[self.edges[number] : self.edges[number + 1]]

    @property
    def special(self) -> Numbers:
        """Numbers of the records that are empty or begin with #."""
        first, quoted = self._bytes(0), self._bytes(1)
        marked = (first == ord("#")) | ((first == _QUOTE) & (quoted == ord("#")))
        return np.flatnonzero(marked | (first == _NEWLINE) | ((first == _RETURN) & (quoted == _NEWLINE)))

    def _bytes(self, at: int) -> _Bytes:
        """The byte of each record at a place; that of its end where it is shorter."""
        found = np.minimum(self.edges[:-1] + at, self.edges[1:] - 1)
        return np.frombuffer(self.data, np.uint8)[found]


_Cutting: TypeAlias = Generator[Records | BadLine, None, bytes]


class Splitter:
    """Cuts a stream into records; ``separator`` is known after the first of them."""

    def __init__(self, stream: BinaryIO) -> None:
        self.separator = ","
        self._stream = stream
        self._line = 1
        self._record, self._begun = _patterns(",")

    def __iter__(self) -> Iterator[Records | BadLine]:
        data = self._stream.read(BLOCK)
        while b"\n" not in data and len(data) < LONGEST and (more := self._stream.read(BLOCK)):
            data += more
        data = yield from self._beginning(data.removeprefix(_BOM))
        while True:
            more = self._stream.read(BLOCK)
            data += more if more or not data or data.endswith(b"\n") else b"\n"
            data = yield from self._cut(data, at_end=not more)
            if not more:
                return

    def _beginning(self, data: bytes) -> Generator[BadLine, None, bytes]:
        """Take `sep=;` off, if the stream begins so."""
        found = _SEPARATION.match(data if data.endswith(b"\n") else data + b"\n")
        if found is None:
            return data
        text = found[1].decode(errors="backslashreplace")
        if len(found[1]) == 1 and text not in '"#':
            self.separator = text
            self._record, self._begun = _patterns(text)
        else:
            yield BadLine(1, 1, f"sep={text}: the separator is one ASCII character", f"sep={text}")
        self._line = 2
        return data[found.end() :]

    def _cut(self, data: bytes, *, at_end: bool) -> _Cutting:
        """Give the whole records of ``data``; return what is behind them."""
        edges = _edges(data, self.separator)
        if edges is None:
            return (yield from self._one_by_one(data, at_end=at_end))
        if len(edges) > 1:
            yield self._records(data, edges)
            data = data[edges[-1] :]
        if data and (at_end or len(data) >= LONGEST):
            return (yield from self._one_by_one(data, at_end=at_end))
        return data

    def _records(self, data: bytes, edges: Numbers) -> Records:
        data = data[: edges[-1]]
        newlines = places_of(data, _NEWLINE)
        if len(newlines) == len(edges) - 1:
            lines = np.arange(self._line, self._line + len(newlines))
        else:
            lines = self._line + np.searchsorted(newlines, edges[:-1])
        self._line += len(newlines)
        return Records(data, edges, lines)

    def _one_by_one(self, data: bytes, *, at_end: bool) -> _Cutting:
        """Cut data in which a quote is in the wrong place; each line with one is bad."""
        edges, at = [0], 0
        while at < len(data):
            found = self._record.match(data, at)
            if found:
                at = found.end()
                edges.append(at)
                continue
            if not at_end and len(data) - at < LONGEST and self._begun.match(data, at):
                break
            yield from self._so_far(data, edges)
            end = data.find(b"\n", at) + 1
            if not end:
                return (yield from self._endless(data[at : at + _SHOWN]))
            yield BadLine(self._line, 0, _STRAY, shown(data[at:end]))
            self._line += 1
            edges, at = [end], end
        yield from self._so_far(data, edges)
        return data[at:]

    def _so_far(self, data: bytes, edges: list[int]) -> Iterator[Records]:
        if len(edges) > 1:
            first = edges[0]
            yield self._records(data[first : edges[-1]], np.array(edges) - first)

    def _endless(self, begin: bytes) -> _Cutting:
        """Pass over a line that is longer than any may be; give what was read behind it."""
        reason = f"the line is longer than {LONGEST} bytes"
        yield BadLine(self._line, 0, reason, shown(begin) + "…")
        self._line += 1
        while (data := self._stream.read(BLOCK)) and b"\n" not in data:
            pass
        return data.partition(b"\n")[2]


def shown(raw: bytes) -> str:
    """Give a record as it stood, without its newline; bytes that are not UTF-8 as escapes."""
    return raw.removesuffix(b"\n").removesuffix(b"\r").decode(errors="backslashreplace")


def outside(quotes: Numbers, places: Numbers) -> Numbers:
    """Those places that lie outside of quotes."""
    return places[np.searchsorted(quotes, places) % 2 == 0] if len(quotes) else places


def places_of(data: bytes, byte: int) -> Numbers:
    """Where a byte stands."""
    return np.flatnonzero(np.frombuffer(data, np.uint8) == byte)


def _edges(data: bytes, separator: str) -> Numbers | None:
    """Where the first whole record begins and each of them ends; None where quotes stand wrongly."""
    newlines, quotes = places_of(data, _NEWLINE), places_of(data, _QUOTE) if b'"' in data else _NONE
    ends = outside(quotes, newlines) + 1
    if len(quotes) and len(ends) and not _well_quoted(data, quotes[quotes < ends[-1]], ord(separator)):
        return None
    return np.concatenate([[0], ends])


def _well_quoted(data: bytes, quotes: Numbers, separator: int) -> bool:
    """Whether quotes open and close at the edges of cells, and are doubled inside of them."""
    content = np.frombuffer(data, np.uint8)
    opening, closing = quotes[0::2], quotes[1::2]
    before = np.where(opening > 0, content[opening - 1], _NEWLINE)
    after = content[closing + 1]
    line_end = (after == _RETURN) & (content[np.minimum(closing + 2, len(content) - 1)] == _NEWLINE)
    edges = [separator, _NEWLINE, _QUOTE]
    return bool(np.isin(before, edges).all() and (np.isin(after, edges) | line_end).all())


def _patterns(separator: str) -> tuple[re.Pattern[bytes], re.Pattern[bytes]]:
    """What a whole record looks like, and one that was not read to its end."""
    mark = re.escape(separator.encode())
    quoted, plain = rb'"(?:[^"]++|"")*+', rb'[^"\n%b]*+' % mark
    cells = rb'(?:(?:%b"|%b)%b)*+' % (quoted, plain, mark)
    whole = rb'%b(?:%b"\r?|%b)\n' % (cells, quoted, plain)
    return re.compile(whole), re.compile(rb"%b(?:%b|%b)\Z" % (cells, quoted, plain))
