"""Where the newest of a source lies, and what of it cannot be read: what previews have in common."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from labmon_dagster.cli.common import remark
from labmon_dagster.formats import printable
from labmon_dagster.lookup import EARLIEST, LATEST
from labmon_dagster.model import DatedSource, Reject, TimedSource, Window
from labmon_dagster.model.window import day_of

if TYPE_CHECKING:
    from labmon_dagster.components.feed import Feed

_MONTH = timedelta(days=30)


def windows(feed: Feed, day: date | None) -> Iterator[Window]:
    """Give the instants to look at, one window after the other until there is something.

    That is the day asked for. Otherwise, of a source asked by time, the day of its newest row; of one whose
    streams are days, today, then the month before, then all before that; of others everything.
    """
    source = feed.source
    newest = source.newest() if isinstance(source, TimedSource) and day is None else None
    if day or newest is not None:
        only = day or day_of(newest or 0)
        yield Window.of_days(only, only)
    elif isinstance(source, DatedSource):
        last = datetime.now(UTC).date()
        for first in (last, last - _MONTH, feed.start):
            if first <= last:
                yield Window.of_days(max(first, feed.start), last)
                last = first - timedelta(days=1)
    else:
        yield Window(EARLIEST, LATEST)


def tell_rejects(rejects: Iterable[Reject], day: date | None) -> None:
    """Say on stderr what cannot be read, of one day or of all."""
    for reject in rejects:
        if day in {None, reject.day}:
            remark(printable(f"{reject.place}: {reject.reason}"))


def tell_trouble(troubles: Iterable[str]) -> None:
    """Say on stderr what could not be read just now."""
    for trouble in troubles:
        remark(printable(trouble))
