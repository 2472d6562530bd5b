"""A journal in memory whose streams are days, as a source of readings and of documents, and its world."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from labmon_dagster.automation.plan import Span, audit_spans, news_span
from labmon_dagster.landing import Delivery, DocumentLanding, Landing, Recipe, ask, news_position
from labmon_dagster.model import DAY, Batch, Mark, Position, Readings, Reject, Request
from labmon_dagster.model.documents import Document, DocumentBatch, Documents
from labmon_dagster.model.position import grown
from labmon_dagster.model.window import day_number, days_between
from labmon_dagster.stores import LedgerRow
from labmon_dagster_tests.landing.growing import DiedError, day
from labmon_dagster_tests.landing.rows import ASSET, FIRST, NAME, START, Row, batch

DAYS = 4
NOTE, BROKEN, OTHER = "note", "broken", "of no concern"


@dataclass
class Journal:
    """What was received, by UTC day: notes, broken ones, and messages that concern others."""

    size: int
    days: dict[str, list[str]] = field(default_factory=dict)

    def append(self, number: int, kinds: Sequence[str]) -> None:
        self.days.setdefault(str(day(number)), []).extend(kinds)

    def stream_of(self, day: date) -> str:
        return day.isoformat()

    @property
    def ends(self) -> Mapping[str, int]:
        return {stream: len(found) for stream, found in self.days.items()}

    def news(self, known: Position) -> bool:
        return bool(grown(known, self.ends))

    def portions(self, request: Request, fails_after: int) -> Iterator[tuple[str, int, int]]:
        """Stream, first place and end of each batch."""
        asked = {self.stream_of(one) for one in request.window.days}
        starts = {stream: request.known[stream].offset for stream in grown(request.known, self.ends)}
        starts |= {s: request.since[s].offset if s in request.since else 0 for s in asked if s in self.days}
        given = 0
        for stream, start in sorted(starts.items()):
            end = len(self.days[stream])
            for first in [*range(start, end, self.size)] or [end]:
                if given == fails_after:
                    raise DiedError
                given += 1
                yield stream, first, min(first + self.size, end)

    def of(self, stream: str, kind: str, first: int = 0, end: int | None = None) -> list[int]:
        """Places of a kind."""
        return [n for n, one in [*enumerate(self.days[stream])][first:end] if one == kind]

    def rejects(self, stream: str, first: int, end: int) -> list[Reject]:
        filed = date.fromisoformat(stream)
        return [Reject("no", f"{stream} {n}", "", filed) for n in self.of(stream, BROKEN, first, end)]

    def names(self, kind: str) -> list[str]:
        return sorted(f"{stream} {n}" for stream in self.days for n in self.of(stream, kind))


class DatedReadings(Journal):
    """The journal as a source of readings."""

    def read(self, request: Request, fails_after: int = -1) -> Readings:
        return Readings(self._batches(request, fails_after))

    def _batches(self, request: Request, fails_after: int) -> Iterator[Batch]:
        for stream, first, end in self.portions(request, fails_after):
            base = day_number(date.fromisoformat(stream)) * DAY - START
            rows = [Row(base + n, stream, 1.0, place=n) for n in self.of(stream, NOTE, first, end)]
            yield batch(rows, end, stream, self.rejects(stream, first, end))

    def again(self, reject: Reject, now: int) -> Readings:
        raise AssertionError("nothing is retried here")


class DatedDocuments(Journal):
    """The journal as a source of documents."""

    def read(self, request: Request, fails_after: int = -1) -> Documents:
        return Documents(self._batches(request, fails_after))

    def _batches(self, request: Request, fails_after: int) -> Iterator[DocumentBatch]:
        for stream, first, end in self.portions(request, fails_after):
            start = day_number(date.fromisoformat(stream)) * DAY
            notes = [
                Document(f"{stream} {n}", start + n, {"n": n}, place=n)
                for n in self.of(stream, NOTE, first, end)
            ]
            yield DocumentBatch(
                NAME, tuple(notes), stream, Mark(end), tuple(self.rejects(stream, first, end))
            )

    def again(self, reject: Reject, now: int) -> Documents:
        raise AssertionError("nothing is retried here")


class DatedWorld:
    """A journal, a store, the schedules, and a clock in the last day that ticks with each read."""

    def __init__(self, store: Any, source: Any, hour: int) -> None:
        self.store = store
        self.source = source
        self.now = datetime.combine(day(DAYS - 1), datetime.min.time(), UTC) + timedelta(hours=hour)

    @property
    def ledger(self) -> dict[date, LedgerRow]:
        return dict(self.store.ledger(ASSET))

    def begin(
        self, span: Span, *, whole: bool, replace: bool = False, fails_after: int = -1
    ) -> tuple[Any, Any]:
        """Give a landing and what it is to land."""
        self.now += timedelta(seconds=1)
        now = int(self.now.timestamp()) * 10**9
        days = tuple(days_between(span.first, span.last))
        request = ask(self.source, self.ledger, days, now, whole=whole or replace)
        delivery = Delivery(
            ASSET, NAME, days, Recipe(), not request.since, replace, stream_of=self.source.stream_of
        )
        given = self.source.read(request, fails_after)
        landing = DocumentLanding if isinstance(given, Documents) else Landing
        return landing(self.store, delivery, now), given

    def read(self, span: Span, **how: Any) -> None:
        landing, given = self.begin(span, **how)
        with suppress(DiedError):
            landing.land(given)

    def tick(self) -> bool:
        """Read what is new, if anything is; say whether."""
        ledger = self.ledger
        news = self.source.news(news_position(self.source, ledger, self.now.date()))
        span = news_span(ledger, FIRST, self.now, news=news)
        if span:
            self.read(span, whole=False)
        return span is not None

    def audit(self) -> None:
        for span in list(audit_spans(self.ledger, FIRST, self.now)):
            self.read(span, whole=True)

    def settle(self) -> None:
        """Tick until the source is not asked any more."""
        for _ in range(4):
            if not self.tick():
                return
        raise AssertionError(f"the ticks never end: {self.ledger}")
