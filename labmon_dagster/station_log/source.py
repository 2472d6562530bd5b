"""The station log as a source of readings: each entry is line protocol, of any measurement and any time."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, ClassVar

import numpy as np
import polars as pl
import pyarrow as pa

from labmon_dagster.journal import Entry
from labmon_dagster.journal.reader import JournalReader, Portion
from labmon_dagster.journal.readings import JournalReadings
from labmon_dagster.model import ORDER, PLACE, TIME, Batch, Measurement, Reject
from labmon_dagster.model.points import Points
from labmon_dagster.model.stamps import FUTURE
from labmon_dagster.model.window import day_number, instant_text
from labmon_dagster.sources.line_protocol.parser import Parsed, parse

VERSION = "station log 1"
_EMPTY = Measurement("")
_NOTHING = Points(_EMPTY, pl.DataFrame(schema=pl.Schema(_EMPTY.schema)))
_NAMED, _OTHERS, _HAS = 50, "(others)", "_has"


@dataclass(frozen=True)
class LogJournal(JournalReader[Entry]):
    """The journal of a station log. What an entry says is understood together with its neighbours."""

    AT_ONCE: ClassVar[int] = 20_000

    def understood(self, entry: Entry) -> Entry:
        """Give the entry."""
        return entry

    def _portions(self, day: str, reached: int) -> Iterator[Portion[Entry]]:
        for portion in super()._portions(day, reached):
            # A power cut must not take back what was delivered: other points would come to the same place.
            self._sync(day)
            yield portion

    def _sync(self, day: str) -> None:
        with suppress(FileNotFoundError), self.journal.day(day).plain.open("rb") as file:
            os.fsync(file.fileno())


@dataclass(frozen=True)
class LogReadings(JournalReadings[Entry]):
    """The points of a station log, filed under the day they were received.

    ``_order`` is that day (days since 1970), ``_place`` the point's place in the journal: the offset of its
    entry plus its line there. A point without a time has that of its receipt.
    """

    def batches_of(self, portion: Portion[Entry], facts: dict[str, Any]) -> Iterator[Batch]:
        """Give a batch for each measurement; what is no point is rejected with the first of them."""
        order = day_number(date.fromisoformat(portion.stream))
        rejects, batches = list(portion.rejects), list[Batch]()
        for text, parsed in _parsed(portion.told):
            rejects += [self._reject(text, one.line, one.reason, text.own(one.raw)) for one in parsed.bad]
            for points in parsed.points:
                rows, wild = text.placed(points.rows, order)
                rejects += [self._reject(text, at, _wild(time), text.line(at)) for at, time in wild]
                whole = replace(points, rows=rows)
                batches += [_batch(one, portion) for turn in _turns(whole) for one in _by_fields(turn)]
        _note(batches, facts)
        first, *others = batches or [_batch(_NOTHING, portion)]
        yield replace(first, rejects=tuple(rejects))
        yield from others

    def _reject(self, text: _Text, line: int, reason: str, raw: bytes) -> Reject:
        """Reject a point that begins in a line, with what it says and the place of its entry."""
        return self.journal.reject(text.entry(line), reason, raw)


class _Text:
    """Entries as one text, and where each of its lines (from 1) stands in the journal."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._entries = entries
        self._mark = f"# {secrets.token_hex(8)}"
        end = f"\n{self._mark}\n".encode()
        texts = [entry.payload.removesuffix(b"\n") + end for entry in entries]
        self.text = b"".join(texts)
        counts = np.array([text.count(b"\n") for text in texts])
        self._of_line = np.repeat(np.arange(len(entries)), counts)
        first = np.repeat(np.cumsum(counts) - counts, counts)
        offsets = np.array([entry.offset for entry in entries])
        received = np.array([entry.received for entry in entries])
        self._places = offsets[self._of_line] + np.arange(len(first)) - first
        self._received = received[self._of_line]

    def is_torn(self, parsed: Parsed) -> bool:
        """Whether a line of it was read together with one of another entry."""
        if any(self._mark in bad.raw for bad in parsed.bad):
            return True
        texts = (rows.select(pl.col(pl.String)) for rows in (points.rows for points in parsed.points))
        return any(
            bool(column.str.contains(self._mark, literal=True).any()) for frame in texts for column in frame
        )

    def entry(self, line: int) -> Entry:
        """The entry that a line is of."""
        return self._entries[int(self._of_line[line - 1])]

    def own(self, raw: str) -> bytes:
        """What a point says that no quote ends: it ends with its entry."""
        return raw.partition(f"\n{self._mark}")[0].encode(errors="surrogateescape")

    def line(self, line: int) -> bytes:
        """What a line says."""
        return self.text.split(b"\n", line)[line - 1]

    def placed(self, rows: pl.DataFrame, order: int) -> tuple[pl.DataFrame, list[tuple[int, int]]]:
        """Give rows their place; apart from them line and time (ns) of those that cannot be of their time."""
        at = rows[PLACE].to_numpy() - 1
        received = pl.Series(self._received[at]).cast(pl.Datetime("ns", "UTC"))
        timed = rows.with_columns(pl.col(TIME).fill_null(received))
        late = timed[TIME].cast(pl.Int64) > received.cast(pl.Int64) + FUTURE
        wild = timed.filter(late).select(PLACE, pl.col(TIME).cast(pl.Int64)).rows()
        placed = timed.with_columns(
            pl.lit(order, dtype=pl.Int64()).alias(ORDER), pl.Series(PLACE, self._places[at])
        )
        return placed.filter(~late), wild


