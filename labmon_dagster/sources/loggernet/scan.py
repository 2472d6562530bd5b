"""A file or a snapshot from its first line to its last: headers, the sections under them, line numbers."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Collection, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace
from datetime import date
from typing import IO

import pyarrow as pa

from labmon_dagster.model import Measurement, Reject
from labmon_dagster.model.stamps import Trust
from labmon_dagster.model.window import day_of
from labmon_dagster.sources.loggernet.folder import read_lines
from labmon_dagster.sources.loggernet.header import (
    BOM,
    HEADER_LINES,
    Header,
    HeaderError,
    checked_names,
    holds_data,
    line_count,
    next_header,
    parse_header,
    starts_header,
)
from labmon_dagster.sources.loggernet.layout import lay_out, text_columns
from labmon_dagster.sources.loggernet.reader import Rows, TableReader, shown
from labmon_dagster.sources.loggernet.spec import TableSpec

SAMPLE_LINES = 100
TAIL = 256
_RAW_LIMIT = 4096
_AHEAD = 3
_TEXT = "text columns: "


@dataclass(slots=True)
class Place:
    """Where a scan stands.

    Bytes and lines behind it, the last trusted stamp (UTC ns), where the header began and whether it was
    refused, and the last bytes scanned, by which one tells later that the file still begins the same.
    """

    offset: int = 0
    line: int = 1
    last: int | None = None
    header_at: int = 0
    refused: bool = False
    tail: bytes = b""


@dataclass(frozen=True, slots=True)
class Scanned:
    """Rows of one section of a table with the rejects beside them, in the columns of ``measurement``.

    ``place`` is the place behind them.
    """

    measurement: Measurement
    rows: pa.RecordBatch
    rejects: tuple[Reject, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class _Begun:
    """A block that is being read, and the place behind it."""

    reader: TableReader
    rows: Future[Rows]
    place: Place


@dataclass(slots=True)
class Scanner:
    """Scans one file (or one snapshot of it) in pieces of whole lines.

    ``base`` is added to line numbers to give each row its place in the source's order. ``headers``
    collects what was met. A section whose header cannot be understood is one reject, not many.
    ``textual`` names the columns that hold text where their first rows are not there to tell. With a
    ``pool`` several blocks are read at once: then `flush` gives the last ones.
    """

    spec: TableSpec
    trust: Trust
    file: str
    base: int
    fallback: date
    place: Place = field(default_factory=Place)
    headers: list[Header] = field(default_factory=list)
    textual: Collection[str] | None = None
    pool: Executor | None = None
    _begun: deque[_Begun] = field(default_factory=deque)
    _reader: TableReader | None = None

    def resume(self, handle: IO[bytes], place: Place) -> bool:
        """Take up a scan at ``place``: read the header anew, and the first rows under it.

        Not where another spec refused what this one understands, or the other way round: then the scan
        stays at the beginning.
        """
        now = Place()
        handle.seek(place.header_at)
        self._open(read_lines(handle, HEADER_LINES + SAMPLE_LINES), now)
        if now.refused != place.refused:
            self._reader = None
            self.headers.clear()
            return False
        self.place = place
        return True

    def ready(self, data: bytes, *, at_end: bool = False) -> int:
        """How many bytes of ``data`` may be fed: whole lines, and a header only as a whole.

        Before the end of the file a header waits for the rows that tell text columns from numbers, so
        that it does not matter where the blocks of a file end.
        """
        end = len(data) if data.endswith(b"\n") else data.rfind(b"\n") + 1
        at = -1 if self._reader or self.place.refused else 0
        wanted = 0 if at_end else SAMPLE_LINES
        if self.spec.header == "toa5":
            headed = starts_header(data)
            at = 0 if headed else at
            while (further := next_header(data, max(at, 0))) >= 0:
                at, headed = further, True
            wanted += HEADER_LINES if headed else 0
        if at < 0 or data.count(b"\n", at, end) >= wanted or (at_end and holds_data(data[at:end])):
            return end
        return at

    def feed(self, piece: bytes) -> Iterator[Scanned]:
        """Read ``piece`` (whole lines), section by section. ``place`` is behind all that was fed."""
        if not self.place.offset and piece.startswith(BOM):
            self._advance(BOM, 0)
            piece = piece[len(BOM) :]
        while piece:
            following = next_header(piece)
            section = piece if following < 0 else piece[:following]
            piece = piece[len(section) :]
            yield from self._section(section)

    def flush(self, keep: int = 0) -> Iterator[Scanned]:
        """Give what is still being read, but for the last ``keep`` blocks."""
        while len(self._begun) > keep:
            begun = self._begun.popleft()
            rows = begun.rows.result()
            rejects = begun.reader.rejects(rows, self.place.last)
            self.place.last = rows.last(self.place.last)
            place = replace(begun.place, last=self.place.last)
            yield Scanned(begun.reader.layout.measurement, rows.rows, rejects, place)

    def _section(self, section: bytes) -> Iterator[Scanned]:
        body = section
        headed = self.spec.header == "toa5" and starts_header(section)
        if headed or not (self._reader or self.place.refused):
            yield from self.flush()
            refusal = self._open(section, self.place)
            if refusal:
                yield nothing(self.spec, self.place, refusal)
            elif headed:
                lines = section.split(b"\n", HEADER_LINES)
                body = lines[HEADER_LINES]
                self._advance(section[: len(section) - len(body)], HEADER_LINES)
        if self._reader is None:
            self._advance(body, line_count(body))
        elif body:
            count = line_count(body)
            rows = self._begin(self._reader, self._decoded(body), count)
            self._advance(body, count)
            self._begun.append(_Begun(self._reader, rows, replace(self.place)))
            yield from self.flush(_AHEAD if self.pool else 0)

    def _begin(self, reader: TableReader, body: bytes, count: int) -> Future[Rows]:
        if self.pool:
            return self.pool.submit(reader.read, body, self.place.line, count, self.base)
        done: Future[Rows] = Future()
        done.set_result(reader.read(body, self.place.line, count, self.base))
        return done

    def _open(self, section: bytes, place: Place) -> Reject | None:
        """Understand the header at the start of ``section``; a reject of the whole section if it is wrong."""
        place.header_at, place.refused, self._reader = place.offset, False, None
        skip = HEADER_LINES if self.spec.header == "toa5" else 0
        lines = section.split(b"\n", skip + SAMPLE_LINES)[: skip + SAMPLE_LINES]
        try:
            header = self._header(lines)
            textual = self.textual
            if textual is None:
                textual = text_columns(
                    header, [line for line in lines[skip:] if line.strip()], self.spec.encoding
                )
            layout = lay_out(header, self.spec, textual)
        except HeaderError as error:
            place.refused = True
            day = self.fallback if place.last is None else day_of(place.last)
            reason = f"the table cannot be read: {error}"
            return Reject(reason, shown(section[:_RAW_LIMIT]), f"{self.file}:{place.line}", day)
        context = context_of(b"\n".join(lines[:skip]).decode(self.spec.encoding), textual)
        self._reader = TableReader(layout, self.spec.zone, self.trust, self.file, context, self.fallback)
        if header not in self.headers:
            self.headers.append(header)
        return None

    def _header(self, lines: list[bytes]) -> Header:
        if self.spec.header == "none":
            return Header(tuple(checked_names(list(self.spec.names))))
        return parse_header([line for line in lines[:HEADER_LINES] if line], self.spec.encoding)

    def _advance(self, consumed: bytes, lines: int) -> None:
        self.place.offset += len(consumed)
        self.place.tail = (self.place.tail + consumed[-TAIL:])[-TAIL:]
        self.place.line += lines

    def _decoded(self, body: bytes) -> bytes:
        if self.spec.encoding == "utf-8":
            return body
        return body.decode(self.spec.encoding).encode()


def context_of(header: str, textual: Collection[str]) -> str:
    """Join what one must know to read a line again: the header, and which columns hold text."""
    return f"{header}\n{_TEXT}{json.dumps(sorted(textual))}".lstrip("\n") if textual else header


def split_context(context: str) -> tuple[str, Collection[str]]:
    """Take apart what `context_of` joined."""
    header, found, textual = context.rpartition(_TEXT)
    return (header, json.loads(textual)) if found else (context, ())


def nothing(spec: TableSpec, place: Place, *rejects: Reject) -> Scanned:
    """No rows of the table, but perhaps rejects."""
    measurement = Measurement(spec.measurement, tuple(sorted(spec.tags)))
    rows = pa.RecordBatch.from_pylist([], schema=measurement.schema)
    return Scanned(measurement, rows, rejects, replace(place))
