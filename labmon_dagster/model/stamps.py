"""Time stamps of loggers: a named zone in, UTC nanoseconds out, and only stamps that can be trusted.

A stamp that does not exist in its zone, means two instants, lies in the future or before the source's
start is refused, so that one wild clock can neither shift nor stop anything.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import polars as pl

from labmon_dagster.model.window import SECOND, instant_text

FUTURE = 30 * 60 * SECOND
_OFFSET = re.compile(r"(?:UTC|GMT)?(?:([+-])(\d{2}):?(\d{2}))?")
_ALLOWED = "a fixed offset like UTC-05:00, UTC, or an IANA name like America/Detroit"


@dataclass(frozen=True)
class Zone:
    """The zone of a clock: a fixed offset from UTC or an IANA name."""

    name: str

    def __post_init__(self) -> None:
        _ = self.offset

    @cached_property
    def offset(self) -> int | None:
        """ns to take from a local stamp to get UTC; None where the offset changes over the year.

        Raises ValueError for a name that is neither an offset nor a known zone.
        """
        match = _OFFSET.fullmatch(self.name)
        if match and self.name:
            sign, hours, minutes = match.groups()
            ahead = (int(hours) * 60 + int(minutes)) * 60 * SECOND if sign else 0
            if ahead > 18 * 3600 * SECOND:
                raise ValueError(f"zone {self.name!r}: no place is more than 18 hours from UTC; allowed: {_ALLOWED}")
            return -ahead if sign == "-" else ahead
        try:
            ZoneInfo(self.name)
        except (ZoneInfoNotFoundError, ValueError, IsADirectoryError) as error:
            raise ValueError(f"unknown zone {self.name!r}; allowed: {_ALLOWED}") from error
        return None

    def to_utc(self, local: pl.Series) -> pl.Series:
        """Local stamps (Datetime ns, no zone) as UTC; null where there is no instant, or more than one."""
        if self.offset is not None:
            return _shift(local, self.offset)
        return local.dt.replace_time_zone(self.name, ambiguous="null", non_existent="null").dt.convert_time_zone("UTC")

    def complaint(self, local: int) -> str:
        """Why `to_utc` gave null for this stamp (ns, as if it were UTC)."""
        stamp = pl.Series([local]).cast(pl.Datetime("ns"))
        text = instant_text(local)[:-1]
        first = stamp.dt.replace_time_zone(self.name, ambiguous="earliest", non_existent="null")
        if first.is_null().any():
            return f"time stamp {text} does not exist in {self.name} (the clock was set forward)"
        return f"time stamp {text} means two instants in {self.name} (the clock was set back)"


def _shift(local: pl.Series, offset: int) -> pl.Series:
    shifted = local.cast(pl.Int64) - offset
    return shifted.cast(pl.Datetime("ns", "UTC"))


@dataclass(frozen=True, slots=True)
class Trust:
    """The span of stamps that are believed: from the source's ``start`` to half an hour after ``now`` (ns)."""

    start: int
    now: int

    def holds(self, low: int, high: int) -> bool:
        """Whether all stamps between ``low`` and ``high`` are believed."""
        return self.start <= low and high <= self.now + FUTURE

    def complaint(self, stamp: int) -> str | None:
        """Why ``stamp`` (UTC ns) is not believed, or None."""
        if stamp > self.now + FUTURE:
            return f"time stamp {instant_text(stamp)} lies more than 30 minutes in the future"
        if stamp < self.start:
            return f"time stamp {instant_text(stamp)} lies before the source's start {instant_text(self.start)}"
        return None
