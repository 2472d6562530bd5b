"""Whatever a program gives as a time becomes ns since 1970, exactly, or is refused with the reason."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from operator import index
from typing import Any

from labmon_dagster.lookup import EARLIEST, LATEST, instant
from labmon_dagster.model import SECOND
from labmon_dagster.model.window import UNITS

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PLAUSIBLE = 946_684_800 * SECOND, 4_102_444_800 * SECOND  # 2000 to 2100
_WORDS = {"ns": "nanoseconds", "us": "microseconds", "ms": "milliseconds", "s": "seconds"}
_YEARS = "2000 to 2100"


def time_ns(time: Any, precision: str) -> int:
    """Give a time as ns since 1970 (UTC).

    Whole numbers (numpy's too) count in ``precision`` (ns, us, ms, s); texts are RFC 3339, UTC where they
    name no zone; datetimes without a zone are UTC; pandas' and numpy's times are taken with all their digits;
    a timedelta counts from 1970. Raises ValueError for a number that looks like another unit, TypeError for a
    float, which cannot hold ns, and for any other type.
    """
    if isinstance(time, str):
        return text_ns(time)
    if isinstance(time, datetime):
        return _stamp_ns(time) if hasattr(time, "nanosecond") else _datetime_ns(time)
    if isinstance(time, timedelta):
        return checked(time.value if hasattr(time, "value") else _passed(time))
    if type(time).__name__ == "datetime64":
        from pandas import Timestamp

        return _stamp_ns(Timestamp(time))
    number = whole(time)
    seems = unit_of(number)
    if seems and seems != precision:
        raise ValueError(wrong_unit(number, seems, precision))
    return checked(number * UNITS[precision])


def whole(number: Any) -> int:
    """Give a whole number, numpy's too, as int. Raises TypeError for anything else, a float among it."""
    if isinstance(number, float):
        raise TypeError(f"{number!r} is a float, which cannot hold ns: take time.time_ns(), or a datetime")
    if isinstance(number, bool) or not hasattr(number, "__index__"):
        raise TypeError(
            f"{number!r} ({type(number).__name__}) is no time; allowed: a whole number, a datetime, RFC 3339"
        )
    return index(number)


def checked(ns: int) -> int:
    """Give the instant back. Raises ValueError for one that 64 bits of ns cannot hold."""
    if not EARLIEST < ns < LATEST:
        raise ValueError(f"{ns} ns lies outside the years 1677 to 2262, which 64 bits can hold")
    return ns


def unit_of(number: int) -> str | None:
    """Name the unit in which a number is a time from 2000 to 2100; None if it is in none."""
    return next((unit for unit, ns in UNITS.items() if PLAUSIBLE[0] <= number * ns < PLAUSIBLE[1]), None)


def wrong_unit(number: int, seems: str | None, precision: str) -> str:
    """Say that a number is no time from 2000 to 2100 in the unit it should have, and what can be done."""
    told = f"{number} is no time from {_YEARS} in {_WORDS[precision]} (write_precision={precision!r})"
    if seems is None:
        return f"{told}, nor in any other unit; give datetimes for other years"
    factor = UNITS[seems] / UNITS[precision]
    way = f"multiply by {int(factor)}" if factor >= 1 else f"divide by {UNITS[precision] // UNITS[seems]}"
    return f"{told}: it looks like {_WORDS[seems]}. Say write_precision={seems!r}, or {way}"


def text_ns(text: str) -> int:
    """Understand an RFC 3339 time, or a part of one (a day; UTC where it names no zone).

    Raises ValueError for any other text, and outside the years 1677 to 2262.
    """
    if text.lstrip().startswith("-"):
        raise ValueError(f"{text!r} is no RFC 3339 time")
    return checked(instant(text))


def _datetime_ns(time: datetime) -> int:
    return _passed((time if time.tzinfo else time.replace(tzinfo=UTC)) - _EPOCH)


def _passed(since: timedelta) -> int:
    return checked((since.days * 86_400 + since.seconds) * SECOND + since.microseconds * 1000)


def _stamp_ns(stamp: Any) -> int:
    """Take all digits of a pandas Timestamp. Raises ValueError for NaT, and where ns do not fit."""
    if stamp != stamp:
        raise ValueError("NaT is no time")
    return checked(int(stamp.as_unit("ns").value))
