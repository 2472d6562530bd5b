"""A source of streams that only grow, and a small world in which it is delivered in every possible way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date

from labmon_dagster.landing import Delivery, Landing, ask
from labmon_dagster.landing.close import newest_position
from labmon_dagster.model import DAY, Batch, Mark, Position, Readings, Reject, Request
from labmon_dagster.stores import LedgerRow, ReadingStore
from labmon_dagster_tests.landing.rows import ASSET, FIRST, LATER, Row, batch, delivery, stored

DAYS = 5


class DiedError(Exception):
    """The process is gone."""


@dataclass
class Growing:
    """Streams of day numbers: a row of that day each, or, if negative (-1 - day), a piece that is none."""

    size: int
    streams: dict[str, list[int]] = field(default_factory=dict)

    def rows(self, stream: str, start: int, end: int) -> list[Row]:
        base = (ord(stream) - ord("e")) * 1_000_000
        met = [(place, n) for place, n in self._between(stream, start, end) if n >= 0]
        return [Row(n * DAY + base + place, stream, 1.0, place=base + place) for place, n in met]

    def rejects(self, stream: str, start: int, end: int) -> list[Reject]:
        met = [(place, n) for place, n in self._between(stream, start, end) if n < 0]
        return [Reject("no", f"{stream}{place}", f"{stream}:{place}", day(-1 - n)) for place, n in met]

    def _between(self, stream: str, start: int, end: int) -> list[tuple[int, int]]:
        return [*enumerate(self.streams[stream])][start:end]

    def read(self, request: Request, away: str = "", fails_after: int = -1) -> Readings:
        """What stands in the streams now, behind ``request.since``; the stream ``away`` cannot be read."""
        ends = {stream: len(found) for stream, found in self.streams.items() if stream != away}
        trouble = [f"{away} is away"] if away in self.streams else []
        return Readings(self._batches(request.since, ends, fails_after), trouble=trouble)

    def _batches(self, since: Position, ends: Mapping[str, int], fails_after: int) -> Iterator[Batch]:
        given = 0
        for stream, end in ends.items():
            start = since[stream].offset if stream in since else 0
            for first in [*range(start, end, self.size)] or [end]:
                if given == fails_after:
                    raise DiedError
                given += 1
                last = min(first + self.size, end)
                yield batch(self.rows(stream, first, last), last, stream, self.rejects(stream, first, last))

    def holds(self, days: set[date], until: Position) -> tuple[set[str], set[str]]:
        """Names of the rows and pieces of some days in front of a position."""
        rows: set[str] = set()
        pieces: set[str] = set()
        for stream in self.streams:
            end = until[stream].offset if stream in until else 0
            rows |= {name_of(row) for row in self.rows(stream, 0, end) if day(row.time // DAY) in days}
            pieces |= {one.raw for one in self.rejects(stream, 0, end) if one.day in days}
        return rows, pieces

    @property
    def end(self) -> Position:
        return {stream: Mark(len(found)) for stream, found in self.streams.items()}


def day(number: int) -> date:
    return date.fromordinal(FIRST.toordinal() + number)


def name_of(row: Row) -> str:
    return f"{row.site}{row.place % 1_000_000}"


class World:
    """A growing source, a store, and a clock that ticks with each delivery."""

    def __init__(self, store: ReadingStore, source: Growing) -> None:
        self.store = store
        self.source = source
        self.now = LATER

    def begin(self, first: int, last: int, whole: bool, **more: bool) -> tuple[Request, Delivery, int]:
        self.now += 1
        days = [day(n) for n in range(first, last + 1)]
        whole = whole or more.get("replace", False)
        request = ask(self.source, self.store.ledger(ASSET), days, self.now, whole=whole)
        return request, delivery(first, last, None, whole=not request.since, **more), self.now

    def deliver(
        self, first: int, last: int, whole: bool, away: str = "", fails_after: int = -1, **more: bool
    ) -> None:
        request, delivered, now = self.begin(first, last, whole, **more)
        readings = self.source.read(request, away, fails_after)
        with suppress(DiedError):
            Landing(self.store, delivered, now).land(readings)

    def catch_up(self) -> None:
        """What the schedules do: days hindered by trouble as a whole, the others only by news."""
        for number, row in enumerate(map(self.store.ledger(ASSET).get, map(day, range(DAYS)))):
            if row is not None and row.trouble:
                self.deliver(number, number, True)
        for _ in range(3 * DAYS):
            ledger = self.store.ledger(ASSET)
            left = [n for n in range(DAYS) if unread(ledger.get(day(n)))]
            if {s: m.offset for s, m in newest_position(ledger.values()).items()} != {
                s: m.offset for s, m in self.source.end.items()
            }:
                left.append(DAYS - 1)
            if not left:
                return
            self.deliver(min(left), max(left), False)
        raise AssertionError("the catching up never ends")

    def check(self) -> None:
        """See that nothing is missing in front of where a day was read to, or the newest read stood."""
        ledger = self.store.ledger(ASSET)
        newest = newest_position(ledger.values())
        for number in range(DAYS):
            row = ledger.get(day(number))
            if row is not None:
                self.holds({day(number)}, row.read_until)
            if row is None or not (row.stale or row.trouble):
                self.holds({day(number)}, newest)
            if row is not None and row.proven:
                assert not row.stale
                assert row.verdict in {"stored", "empty"}

    def holds(self, days: set[date], until: Position) -> None:
        rows, pieces = self.source.holds(days, until)
        assert rows <= set(self.rows)
        assert pieces <= {piece.raw for piece in self.store.quarantined()}

    @property
    def rows(self) -> Sequence[str]:
        found = stored(self.store)
        if found.is_empty():
            return []
        return [f"{row['site']}{row['_place'] % 1_000_000}" for row in found.iter_rows(named=True)]


def unread(row: LedgerRow | None) -> bool:
    return row is None or row.stale or not row.was_read
