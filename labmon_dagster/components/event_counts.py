"""How many events there were, by minute and kind: counted in the collection that keeps them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl
import pyarrow as pa

from labmon_dagster.model import (
    DAY,
    ORDER,
    PLACE,
    TIME,
    Batch,
    Field,
    FieldType,
    Mark,
    Measurement,
    Position,
    Readings,
    Reject,
    Request,
    SourceError,
    Window,
)
from labmon_dagster.model.position import grown
from labmon_dagster.model.window import day_of, days_between, runs_of_days
from labmon_dagster.settings import open_documents
from labmon_dagster.stores import DocumentStore

DETECTOR, TRIGGER_BIT, BLOCK, EVENTS = "detector", "trigger_bit", "block", "events"
TAGS = (DETECTOR, TRIGGER_BIT, BLOCK)
_BITS, _COUNT = "trigger_bits", "count"
_SEEN = "seen"
_LONGEST_RUN = DAY
_NEAR = timedelta(days=31)


@dataclass(frozen=True)
class EventCounts:
    """The events of each ``interval`` (ns), by the day on which they happened, not that of receipt.

    A row says how many events a detector had, all of them (no other tag), those with a trigger bit (counted
    from 0), or those of a cosmic block. Intervals without events have no row. ``events`` is the asset that
    stores them, in the ``collection`` of the store of documents of the name ``store``.

    Each day is a stream, of which the mark is the number of its events that were counted, and notes when the
    ledger of the events had been written last. Days more than a month before events of theirs came are looked
    at by the first read of each day.
    """

    events: str
    collection: str
    store: str
    measurement: str
    interval: int

    def stream_of(self, day: date) -> str:
        """Give the stream in which all of a day lies."""
        return day.isoformat()

    def news(self, known: Position) -> bool:
        """Whether events of the known days were stored since."""
        with closing(open_documents(self.store)) as store:
            return bool(grown(known, self._numbers(store, self._touched(store, known, _NEAR))))

    def read(self, request: Request) -> Readings:
        """Count the days of the window that are not counted yet, and say which others have grown."""
        return Readings(self._batches(request))

    def again(self, reject: Reject, now: int) -> Readings:
        """Nothing of counts is ever rejected."""
        raise SourceError(f"{reject.place}: counts of events are made anew by reading the day")

    def _batches(self, request: Request) -> Iterator[Batch]:
        asked = days_between(day_of(request.window.start), day_of(request.window.end - 1))
        with closing(open_documents(self.store)) as store:
            seen = max((row.written for row in store.ledger(self.events).values()), default=0)
            far = day_of(request.now).isoformat() not in request.known  # today was not read yet
            touched = self._touched(store, request.known, None if far else _NEAR)
            others = self._numbers(store, touched.difference(asked))
            for stream in grown(request.known, others):  # noted as waiting, and counted when its turn comes
                yield self._batch(_NOTHING, date.fromisoformat(stream), others[stream], seen)
            numbers = self._numbers(store, asked)
            for day in asked:
                counted = _counted(request.since, day)
                if counted is not None and numbers.get(day.isoformat(), 0) <= counted:
                    yield self._batch(_NOTHING, day, counted, seen)
                else:
                    yield self._day(store, day, seen)

    def _touched(self, store: DocumentStore, known: Position, near: timedelta | None) -> set[date]:
        """Give those of the known days that events may be of which were stored since the last look.

        ``near``: so long before their receipt at most, since detectors whose clocks are not set have events
        of any year, and all days between would be counted each time.
        """
        seen = max((int(mark.notes.get(_SEEN) or 0) for mark in known.values()), default=0)
        rows = [row for row in store.ledger(self.events).values() if row.written >= seen - _LONGEST_RUN]
        spans = [
            (max(day_of(row.first), row.day - near) if near else day_of(row.first), day_of(row.last))
            for row in rows
            if row.first is not None and row.last is not None
        ]
        days = map(date.fromisoformat, known)
        return {day for day in days if any(first <= day <= last for first, last in spans)}

    def _numbers(self, store: DocumentStore, days: Iterable[date]) -> dict[str, int]:
        """Count the events of some days, by stream."""
        numbers: dict[str, int] = {}
        for run in runs_of_days(days):
            found = store.count(self.collection, Window.of_days(run[0], run[-1]), DAY)
            numbers |= {day_of(begin).isoformat(): count for begin, count in found.items()}
        return numbers

    def _day(self, store: DocumentStore, day: date, seen: int) -> Batch:
        keys = [DETECTOR, _BITS, BLOCK]
        found = store.tally(self.collection, keys, Window.of_days(day, day), self.interval)
        rows = pl.concat([_summed(found), _summed(_by_bit(found), TRIGGER_BIT), _summed(found, BLOCK)])
        return self._batch(rows, day, int(found[_COUNT].sum()), seen)

    def _batch(self, rows: pl.DataFrame, day: date, number: int, seen: int) -> Batch:
        """Give rows of a day. Their place is always the same: other numbers correct those before."""
        measurement = measured(self.measurement)
        zero = pl.lit(0, dtype=pl.Int64)
        time = pl.col(TIME).cast(pl.Datetime("ns", "UTC"))
        told = rows.sort(TIME, *TAGS).select(
            time, *TAGS, pl.col(_COUNT).alias(EVENTS), zero.alias(ORDER), zero.alias(PLACE)
        )
        batches = told.to_arrow().cast(measurement.schema).combine_chunks().to_batches()
        nothing = pa.RecordBatch.from_pylist([], schema=measurement.schema)
        return Batch(
            measurement, batches[0] if batches else nothing, day.isoformat(), Mark(number, {_SEEN: seen})
        )


_NOTHING = pl.DataFrame(schema={TIME: pl.Int64(), **dict.fromkeys(TAGS, pl.String()), _COUNT: pl.Int64()})


def measured(name: str) -> Measurement:
    """Say what the counts are called and have."""
    about = "Events of the interval that begins at the time"
    return Measurement(name, TAGS, (Field(EVENTS, FieldType.INTEGER, description=about),))


def _counted(position: Position, day: date) -> int | None:
    """Say how many events of a day were counted; None if it was never read."""
    known = position.get(day.isoformat())
    return None if known is None else known.offset


def _by_bit(found: pl.DataFrame) -> pl.DataFrame:
    """Give a row for each bit that is set; a mask below 0 has none."""
    masked = found.filter(pl.col(_BITS) > 0)
    parts = [
        masked.filter(pl.col(_BITS) // (1 << bit) % 2 == 1).with_columns(pl.lit(bit).alias(TRIGGER_BIT))
        for bit in range(63)
    ]
    return pl.concat(parts)


def _summed(found: pl.DataFrame, by: str = "") -> pl.DataFrame:
    """Sum by time, detector, and the values that ``by`` has; other tags are ''."""
    key = [TIME, DETECTOR, *([by] if by else [])]
    rows = found.filter(pl.all_horizontal(pl.col(key).is_not_null())).group_by(key).agg(pl.col(_COUNT).sum())
    texts = [pl.col(tag).cast(pl.String) if tag in key else pl.lit("").alias(tag) for tag in TAGS]
    return rows.select(TIME, *texts, _COUNT)