def _parsed(entries: Sequence[Entry]) -> Iterator[tuple[_Text, Parsed]]:
    """Read entries as one text, or, where a quote left open reaches into the next one, in halves of it."""
    if not entries:
        return
    text = _Text(entries)
    parsed = parse(text.text)
    if len(entries) == 1 or not text.is_torn(parsed):
        yield text, parsed
        return
    middle = len(entries) // 2
    yield from _parsed(entries[:middle])
    yield from _parsed(entries[middle:])


def _turns(points: Points) -> Iterator[Points]:
    """Part points so that each of them (its tags and time) is there once: first all first ones, and so on."""
    key = [TIME, *points.measurement.tags]
    number = points.rows.select(pl.int_range(pl.len()).over(key)).to_series()
    for turn in number.unique().sort():
        yield replace(points, rows=points.rows.filter(number == turn))


def _by_fields(points: Points) -> Iterator[Points]:
    """Part points by the fields they have: a point says nothing of the others."""
    fields, rows = points.measurement.fields, points.rows
    there = rows.select(pl.col(field.name).is_not_null() for field in fields)
    for has, part in rows.with_columns(pl.struct(there).alias(_HAS)).group_by(_HAS, maintain_order=True):
        named = has[0]
        assert isinstance(named, dict)
        kept = tuple(field for field in fields if named[field.name])
        yield Points(replace(points.measurement, fields=kept), part.drop(_HAS))


def _batch(points: Points, portion: Portion[Entry]) -> Batch:
    schema = points.measurement.schema
    columns = points.rows.select(schema.names).to_arrow(compat_level=pl.CompatLevel.oldest())
    rows = pa.RecordBatch.from_arrays([column.combine_chunks() for column in columns], schema.names)
    return Batch(points.measurement, rows, portion.stream, portion.mark)


def _wild(time: int) -> str:
    return f"time stamp {instant_text(time)} lies more than 30 minutes after its receipt"


def _note(batches: Iterable[Batch], facts: dict[str, Any]) -> None:
    """Count the points of each measurement; of the first fifty by name."""
    counts = facts.setdefault("points", {})
    for one in batches:
        told = one.measurement.name
        name = told if told in counts or len(counts) < _NAMED else _OTHERS
        counts[name] = counts.get(name, 0) + one.rows.num_rows
