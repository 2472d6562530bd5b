"""Which days of which feeds are to be read now. Pure: ledger and clock in, wishes out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from labmon_dagster.model import SECOND
from labmon_dagster.model.window import days_between, runs_of_days
from labmon_dagster.stores import LedgerRow

CATCH_UP_DAYS = 30
CHUNK_DAYS = 31
RUNS_AT_ONCE = 4
RECOUNT_DAYS = 31
_TAIL_OF_YESTERDAY = timedelta(hours=3)
_HOUR = 3600 * SECOND
_LONGEST_PAUSE_HOURS = 24


@dataclass(frozen=True, slots=True)
class Span:
    """Some days in a row, both ends included."""

    first: date
    last: date


def news_span(ledger: Mapping[date, LedgerRow], start: date, now: datetime, *, news: bool) -> Span | None:
    """The days a five-minute tick asks for, or None: from the first to the last that is `wanted`."""
    days = wanted(ledger, start, now, news=news)
    return Span(min(days), max(days)) if days else None


def day_by_day(
    ledger: Mapping[date, LedgerRow],
    start: date,
    now: datetime,
    *,
    news: bool,
    full: Collection[date],
    newest_first: bool,
) -> list[Span]:
    """The days in which something is new, and the first few of those that wait: each in a run of its own.

    Today never waits behind others. So much as a day is read again if a run is broken off. Days that are not
    among the ``full`` ones, which hold anything, are read together.
    """
    waiting = set(wanted(ledger, start, now, news=False)) - {now.astimezone(UTC).date()}
    new = sorted(set(wanted(ledger, start, now, news=news)) - waiting, reverse=True)
    late = _apart(waiting, full, newest_first=newest_first)
    return [*(Span(day, day) for day in new), *late[:RUNS_AT_ONCE]]


def _apart(days: set[date], full: Collection[date], *, newest_first: bool) -> list[Span]:
    """Each of the full days by itself, the others together, in the order asked for."""
    spans = [*_chunks(days.difference(full)), *(Span(day, day) for day in days.intersection(full))]
    return sorted(spans, key=lambda span: span.first, reverse=newest_first)


def wanted(ledger: Mapping[date, LedgerRow], start: date, now: datetime, *, news: bool) -> list[date]:
    """The days that are to be read now.

    Past days of the last 30 that were never read, or were seen to hold more, come back by themselves;
    with ``news`` today is read too, and for the first hours of a day also yesterday.
    """
    today = now.astimezone(UTC).date()
    oldest = max(start, today - timedelta(days=CATCH_UP_DAYS))
    days = [day for day in days_between(oldest, today - timedelta(days=1)) if _unread(ledger.get(day))]
    if today in ledger and ledger[today].stale:
        days.append(today)
    if news:
        yesterday = today - timedelta(days=1)
        early = now - datetime.combine(today, datetime.min.time(), UTC) < _TAIL_OF_YESTERDAY
        days += [day for day in (yesterday if early else today, today) if day >= start]
    return days


def _unread(row: LedgerRow | None) -> bool:
    return row is None or row.stale or not row.was_read


def audit_spans(
    ledger: Mapping[date, LedgerRow], start: date, now: datetime, *, recount: bool = False
) -> Iterator[Span]:
    """The days to be read as a whole and proven, oldest first, in chunks of at most 31.

    Every past day that is not proven; with ``recount`` also the proven ones of the last month. A day
    that could not be proven is tried again after pauses that grow from one hour to a day.
    """
    return _chunks(_audited(ledger, start, now, recount=recount))


def audit_day_by_day(
    ledger: Mapping[date, LedgerRow],
    start: date,
    now: datetime,
    *,
    full: Collection[date],
    newest_first: bool,
    recount: bool = False,
) -> list[Span]:
    """The same, in runs and in an order as those of `day_by_day`, and without the days that it asks for."""
    due = set(_audited(ledger, start, now, recount=recount))
    return _apart(due.difference(wanted(ledger, start, now, news=False)), full, newest_first=newest_first)


def _audited(ledger: Mapping[date, LedgerRow], start: date, now: datetime, *, recount: bool) -> list[date]:
    today = now.astimezone(UTC).date()
    at = int(now.timestamp()) * SECOND
    recounted = today - timedelta(days=RECOUNT_DAYS)
    return [
        day
        for day in days_between(start, today - timedelta(days=1))
        if (recount and day >= recounted) or _due(ledger.get(day), at)
    ]


def _due(row: LedgerRow | None, now: int) -> bool:
    if row is None:
        return True
    if row.proven:
        return False
    pause = min(2 ** (row.tries - 1), _LONGEST_PAUSE_HOURS) * _HOUR if row.tries else 0
    return now - row.written >= pause


def _chunks(days: Iterable[date]) -> Iterator[Span]:
    for run in runs_of_days(days):
        for first in range(0, len(run), CHUNK_DAYS):
            chunk = run[first : first + CHUNK_DAYS]
            yield Span(chunk[0], chunk[-1])


def pause_after(failures: int) -> timedelta:
    """How long to wait after so many failed runs in a row: 5 minutes, doubling, at most 6 hours."""
    return min(timedelta(minutes=5) * 2 ** (failures - 1), timedelta(hours=6)) if failures else timedelta(0)
