"""A file or a snapshot from its first line to its last: headers, the sections under them, line numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

import pyarrow as pa

from labmon_dagster.model import Measurement, Reject
from labmon_dagster.model.stamps import Trust
from labmon_dagster.model.window import day_of
from labmon_dagster.sources.loggernet.header import (
    HEADER_LINES,
    Header,
    HeaderError,
    checked_names,
    line_count,
    next_header,
    parse_header,
    starts_header,
)
from labmon_dagster.sources.loggernet.layout import lay_out
from labmon_dagster.sources.loggernet.reader import TableReader
from labmon_dagster.sources.loggernet.spec import TableSpec

_SAMPLE_LINES = 100
_RAW_LIMIT = 4096
TAIL = 256


@dataclass(slots=True)
class Place:
    """Where a scan stands.

    Bytes and lines behind it, the last trusted stamp (UTC ns), where the header began, and the last
    bytes scanned, by which one tells later that the file still begins the same.
    """

    offset: int = 0
    line: int = 1
    last: int | None = None
    header_at: int = 0
    tail: bytes = b""


@dataclass(frozen=True, slots=True)
class Scanned:
    """Rows of one section of a table with the rejects beside them, in the columns of ``measurement``."""

    measurement: Measurement
    rows: pa.RecordBatch
    rejects: tuple[Reject, ...]


@dataclass(slots=True)
class Scanner:
    """Scans one file (or one snapshot of it) in pieces of whole lines.

    ``base`` is added to line numbers to give each row its place in the source's order. ``headers``
    collects what was met. A section whose header cannot be understood is one reject, not many.
    """

    spec: TableSpec
    trust: Trust
    file: str
    base: int
    fallback: date
    place: Place = field(default_factory=Place)
    headers: list[Header] = field(default_factory=list)
    _reader: TableReader | None = None
    _refused: bool = False

    def resume(self, head: bytes) -> None:
        """Take up a scan in the middle: ``head`` holds the header and the first rows under it."""
        self._open(head, Place())

    def feed(self, piece: bytes) -> Iterator[Scanned]:
        """The rows of ``piece`` (whole lines), section by section; ``place`` is behind each when it comes."""
        while piece:
            following = next_header(piece)
            section = piece if following < 0 else piece[:following]
            piece = piece[len(section) :]
            yield from self._section(section)

    def _section(self, section: bytes) -> Iterator[Scanned]:
        body = section
        headed = self.spec.header == "toa5" and starts_header(section)
        if headed or (self._reader is None and not self._refused):
            refusal = self._open(section, self.place)
            body = b"" if refusal else section[self._header_length(section) :]
            self._advance(section[: len(section) - len(body)])
            if refusal:
                yield nothing(self.spec, refusal)
        if self._reader is None:
            self._advance(body)
        elif body:
            rows = self._reader.read(self._decoded(body), self.place.line, self.base, self.place.last)
            self.place.last = rows.last
            self._advance(body)
            yield Scanned(self._reader.layout.measurement, rows.rows, rows.rejects)

    def _open(self, section: bytes, place: Place) -> Reject | None:
        """Understand the header at the start of ``section``; a reject of the whole section if it is wrong."""
        place.header_at, self._reader, self._refused = place.offset, None, False
        lines = section.split(b"\n", HEADER_LINES + _SAMPLE_LINES)[: HEADER_LINES + _SAMPLE_LINES]
        skip = HEADER_LINES if self.spec.header == "toa5" else 0
        try:
            header = self._header(lines)
            layout = lay_out(header, self.spec, [line for line in lines[skip:] if line.strip()])
        except HeaderError as error:
            self._refused = True
            raw = section[:_RAW_LIMIT].decode(errors="backslashreplace")
            return Reject(f"the table cannot be read: {error}", raw, f"{self.file}:{place.line}", self._day())
        context = b"\n".join(lines[:skip]).decode(self.spec.encoding)
        self._reader = TableReader(layout, self.spec.zone, self.trust, self.file, context, self.fallback)
        if header not in self.headers:
            self.headers.append(header)
        return None

    def _header(self, lines: list[bytes]) -> Header:
        if self.spec.header == "none":
            return Header(tuple(checked_names(list(self.spec.names))))
        return parse_header([line for line in lines[:HEADER_LINES] if line], self.spec.encoding)

    def _header_length(self, section: bytes) -> int:
        if self.spec.header == "none":
            return 0
        end = 0
        for _ in range(HEADER_LINES):
            end = section.find(b"\n", end) + 1
        return end

    def _advance(self, consumed: bytes) -> None:
        self.place.offset += len(consumed)
        self.place.tail = (self.place.tail + consumed[-TAIL:])[-TAIL:]
        self.place.line += line_count(consumed)

    def _day(self) -> date:
        return self.fallback if self.place.last is None else day_of(self.place.last)

    def _decoded(self, body: bytes) -> bytes:
        if self.spec.encoding == "utf-8":
            return body
        return body.decode(self.spec.encoding).encode()


def nothing(spec: TableSpec, *rejects: Reject) -> Scanned:
    """No rows of the table, but perhaps rejects."""
    measurement = Measurement(spec.measurement, tuple(sorted(spec.tags)))
    return Scanned(measurement, pa.RecordBatch.from_pylist([], schema=measurement.schema), rejects)


def partial_header(piece: bytes, spec: TableSpec) -> int:
    """Where in ``piece`` a header begins of which not all four lines are there yet; its length if none."""
    if spec.header == "none":
        return len(piece)
    at = 0 if starts_header(piece) else -1
    while (further := next_header(piece[max(at, 0) :])) >= 0:
        at = max(at, 0) + further
    partial = at >= 0 and piece.count(b"\n", at) < HEADER_LINES
    return at if partial else len(piece)
