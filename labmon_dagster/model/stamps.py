"""Time stamps of loggers: a named zone in, UTC nanoseconds out, and only stamps that can be trusted.

A stamp that does not exist in its zone, means two instants, lies in the future or before the source's
start is refused, so that one wild clock can neither shift nor stop anything.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import polars as pl

from labmon_dagster.model.window import SECOND, instant_text

FUTURE = 30 * 60 * SECOND
_OFFSET = re.compile(r"(?:UTC|GMT|(?=[+-]))(?:([+-])(\d{2}):?([0-5]\d))?")
_ALLOWED = "a fixed offset like UTC-05:00, UTC, or an IANA name like America/Detroit"
_LOCAL = pl.Datetime("ns")


@dataclass(frozen=True)
class Zone:
    """The zone of a clock: a fixed offset from UTC or an IANA name. Raises ValueError for any other."""

    name: str

    def __post_init__(self) -> None:
        if self.offset is not None:
            if abs(self.offset) > 18 * 3600 * SECOND:
                raise ValueError(f"zone {self.name!r}: no place is more than 18 hours from UTC")
            return
        try:
            ZoneInfo(self.name)
            self.to_utc(pl.Series([0]).cast(_LOCAL))
        except (KeyError, ValueError, OSError, pl.exceptions.PolarsError) as error:
            raise ValueError(f"unknown zone {self.name!r}; allowed: {_ALLOWED}") from error

    @cached_property
    def offset(self) -> int | None:
        """What to take from a local stamp to get UTC, in ns; None where the zone is an IANA name."""
        match = _OFFSET.fullmatch(self.name)
        if not match:
            return None
        sign, hours, minutes = match.groups(default="0")
        ahead = (int(hours) * 60 + int(minutes)) * 60 * SECOND
        return -ahead if sign == "-" else ahead

    def to_utc(self, local: pl.Series) -> pl.Series:
        """Local stamps (Datetime ns, no zone) as UTC; null where there is no instant, or more than one."""
        if self.offset is not None:
            return (local.to_physical() - self.offset).cast(pl.Datetime("ns", "UTC"))
        zoned = local.dt.replace_time_zone(self.name, ambiguous="null", non_existent="null")
        return zoned.dt.convert_time_zone("UTC")

    def complaint(self, local: int) -> str:
        """Say why `to_utc` gave null for this stamp (ns, as if it were UTC)."""
        stamp = pl.Series([local]).cast(_LOCAL)
        text = instant_text(local)[:-1]
        first = stamp.dt.replace_time_zone(self.name, ambiguous="earliest", non_existent="null")
        if first.is_null().any():
            return f"time stamp {text} does not exist in {self.name} (the clock was set forward)"
        return f"time stamp {text} means two instants in {self.name} (the clock was set back)"


@dataclass(frozen=True, slots=True)
class Trust:
    """The stamps that are believed: from the source's ``start`` to half an hour after ``now`` (ns)."""

    start: int
    now: int

    def mask(self, stamps: pl.Series) -> npt.NDArray[np.bool_]:
        """Which stamps (UTC ns; null: none) are believed."""
        return stamps.is_between(self.start, self.now + FUTURE).fill_null(False).to_numpy()

    def complaint(self, stamp: int) -> str | None:
        """Say why ``stamp`` (UTC ns) is not believed; None if it is."""
        if stamp > self.now + FUTURE:
            return f"time stamp {instant_text(stamp)} lies more than 30 minutes in the future"
        if stamp < self.start:
            start = instant_text(self.start)
            return f"time stamp {instant_text(stamp)} lies before the source's start {start}"
        return None
