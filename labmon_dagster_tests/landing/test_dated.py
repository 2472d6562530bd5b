"""Sources whose streams are days: whatever is read when, each entry is stored once, and it comes to rest."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import date, timedelta
from typing import Any, TypeAlias

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from labmon_dagster.automation.plan import Span
from labmon_dagster.landing import ask, news_position
from labmon_dagster.landing.close import NOT_KEPT
from labmon_dagster.model import DatedSource, Mark, TimedSource
from labmon_dagster.stores import LedgerRow
from labmon_dagster_tests.landing.conftest import sqlite_store
from labmon_dagster_tests.landing.dated import (
    BROKEN,
    DAYS,
    NOTE,
    OTHER,
    DatedDocuments,
    DatedReadings,
    DatedWorld,
    Journal,
)
from labmon_dagster_tests.landing.document_batches import EVER, new_store
from labmon_dagster_tests.landing.growing import day
from labmon_dagster_tests.landing.rows import ASSET, NAME
from labmon_dagster_tests.landing.rows import stored as stored_rows

Act: TypeAlias = tuple[Any, ...]
BOTH = pytest.mark.parametrize("kind", [DatedReadings, DatedDocuments])

NUMBER = st.integers(0, DAYS - 1)
SPAN = st.tuples(NUMBER, NUMBER).map(lambda two: Span(day(min(two)), day(max(two))))
KINDS = st.lists(st.sampled_from([NOTE, NOTE, BROKEN, OTHER]), min_size=1, max_size=4)
APPEND = st.tuples(st.just("append"), NUMBER, KINDS)
READ = st.tuples(st.just("read"), SPAN, st.booleans())
CRASH = st.tuples(st.just("crash"), SPAN, st.booleans(), st.integers(0, 2))
REPLACE = st.tuples(st.just("replace"), SPAN, st.integers(-1, 2))
PAIR = st.tuples(st.just("both"), SPAN, st.booleans(), NUMBER, KINDS, SPAN, st.booleans())
TICK, AUDIT = st.just(("tick",)), st.just(("audit",))
ACTS = st.lists(st.one_of(APPEND, APPEND, TICK, TICK, AUDIT, READ, CRASH, REPLACE, PAIR), max_size=12)


@contextmanager
def world(kind: type[Journal], size: int, hour: int) -> Iterator[DatedWorld]:
    documents = issubclass(kind, DatedDocuments)
    opened: AbstractContextManager[Any] = new_store() if documents else sqlite_store()
    with opened as store:
        yield DatedWorld(store, kind(size), hour)


def stored(one: DatedWorld) -> list[str]:
    if isinstance(one.source, DatedDocuments):
        return sorted(kept.id for kept in one.store.fetch(NAME, EVER))
    rows = stored_rows(one.store)
    return sorted(f"{row['site']} {row['_place']}" for row in rows.iter_rows(named=True))


def play(one: DatedWorld, act: Act) -> None:
    match act:
        case ("append", number, kinds):
            one.source.append(number, kinds)
        case ("tick",):
            one.tick()
        case ("audit",):
            one.audit()
        case ("read", span, whole):
            one.read(span, whole=whole)
        case ("crash", span, whole, after):
            one.read(span, whole=whole, fails_after=after)
        case ("replace", span, after):
            one.read(span, whole=True, replace=True, fails_after=after)
        case ("both", first, whole, number, kinds, second, other):
            landing, found = one.begin(first, whole=whole)
            one.source.append(number, kinds)
            one.read(second, whole=other)
            landing.land(found)


def check(one: DatedWorld) -> None:
    """See that nothing is missing in front of a day's mark, and that every mark is of its own day."""
    found, pieces = set(stored(one)), {piece.raw for piece in one.store.quarantined()}
    for when, row in one.ledger.items():
        assert set(row.read_until) <= {str(when)}
        for stream, mark in row.read_until.items():
            for kind, kept in ((NOTE, found), (BROKEN, pieces)):
                assert {f"{stream} {n}" for n in one.source.of(stream, kind, 0, mark.offset)} <= kept
        assert not (row.proven and row.stale)


def finish(one: DatedWorld) -> None:
    one.settle()
    whole(one)
    one.audit()
    one.settle()
    whole(one)
    past = [one.ledger[day(number)] for number in range(DAYS - 1)]
    held = [sum(one_kind == NOTE for one_kind in one.source.days.get(str(row.day), ())) for row in past]
    assert [(row.proven, row.verdict, row.in_store) for row in past] == [
        (True, "stored" if rows else "empty", rows) for rows in held
    ]


