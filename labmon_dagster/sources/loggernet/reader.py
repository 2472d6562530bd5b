"""Blocks of a LoggerNet table to batches of readings: stamps to UTC, what cannot be trusted set apart."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from labmon_dagster.model import ORDER, PLACE, TIME, Reject
from labmon_dagster.model.measurement import TIME_TYPE
from labmon_dagster.model.stamps import Trust, Zone
from labmon_dagster.model.window import day_of
from labmon_dagster.sources.loggernet.block import BadLine, BlockParser, Parsed
from labmon_dagster.sources.loggernet.layout import Layout


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of one block and the rejects beside them; ``last`` is the last trusted stamp (UTC ns)."""

    rows: pa.RecordBatch
    rejects: tuple[Reject, ...]
    last: int | None


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
        self._parser = BlockParser(dict(layout.types), layout.stamp)

    def read(self, block: bytes, first_line: int, base: int, last: int | None) -> Rows:
        """The rows of ``block``; its first line is number ``first_line`` of the file.

        ``base`` + line number is the row's place in the source's order. ``last`` is the last trusted
        stamp before the block: a line without a trusted stamp is filed under the day of the one before it.
        """
        parsed = self._parser.parse(block, first_line)
        local = parsed.table[self.layout.stamp].combine_chunks().cast(pa.int64())
        stamps = self._utc(local)
        trusted, bad = self._judge(local, stamps, parsed, block, first_line)
        if trusted is not None:
            kept = pa.array(trusted)
            parsed = Parsed(parsed.table.filter(kept), parsed.lines[trusted], parsed.bad)
            stamps = stamps.filter(kept)
        rows = self._assemble(parsed, stamps, base)
        rejects = self._rejects([*parsed.bad, *bad], parsed.lines, stamps, last)
        return Rows(rows, rejects, stamps[-1].as_py() if len(stamps) else last)

    def _utc(self, local: pa.Array) -> pa.Array:
        """Local ns to UTC ns, null where there is no single instant."""
        if self.zone.offset is not None:
            return pc.subtract(local, self.zone.offset) if self.zone.offset else local
        series = pl.Series(local).cast(pl.Datetime("ns"))
        return self.zone.to_utc(series).cast(pl.Int64).to_arrow()

    def _judge(
        self, local: pa.Array, stamps: pa.Array, parsed: Parsed, block: bytes, first_line: int
    ) -> tuple[np.ndarray[tuple[int], np.dtype[np.bool_]] | None, list[BadLine]]:
        """Which rows have a trusted stamp (None: all of them), and the lines of the others with the reason."""
        if not len(stamps):
            return None, []
        span = pc.min_max(stamps)
        if not stamps.null_count and self.trust.holds(span["min"].as_py(), span["max"].as_py()):
            return None, []
        lines = block.split(b"\n")
        trusted = np.ones(len(stamps), dtype=bool)
        bad: list[BadLine] = []
        for index, (stamp, written) in enumerate(zip(stamps.to_pylist(), local.to_pylist(), strict=True)):
            why = self.zone.complaint(written) if stamp is None else self.trust.complaint(stamp)
            if why:
                trusted[index] = False
                number = int(parsed.lines[index])
                bad.append(BadLine(number, lines[number - first_line] + b"\n", why))
        return trusted, bad

    def _assemble(self, parsed: Parsed, stamps: pa.Array, base: int) -> pa.RecordBatch:
        layout, table, count = self.layout, parsed.table, parsed.table.num_rows
        tags = {tag: pa.repeat(pa.scalar(text), count) for tag, text in layout.fixed.items()}
        for name, tag in layout.tags.items():
            tags[tag] = pc.fill_null(table[name].combine_chunks(), "")
        values = {field: _finite(table[name].combine_chunks()) for name, field in layout.fields.items()}
        if layout.record:
            order = pc.fill_null(table[layout.record].combine_chunks().cast(pa.int64()), 0)
        else:
            order = pa.array(np.zeros(count, dtype=np.int64))
        schema = layout.measurement.schema
        columns = {TIME: stamps.cast(TIME_TYPE), **tags, **values, ORDER: order, PLACE: pa.array(parsed.lines + base)}
        return pa.RecordBatch.from_arrays([columns[name] for name in schema.names], schema=schema)

    def _rejects(
        self, bad: list[BadLine], lines: np.ndarray[tuple[int], np.dtype[np.int64]], stamps: pa.Array, last: int | None
    ) -> tuple[Reject, ...]:
        if not bad:
            return ()
        if last is None and len(stamps):
            last = stamps[0].as_py()
        rejects = []
        for line in sorted(bad, key=lambda b: b.line):
            before = int(np.searchsorted(lines, line.line))
            stamp = stamps[before - 1].as_py() if before else last
            day = self.fallback if stamp is None else day_of(stamp)
            raw = line.raw.decode(errors="backslashreplace").rstrip("\r\n")
            rejects.append(Reject(line.reason, raw, f"{self.file}:{line.line}", day, self.context))
        return tuple(rejects)


def _finite(values: pa.Array) -> pa.Array:
    """NaN is how a number says it is missing: null. Infinity is a value and stays."""
    if pa.types.is_floating(values.type) and pc.any(pc.is_nan(values)).as_py():
        return pc.if_else(pc.is_nan(values), None, values)
    return values
