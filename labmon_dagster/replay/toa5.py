"""A LoggerNet table (TOA5) as points: all columns but RECORD are fields, the station is the tag."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import BinaryIO

import polars as pl

from labmon_dagster.lookup import EARLIEST
from labmon_dagster.model.points import BadLine, Points
from labmon_dagster.model.stamps import Trust, Zone
from labmon_dagster.sources.line_protocol.reader import portions
from labmon_dagster.sources.loggernet.header import BOM, HEADER_LINES, parse_header
from labmon_dagster.sources.loggernet.scan import Scanned, Scanner
from labmon_dagster.sources.loggernet.spec import TableSpec

_ENCODING = "utf-8"


def read(stream: BinaryIO, name: str, zone: str, measurement: str = "") -> Iterator[Points | BadLine]:
    """Read a table, portion by portion. ``zone``: of its time stamps; ``measurement``: else the table's name.

    Raises ValueError without a zone or a name, and HeaderError where the table cannot be understood.
    """
    if not zone:
        raise ValueError(
            f"{name} is a TOA5 table, whose time stamps name no zone: --zone says it, "
            "e.g. --zone UTC-05:00 or --zone America/Detroit"
        )
    scanner, pending = None, b""
    for portion in portions(stream):
        pending += portion
        scanner = scanner or _scanner(pending, name, zone, measurement)
        ready = scanner.ready(pending)
        yield from _points(scanner.feed(pending[:ready]))
        pending = pending[ready:]
    if scanner is not None and pending:
        rest = pending if pending.endswith(b"\n") else pending + b"\n"
        yield from _points(scanner.feed(rest))


def _scanner(beginning: bytes, name: str, zone: str, measurement: str) -> Scanner:
    lines = beginning.removeprefix(BOM).split(b"\n", HEADER_LINES)[:HEADER_LINES]
    table = measurement or parse_header(lines, _ENCODING).table
    if not table:
        raise ValueError(f"{name}: its header names no table; --measurement says what its rows are called")
    spec = TableSpec(table, Zone(zone), EARLIEST, tags={"station": "{station}"})
    return Scanner(spec, Trust(EARLIEST, time.time_ns()), name, 0, datetime.now(UTC).date())


def _points(pieces: Iterable[Scanned]) -> Iterator[Points | BadLine]:
    for piece in pieces:
        for reject in piece.rejects:
            line = int(reject.place.rpartition(":")[2])
            yield BadLine(line, 0, reject.reason, reject.raw)
        if piece.rows.num_rows:
            yield Points(piece.measurement, pl.DataFrame(piece.rows))
