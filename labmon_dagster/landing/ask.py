"""What to ask of a source for some days, from what the ledger knows of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TypeAlias

from labmon_dagster.landing.close import NOT_KEPT, newest_position
from labmon_dagster.model import (
    DAY,
    NOWHERE,
    DatedSource,
    Mark,
    Position,
    Request,
    Source,
    TimedSource,
    Window,
)
from labmon_dagster.model.documents import DocumentSource
from labmon_dagster.model.position import earliest
from labmon_dagster.model.window import day_number
from labmon_dagster.stores import LedgerRow

AnySource: TypeAlias = Source | DocumentSource
_BEGINNING, _BEHIND_ALL = Mark(0), Mark(2**63 - 1)


def ask(
    source: AnySource, ledger: Mapping[date, LedgerRow], days: Sequence[date], now: int, *, whole: bool
) -> Request:
    """Give the request for ``days`` (in a row): for news, what is behind where they were read to."""
    since = NOWHERE if whole else standing(source, ledger, days)
    return Request(Window.of_days(days[0], days[-1]), since, known_position(source, ledger), now)


def standing(source: AnySource, ledger: Mapping[date, LedgerRow], days: Sequence[date]) -> Position:
    """Say how far a source was read for all of ``days``.

    A day that was never read begins where the latest read ended, since every read notes the days it saw.
    But a source that is asked by time has shown nothing of it: there it begins with itself. Of a source
    with a stream for each day every day has its own mark; without one it is read from its beginning.
    """
    if isinstance(source, DatedSource):
        own = {day: source.stream_of(day) for day in days if day in ledger}
        return {s: ledger[day].read_until[s] for day, s in own.items() if s in ledger[day].read_until}
    newest = newest_position(ledger.values())
    timed = isinstance(source, TimedSource)
    return earliest(
        ledger[day].read_until if day in ledger else _unread(newest, day) if timed else newest for day in days
    )


def known_position(source: AnySource, ledger: Mapping[date, LedgerRow]) -> Position:
    """Say behind which marks everything is new to the ledger.

    Of a source with a stream for each day: every day's own mark. Days that wait to be read come by
    themselves and those not kept not at all, so that of these nothing is new.
    """
    if not isinstance(source, DatedSource):
        return newest_position(ledger.values())
    known: dict[str, Mark] = {}
    for day, row in ledger.items():
        stream = source.stream_of(day)
        if row.stale or row.verdict == NOT_KEPT:
            known[stream] = _BEHIND_ALL
        elif row.was_read:
            known[stream] = row.read_until.get(stream, _BEGINNING)
    return known


def news_position(source: AnySource, ledger: Mapping[date, LedgerRow], today: date) -> Position:
    """Say behind which position there is news: of a source that is asked by time, that of today."""
    if isinstance(source, TimedSource):
        return standing(source, ledger, [today])
    known = known_position(source, ledger)
    return {source.stream_of(today): _BEGINNING, **known} if isinstance(source, DatedSource) else known


def _unread(newest: Position, day: date) -> Position:
    start = day_number(day) * DAY
    return {stream: Mark(min(mark.offset, start)) for stream, mark in newest.items()}
