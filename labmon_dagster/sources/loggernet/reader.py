"""Blocks of a LoggerNet table to batches of readings: stamps to UTC, what cannot be trusted set apart."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from labmon_dagster.model import ORDER, PLACE, TIME, Reject
from labmon_dagster.model.measurement import TIME_TYPE
from labmon_dagster.model.stamps import Trust, Zone
from labmon_dagster.model.window import day_of
from labmon_dagster.sources.loggernet.block import BadLine, BlockParser, Parsed
from labmon_dagster.sources.loggernet.layout import Layout

RAW_LIMIT = 1 << 16


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of one block; its bad lines; line numbers and stamps (UTC ns) of the rows."""

    rows: pa.RecordBatch
    bad: tuple[BadLine, ...]
    lines: npt.NDArray[np.int64]
    stamps: pl.Series

    def last(self, before: int | None) -> int | None:
        """The last trusted stamp, if there is none in the block the one ``before``."""
        return self.stamps[-1] if len(self.stamps) else before


class TableReader:
    """Reads one section of a table (the rows under one header).

    ``file`` is the name shown in rejects, ``context`` the header as text, kept with every reject.
    ``fallback`` is the day for rejects when no row at all could be trusted.
    """

    def __init__(
        self, layout: Layout, zone: Zone, trust: Trust, file: str, context: str, fallback: date
    ) -> None:
        self.layout = layout
        self.zone = zone
        self.trust = trust
        self.file = file
        self.context = context
        self.fallback = fallback
        self._parser = BlockParser(layout.names, layout.types, layout.stamp)

    def read(self, block: bytes, first_line: int, count: int, base: int) -> Rows:
        """Read the rows of ``block``: ``count`` lines, the first is number ``first_line`` of the file.

        ``base`` + line number is the row's place in the source's order. Several blocks may be read at
        once, in threads.
        """
        parsed = self._parser.parse(block, first_line, count)
        local = pl.Series(parsed.table[self.layout.stamp]).cast(pl.Datetime("ns"))
        stamps = self.zone.to_utc(local).to_physical()
        trusted, bad = self._judge(local.to_physical(), stamps, parsed, block, first_line)
        if trusted is not None:
            parsed = replace(
                parsed, table=parsed.table.filter(pa.array(trusted)), lines=parsed.lines[trusted]
            )
            stamps = stamps.filter(pl.Series(trusted))
        may_hold_nan = b"N" in block or b"n" in block
        rows = self._assemble(parsed, stamps.to_arrow(), base, may_hold_nan=may_hold_nan)
        return Rows(rows, (*parsed.bad, *bad), parsed.lines, stamps)

    def _judge(
        self, local: pl.Series, stamps: pl.Series, parsed: Parsed, block: bytes, first_line: int
    ) -> tuple[npt.NDArray[np.bool_] | None, list[BadLine]]:
        """Say which rows have a trusted stamp (None: all of them), and why the others have not."""
        trusted = self.trust.mask(stamps)
        if trusted.all():
            return None, []
        lines = block.split(b"\n")
        bad: list[BadLine] = []
        for index in np.flatnonzero(~trusted):
            stamp, number = stamps[int(index)], int(parsed.lines[index])
            why = self.zone.complaint(local[int(index)]) if stamp is None else self.trust.complaint(stamp)
            bad.append(BadLine(number, lines[number - first_line] + b"\n", str(why)))
        return trusted, bad

    def _assemble(self, parsed: Parsed, stamps: pa.Array, base: int, *, may_hold_nan: bool) -> pa.RecordBatch:
        layout, count = self.layout, parsed.table.num_rows
        table = parsed.table.combine_chunks()
        cells = {name: _one(table[name]) for name in table.column_names}
        measurement = layout.measurement
        columns: dict[str, pa.Array] = {
            tag: pa.repeat(pa.scalar(text), count) for tag, text in layout.fixed.items()
        }
        columns |= {tag: pc.fill_null(cells[name], "") for name, tag in layout.tags.items()}
        kinds = {field.name: field.type.arrow for field in measurement.fields}
        for name, field in layout.fields.items():
            values = cells[name].cast(kinds[field])
            columns[field] = _without_nan(values) if may_hold_nan else values
        order = cells[layout.record] if layout.record else pa.nulls(count, pa.int64())
        columns[TIME] = stamps.cast(TIME_TYPE)
        columns[ORDER] = pc.fill_null(order, 0)
        columns[PLACE] = pa.array(parsed.lines + base)
        schema = measurement.schema
        return pa.RecordBatch.from_arrays([columns[name] for name in schema.names], schema=schema)

    def rejects(self, read: Rows, last: int | None) -> tuple[Reject, ...]:
        """File each bad line under the day of the trusted row before it, or else of the first one after.

        ``last`` is the last trusted stamp before the block.
        """
        if last is None and len(read.stamps):
            last = read.stamps[0]
        rejects = []
        for line in sorted(read.bad, key=lambda b: b.line):
            before = int(np.searchsorted(read.lines, line.line))
            stamp = read.stamps[before - 1] if before else last
            day = self.fallback if stamp is None else day_of(stamp)
            place = f"{self.file}:{line.line}"
            rejects.append(Reject(line.reason, shown(line.raw), place, day, self.context))
        return tuple(rejects)


def shown(raw: bytes) -> str:
    """Give raw lines as text; bytes that are not UTF-8 are escaped."""
    return raw[:RAW_LIMIT].decode(errors="backslashreplace").rstrip("\r\n")


def _one(column: pa.ChunkedArray) -> pa.Array:
    """Give a column that was combined as one array."""
    return column.chunk(0) if column.num_chunks else pa.array([], column.type)


def _without_nan(values: pa.Array) -> pa.Array:
    """NaN is how a number says it is missing: null. Infinity is a value and stays."""
    if pa.types.is_floating(values.type) and pc.any(pc.is_nan(values)).as_py():
        return pc.if_else(pc.is_nan(values), None, values)
    return values
