"""What to ask of a source for some days, from what the ledger knows of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from labmon_dagster.landing.close import newest_position
from labmon_dagster.model import DAY, NOWHERE, Mark, Position, Request, Source, TimedSource, Window
from labmon_dagster.model.position import earliest
from labmon_dagster.model.window import day_number
from labmon_dagster.stores import LedgerRow


def ask(
    source: Source, ledger: Mapping[date, LedgerRow], days: Sequence[date], now: int, *, whole: bool
) -> Request:
    """Give the request for ``days`` (in a row): for news, what is behind where they were read to."""
    since = NOWHERE if whole else standing(source, ledger, days)
    return Request(Window.of_days(days[0], days[-1]), since, newest_position(ledger.values()), now)


def standing(source: Source, ledger: Mapping[date, LedgerRow], days: Sequence[date]) -> Position:
    """Say how far a source was read for all of ``days``.

    A day that was never read begins where the latest read ended, since every read notes the days it saw.
    But a source that is asked by time has shown nothing of it: there it begins with itself.
    """
    newest = newest_position(ledger.values())
    timed = isinstance(source, TimedSource)
    return earliest(
        ledger[day].read_until if day in ledger else _unread(newest, day) if timed else newest for day in days
    )


def news_position(source: Source, ledger: Mapping[date, LedgerRow], today: date) -> Position:
    """Say behind which position there is news: of a source that is asked by time, that of today."""
    if isinstance(source, TimedSource):
        return standing(source, ledger, [today])
    return newest_position(ledger.values())


def _unread(newest: Position, day: date) -> Position:
    start = day_number(day) * DAY
    return {stream: Mark(min(mark.offset, start)) for stream, mark in newest.items()}