def whole(one: DatedWorld) -> None:
    assert stored(one) == one.source.names(NOTE), "everything once, nothing missing"
    assert sorted(piece.raw for piece in one.store.quarantined()) == one.source.names(BROKEN)


@BOTH
@given(size=st.integers(1, 3), hour=st.sampled_from([1, 12]), acts=ACTS)
@settings(max_examples=60)
@example(size=2, hour=12, acts=[("append", 0, [NOTE]), ("audit",), ("append", 0, [NOTE]), ("tick",)])
@example(size=2, hour=12, acts=[("append", 3, [NOTE]), ("audit",), ("append", 1, [OTHER]), ("tick",)])
def test_everything_is_stored_once_and_comes_to_rest(
    kind: type[Journal], size: int, hour: int, acts: list[Act]
) -> None:
    with world(kind, size, hour) as one:
        for act in acts:
            play(one, act)
            check(one)
        finish(one)


@BOTH
def test_an_older_day_that_grows_is_read_again_behind_its_own_mark(kind: type[Journal]) -> None:
    with world(kind, 2, 12) as one:
        one.source.append(0, [NOTE, NOTE])
        one.source.append(3, [NOTE])
        one.settle()
        one.audit()
        assert one.ledger[day(0)].proven
        one.source.append(0, [NOTE])
        assert one.tick(), "only today is read"
        assert one.ledger[day(0)].stale
        request = ask(one.source, one.ledger, [day(0), day(3)], 0, whole=False)
        assert dict(request.since) == {str(day(0)): Mark(2), str(day(3)): Mark(1)}
        assert one.tick()
        row = one.ledger[day(0)]
        assert (row.stale, row.proven, row.counts.read, row.counts.stored, row.in_store) == (
            (False, False, 1, 1, 3)
        )
        assert not one.tick()


@BOTH
def test_growth_that_concerns_nobody_is_asked_for_once(kind: type[Journal]) -> None:
    with world(kind, 2, 12) as one:
        one.settle()
        one.audit()
        assert one.ledger[day(1)].verdict == "empty"
        one.source.append(1, [OTHER])
        assert one.tick() and one.ledger[day(1)].stale
        assert one.tick() and not one.ledger[day(1)].stale
        assert not one.tick()


@BOTH
def test_a_stream_that_is_not_given_leaves_its_day_where_it_stood(kind: type[Journal]) -> None:
    with world(kind, 2, 12) as one:
        one.source.append(1, [NOTE])
        one.settle()
        before = one.ledger[day(1)]
        one.source.days = {}
        one.read(Span(day(0), day(3)), whole=False)
        assert one.ledger[day(1)].read_until == before.read_until == {str(day(1)): Mark(1)}
        one.read(Span(day(1), day(1)), whole=True)
        assert one.ledger[day(1)].read_until == {}


@BOTH
def test_a_stream_that_holds_another_day_fails_the_read(kind: type[Journal]) -> None:
    class Muddled(kind):  # type: ignore[misc, valid-type]
        def stream_of(self, day: date) -> str:
            return (day - timedelta(days=1)).isoformat()

    with world(Muddled, 2, 12) as one:
        one.source.append(1, [NOTE])
        with pytest.raises(ValueError, match=r"stream '2024-05-02' of its source holds .* under 2024-05-02;"):
            one.read(Span(day(2), day(2)), whole=True)
        assert one.ledger == {} and stored(one) == []


def test_days_that_wait_or_are_not_kept_are_no_news() -> None:
    source = DatedDocuments(1)
    rows = [
        LedgerRow(ASSET, day(0), covered="news", read_until={str(day(0)): Mark(3)}),
        LedgerRow(ASSET, day(1), covered="news", read_until={str(day(1)): Mark(3)}, stale=True),
        LedgerRow(ASSET, day(2), covered="whole day", verdict=NOT_KEPT, proven=True),
        LedgerRow(ASSET, day(3), covered="whole day"),
    ]
    for row in rows:
        source.append((row.day - day(0)).days, [NOTE] * 3)
    ledger = {row.day: row for row in rows}
    assert isinstance(source, DatedSource) and not isinstance(source, TimedSource)
    assert source.news(news_position(source, ledger, day(3)))
    del ledger[day(3)]
    assert source.news(news_position(source, ledger, day(3))), "today was not read yet"
    assert not source.news(news_position(source, ledger, day(4)))
    source.append(0, [OTHER])
    assert source.news(news_position(source, ledger, day(4)))
    assert ask(source, ledger, [day(3)], 0, whole=False).known.keys() == {str(day(n)) for n in range(3)}
