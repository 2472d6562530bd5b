"""Days and windows: half-open, UTC, counted in nanoseconds since 1970."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import polars as pl

SECOND = 1_000_000_000
DAY = 86_400 * SECOND
UNITS: Mapping[str, int] = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": SECOND}
_EPOCH = date(1970, 1, 1)


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - _EPOCH).days


def day_of(ns: int) -> date:
    """The UTC day an instant lies in."""
    return _EPOCH + timedelta(days=ns // DAY)


def days_between(first: date, last: date) -> list[date]:
    """All days from ``first`` to ``last``, both included."""
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def instant_text(ns: int) -> str:
    """An instant as RFC 3339 in UTC with nine digits: 2021-06-25T15:50:05.000000000Z."""
    seconds, fraction = divmod(ns, SECOND)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{fraction:09d}Z"


def moment(ns: int) -> datetime:
    """An instant (UTC ns) as a datetime; one finer than microseconds as pandas' Timestamp."""
    if ns % 1000:
        import pandas as pd  # it takes long to import, and is needed here alone

        return pd.Timestamp(ns, unit="ns", tz=UTC)
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=ns // 1000)


def runs_of_days(days: Iterable[date]) -> Iterator[list[date]]:
    """The days in order, cut where one or more days are missing."""
    run: list[date] = []
    for day in sorted(set(days)):
        if run and day - run[-1] > timedelta(days=1):
            yield run
            run = []
        run.append(day)
    if run:
        yield run


@dataclass(frozen=True, slots=True)
class Window:
    """The instants from ``start`` to before ``end``, in ns since 1970."""

    start: int
    end: int

    @classmethod
    def of_days(cls, first: date, last: date) -> Window:
        """The window of whole UTC days, both included."""
        return cls(day_number(first) * DAY, (day_number(last) + 1) * DAY)

    @classmethod
    def spanning(cls, times: pl.Series) -> Window:
        """The smallest window that holds all of some instants, of which there is at least one."""
        low, high = times.cast(pl.Int64).min(), times.cast(pl.Int64).max()
        assert isinstance(low, int) and isinstance(high, int)
        return cls(low, high + 1)

    def widened(self, ns: int) -> Window:
        """The window with ``ns`` more on both sides."""
        return Window(self.start - ns, self.end + ns)

    @property
    def days(self) -> list[date]:
        """Every UTC day the window touches."""
        return days_between(day_of(self.start), day_of(self.end - 1))
