"""Which days are asked for: by the five-minute tick, and by the audit."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from labmon_dagster.automation.plan import (
    Span,
    audit_day_by_day,
    audit_spans,
    day_by_day,
    news_span,
    pause_after,
)
from labmon_dagster.stores import LedgerRow

TODAY = date(2026, 11, 20)
NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
START = date(2026, 1, 1)


def day(back: int) -> date:
    return TODAY - timedelta(days=back)


def row(back: int, **known: object) -> LedgerRow:
    return LedgerRow("a/b", day(back), **{"covered": "whole day", **known})  # type: ignore[arg-type]


def ledger(*rows: LedgerRow) -> dict[date, LedgerRow]:
    return {one.day: one for one in rows}


ALL_READ = [row(back) for back in range(1, 40)]


def test_without_news_and_with_all_days_read_nothing_is_asked() -> None:
    assert news_span(ledger(*ALL_READ), START, NOON, news=False) is None


def test_news_are_read_for_today() -> None:
    assert news_span(ledger(*ALL_READ), START, NOON, news=True) == Span(TODAY, TODAY)


def test_in_the_first_hours_of_a_day_yesterday_is_read_too() -> None:
    early = datetime(2026, 11, 20, 0, 5, tzinfo=UTC)
    assert news_span(ledger(*ALL_READ), START, early, news=True) == Span(day(1), TODAY)


def test_three_days_of_outage_come_back_in_one_range() -> None:
    known = ledger(*[one for one in ALL_READ if one.day < day(3)])
    assert news_span(known, START, NOON, news=True) == Span(day(3), TODAY)


def test_the_first_tick_asks_for_thirty_days() -> None:
    assert news_span({}, START, NOON, news=True) == Span(day(30), TODAY)
    assert news_span({}, day(4), NOON, news=True) == Span(day(4), TODAY)


def test_a_day_that_was_seen_to_hold_more_is_asked_for_without_other_news() -> None:
    known = ledger(*ALL_READ, row(7).seen())
    assert news_span(known, START, NOON, news=False) == Span(day(7), day(7))
    assert news_span(ledger(*ALL_READ, row(0).seen()), START, NOON, news=False) == Span(TODAY, TODAY)


def test_a_source_that_starts_tomorrow_is_not_asked() -> None:
    assert news_span({}, TODAY + timedelta(days=1), NOON, news=True) is None


def test_the_audit_takes_every_unproven_past_day_oldest_first_in_chunks() -> None:
    known = ledger(*[row(back, proven=True) for back in (5, 6)])
    spans = list(audit_spans(known, day(80), NOON))
    assert spans == [
        Span(day(80), day(50)),
        Span(day(49), day(19)),
        Span(day(18), day(7)),
        Span(day(4), day(1)),
    ]


def test_a_recount_takes_the_last_month_again() -> None:
    known = ledger(*[row(back, proven=True) for back in range(1, 200)])
    assert list(audit_spans(known, day(199), NOON)) == []
    assert list(audit_spans(known, day(199), NOON, recount=True)) == [Span(day(31), day(1))]


@pytest.mark.parametrize(("tries", "hours"), [(1, 1), (2, 2), (3, 4), (9, 24)])
def test_a_day_that_cannot_be_proven_is_tried_after_growing_pauses(tries: int, hours: int) -> None:
    written = int(NOON.timestamp()) * 10**9
    known = ledger(row(1, tries=tries, written=written))
    almost, due = NOON + timedelta(hours=hours, seconds=-1), NOON + timedelta(hours=hours)
    assert not [span for span in audit_spans(known, day(1), almost) if span.first == day(1)]
    assert [span for span in audit_spans(known, day(1), due) if span.first == day(1)]


def test_pauses_grow_and_stop_growing() -> None:
    minutes = [pause_after(n).total_seconds() / 60 for n in range(10)]
    assert minutes == [0, 5, 10, 20, 40, 80, 160, 320, 360, 360]


@pytest.mark.parametrize(("newest", "order"), [(True, (2, 3, 7, 8)), (False, (12, 11, 9, 8))])
def test_day_by_day_what_is_new_comes_first_then_what_waits_in_the_order_asked_for(
    newest: bool, order: tuple[int, ...]
) -> None:
    missed = {2, 3, 7, 8, 9, 11, 12}
    known = ledger(*(row(n) for n in range(31) if n not in {0, *missed}))
    full = {day(n) for n in missed}
    late = [Span(day(n), day(n)) for n in order]
    asked = [
        day_by_day(known, START, NOON, news=news, full=full, newest_first=newest) for news in (True, False)
    ]
    assert asked == [[Span(TODAY, TODAY), *late], late]
    assert day_by_day(ledger(*ALL_READ), START, NOON, news=False, full=full, newest_first=newest) == []


def test_days_without_anything_are_read_together() -> None:
    asked = day_by_day({}, day(9), NOON, news=True, full={TODAY, day(4)}, newest_first=True)
    assert asked == [Span(TODAY, TODAY), Span(day(3), day(1)), Span(day(4), day(4)), Span(day(9), day(5))]


@pytest.mark.parametrize("newest", [True, False])
def test_the_audit_day_by_day_keeps_the_order_and_leaves_what_waits_to_the_ticks(newest: bool) -> None:
    known = ledger(*(row(n, proven=n not in {3, 4}) for n in range(31) if n not in {1, 2}))
    full = {day(n) for n in (1, 2, 3, 4, 36, 40)}
    asked = audit_day_by_day(known, day(41), NOON, full=full, newest_first=newest)
    spans = [(3, 3), (4, 4), (35, 31), (36, 36), (39, 37), (40, 40), (41, 41)]
    wanted = [Span(day(first), day(last)) for first, last in spans]
    assert asked == (wanted if newest else wanted[::-1])


@pytest.mark.parametrize("news", [True, False])
def test_today_does_not_wait_behind_missed_days(news: bool) -> None:
    missed = {2, 3, 7, 8, 9}
    known = ledger(*(row(n, stale=n == 0) for n in range(31) if n not in missed))
    full = {day(n) for n in range(40)}
    spans = day_by_day(known, START, NOON, news=news, full=full, newest_first=False)
    assert spans == [Span(day(n), day(n)) for n in (0, 9, 8, 7, 3)]


def test_days_that_wait_do_not_starve_while_news_keeps_coming() -> None:
    missed = {2, 3, 7}
    early = datetime(NOON.year, NOON.month, NOON.day, 1, tzinfo=UTC)
    full = {day(n) for n in range(40)}
    while missed:
        known = ledger(*(row(n) for n in range(31) if n not in missed))
        spans = day_by_day(known, START, early, news=True, full=full, newest_first=True)
        assert {TODAY, day(min(missed))} <= {span.first for span in spans}
        missed.remove(min(missed))
