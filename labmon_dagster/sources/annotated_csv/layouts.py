"""Times as the reference layouts of Go write them (2006-01-02 15:04:05), column by column."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from labmon_dagster.model import SECOND
from labmon_dagster.model.stamps import Zone

RFC3339 = "2006-01-02T15:04:05Z07:00"
_YEARS = (1678, 2261)
_SURE = 9_100_000_000 * SECOND
_STRICT = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})$"
_FRACTION = r"(?:[.,](?P<fraction>[0-9]{1,9}))?"
_PARTS: Mapping[str, tuple[str, str]] = {
    "January": ("name", "[A-Za-z]{3,9}"),
    "Monday": ("", "[A-Za-z]{6,9}"),
    "Jan": ("name", "[A-Za-z]{3}"),
    "Mon": ("", "[A-Za-z]{3}"),
    "MST": ("zone", "UTC|GMT"),
    "2006": ("year", "[0-9]{4}"),
    "Z07:00": ("zone", "Z|[+-][0-9]{2}:[0-9]{2}"),
    "Z0700": ("zone", "Z|[+-][0-9]{4}"),
    "-07:00": ("zone", "[+-][0-9]{2}:[0-9]{2}"),
    "-0700": ("zone", "[+-][0-9]{4}"),
    "-07": ("zone", "[+-][0-9]{2}"),
    "01": ("month", "[0-9]{2}"),
    "02": ("day", "[0-9]{2}"),
    "03": ("hour", "[0-9]{2}"),
    "04": ("minute", "[0-9]{2}"),
    "05": ("second", "[0-9]{2}"),
    "06": ("short", "[0-9]{2}"),
    "15": ("hour", "[0-9]{2}"),
    "_2": ("day", " ?[0-9]{1,2}"),
    "PM": ("half", "AM|PM"),
    "pm": ("half", "am|pm"),
    "1": ("month", "[0-9]{1,2}"),
    "2": ("day", "[0-9]{1,2}"),
    "3": ("hour", "[0-9]{1,2}"),
    "4": ("minute", "[0-9]{1,2}"),
    "5": ("second", "[0-9]{1,2}"),
}
_FRACTION_PART = r"[.,](?:0+|9+)(?![0-9])"
_PART = re.compile(rf"{_FRACTION_PART}|_2(?!006)|" + "|".join(re.escape(p) for p in _PARTS if p != "_2"))
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]

_Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Layout:
    """A layout; times that name no zone are those of ``zone``. Raises ValueError if it makes no instants."""

    text: str
    zone: Zone
    _pattern: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "_pattern", f"^(?:{_pattern(self.text)})$")

    def instants(self, texts: pl.Series) -> pl.Series:
        """Give the instants (Int64, UTC ns) of texts; null where a text has none."""
        if self.text == RFC3339 and (found := _at_once(texts)) is not None:
            return found
        parts = texts.str.extract_groups(self._pattern).struct.unnest()
        local = _local(parts)
        if "zone" in parts.columns:
            return local - _offsets(parts["zone"])
        return self.zone.to_utc(local.cast(pl.Datetime("ns"))).to_physical()

    def complaint(self, text: str) -> str:
        """Say why a text has no instant."""
        parts = pl.Series([text]).str.extract_groups(self._pattern).struct.unnest()
        local = _local(parts)[0]
        if local is None:
            years = f"in the years {_YEARS[0]} to {_YEARS[1]}"
            return f"{text!r} is no time; it is written like {self.text}, {years}"
        return self.zone.complaint(local)


def _pattern(layout: str) -> str:
    """A regular expression for the texts of a layout."""
    found, at, seen = "", 0, set[str]()
    for part in _PART.finditer(layout):
        found += re.escape(layout[at : part.start()])
        at = part.end()
        if part[0][0] in ".,":
            digits = f"{{{len(part[0]) - 1}}}"
            found += rf"[.,](?P<fraction>[0-9]{digits})" if part[0][1] == "0" else _FRACTION
            continue
        name, pattern = _PARTS[part[0]]
        if name in seen:
            raise ValueError(f"layout {layout!r} has the {name} twice")
        seen |= {name} - {""}
        found += f"(?P<{name}>{pattern})" if name else pattern
        # Go reads a fraction behind the seconds also where the layout has none
        if name == "second" and not re.compile(_FRACTION_PART).match(layout, at):
            found += _FRACTION
    if not {"year", "short"} & seen:
        raise ValueError(f"layout {layout!r} has no year; layouts show how 2006-01-02 15:04:05 is written")
    return found + re.escape(layout[at:])


def _at_once(texts: pl.Series) -> pl.Series | None:
    """Give the instants of RFC 3339 texts, if all of them are; Arrow reads them fast, but all or none."""
    if not texts.str.contains(_STRICT).fill_null(True).all():
        return None
    try:
        found = texts.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(pa.timestamp("ns", "UTC"))
    except pa.ArrowInvalid:
        return None
    instants = pl.Series(found).to_physical()
    return instants if instants.is_between(-_SURE, _SURE).fill_null(True).all() else None


def _local(parts: pl.DataFrame) -> pl.Series:
    """Give the time on the clock (Int64 ns, as if it were UTC); null where there is none."""
    year, month, day = _year(parts), _month(parts), _number(parts, "day", 1)
    hour, minute, second = _hour(parts), _number(parts, "minute", 0), _number(parts, "second", 0)
    fraction = _number(parts, "fraction", 0)
    if "fraction" in parts.columns:
        fraction = parts["fraction"].str.pad_end(9, "0").cast(pl.Int64).fill_null(0).to_numpy()
    there = parts.select(pl.any_horizontal(pl.all().is_not_null())).to_series().to_numpy()
    good = there & (year >= _YEARS[0]) & (year <= _YEARS[1]) & (month >= 1) & (month <= 12)
    good &= (hour >= 0) & (hour < 24) & (minute < 60) & (second < 60)
    months = np.where(good, (year - 1970) * 12 + month - 1, 0).astype("M8[M]")
    begin = months.astype("M8[D]").astype(np.int64)
    good &= (day >= 1) & (day <= (months + 1).astype("M8[D]").astype(np.int64) - begin)
    seconds = ((begin + day - 1) * 24 + hour) * 3600 + minute * 60 + second
    ns = pl.Series(np.where(good, seconds, 0) * SECOND + fraction)
    return ns.set(pl.Series(~good), None)


def _number(parts: pl.DataFrame, name: str, absent: int) -> _Numbers:
    if name not in parts.columns:
        return np.full(parts.height, absent, dtype=np.int64)
    return parts[name].str.strip_chars_start(" ").cast(pl.Int64).fill_null(-1).to_numpy()


def _year(parts: pl.DataFrame) -> _Numbers:
    if "year" in parts.columns:
        return _number(parts, "year", 0)
    short = _number(parts, "short", 0)
    return short + np.where(short >= 69, 1900, 2000)


def _month(parts: pl.DataFrame) -> _Numbers:
    if "name" not in parts.columns:
        return _number(parts, "month", 1)
    first = parts["name"].str.slice(0, 3).str.to_lowercase()
    numbers = list(range(1, 13))
    return first.replace_strict(_MONTHS, numbers, default=0, return_dtype=pl.Int64).to_numpy()


def _hour(parts: pl.DataFrame) -> _Numbers:
    hour = _number(parts, "hour", 0)
    if "half" not in parts.columns:
        return hour
    late = parts["half"].str.to_lowercase() == "pm"
    return np.where((hour < 1) | (hour > 12), -1, hour % 12 + 12 * late.fill_null(False).to_numpy())


def _offsets(zones: pl.Series) -> pl.Series:
    """What to take from local time to get UTC, in ns."""
    digits = zones.str.replace(":", "").str.pad_end(5, "0")
    hours = digits.str.slice(1, 2).cast(pl.Int64, strict=False).fill_null(0)
    minutes = digits.str.slice(3, 2).cast(pl.Int64, strict=False).fill_null(0)
    sign = digits.str.starts_with("-").cast(pl.Int64) * -2 + 1
    return (hours * 3600 + minutes * 60) * sign * SECOND
