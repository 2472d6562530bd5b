"""A channel of the TDC: which byte order its registers came in, its calibration, times of flight.

All of it is inferred: the registers look like those of a TDC7200 (24 bits), which measures one and several
periods of its reference clock, ``Calib1`` and ``Calib2``. Their ratio is near that number of periods; where
it is not, nothing is decoded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from labmon_dagster.sources.cosmic.formats import Channel

PERIODS = (2, 10, 20, 40)  # what CALIBRATION2_PERIODS of a TDC7200 can be
_REGISTER = 1 << 24
_SWAPPED, _AS_SENT = "bytes swapped (24 bits)", "as sent"


class Measured(NamedTuple):
    """What a channel says, and how it was obtained; ``values["valid"]`` is False where it says nothing."""

    values: dict[str, Any]
    how: str


class _UnfitError(Exception):
    """A channel cannot be decoded; the text says why."""


def measured(channel: Channel, clock_mhz: float | None) -> Measured:
    """Decode a channel; never raises. ``clock_mhz``: the reference clock, None where it is not known.

    Times of flight are in periods of that clock, besides in ns where it is known. They stand in a list, where
    the data came as one.
    """
    try:
        calib1, calib2 = _calibration(channel)
        periods, order, how = _periods(calib1, calib2)
        return Measured(_values(channel.Data, (order(calib1), order(calib2)), periods, order, clock_mhz), how)
    except _UnfitError as why:
        return Measured({"valid": False, "reason": str(why)}, "not decoded: raw only")


def swapped(register: int) -> int:
    """Give a register of 24 bits with its bytes in the other order."""
    return (register & 0xFF) << 16 | (register & 0xFF00) | register >> 16


def _as_sent(register: int) -> int:
    return register


def _calibration(channel: Channel) -> tuple[int, int]:
    """Give both calibrations, wherever they stand."""
    listed: Sequence[int | None] = channel.Calib or ()
    single = (channel.Calib1, channel.Calib2)
    beside = any(one is not None for one in listed)
    if beside and single != (None, None) and tuple(listed) != single:
        raise _UnfitError(f"Calib {list(listed)} and Calib1, Calib2 {list(single)} say different things")
    first, second = listed if beside and len(listed) == 2 else single
    if beside and len(listed) != 2:
        raise _UnfitError(f"Calib has {len(listed)} values; allowed: 2")
    if first is None or second is None:
        raise _UnfitError("no calibration: Calib1 and Calib2 are not both there")
    return _register("Calib1", first), _register("Calib2", second)


def _register(name: str, value: int) -> int:
    if 0 <= value < _REGISTER:
        return value
    raise _UnfitError(f"{name} is {value}; allowed: registers of 24 bits, 0 to {_REGISTER - 1}")


def _periods(calib1: int, calib2: int) -> tuple[int, Callable[[int], int], str]:
    """Find the byte order in which the ratio of both is that of a calibration."""
    reverse = _fitting(swapped(calib1), swapped(calib2))
    straight = _fitting(calib1, calib2)
    if reverse:
        also = "; as sent would fit too" if straight else ""
        return reverse, swapped, f"{_SWAPPED}; Calib2 / Calib1 is near {reverse}{also}"
    if straight:
        return straight, _as_sent, f"{_AS_SENT}; Calib2 / Calib1 is near {straight}"
    ratios = (
        f"{_ratio(swapped(calib1), swapped(calib2))} with {_SWAPPED}, {_ratio(calib1, calib2)} {_AS_SENT}"
    )
    raise _UnfitError(f"Calib2 / Calib1 is {ratios}; allowed: within 1 % of 2, 10, 20 or 40")


def _fitting(calib1: int, calib2: int) -> int:
    """Give the number of periods to which the ratio fits within 1 %; 0: to none."""
    if 1.9 * calib1 < calib2 < 41 * calib1:  # most others are told apart at once
        for periods in PERIODS:
            expected = periods * calib1
            if abs(calib2 - expected) * 100 <= expected:
                return periods
    return 0


def _ratio(calib1: int, calib2: int) -> str:
    return f"{calib2 / calib1:.4g}" if calib1 else "infinite"


def _values(
    data: int | list[int | None] | None,
    calibration: tuple[int, int],
    periods: int,
    order: Callable[[int], int],
    clock_mhz: float | None,
) -> dict[str, Any]:
    calib1, calib2 = calibration
    count = (calib2 - calib1) / (periods - 1)
    values: dict[str, Any] = {
        "valid": True,
        "calib1": calib1,
        "calib2": calib2,
        "calibration_periods": periods,
        "calibration_count": count,
    }
    if data is not None:
        each = _each(data, lambda one: order(_register("Data", one)))
        flight = _each(each, lambda one: one / count)
        values |= {"data": each, "time_of_flight": flight}
        if clock_mhz is not None:
            values["time_of_flight_ns"] = _each(flight, lambda one: one * 1000 / clock_mhz)
    return values


def _each(data: Any, change: Callable[[Any], Any]) -> Any:
    """Change a value, or each of a list that is not null."""
    return [None if one is None else change(one) for one in data] if isinstance(data, list) else change(data)
