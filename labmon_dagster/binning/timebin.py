"""Point after point into bins of exactly one length: `TimeBin`, for loops that measure one quantity."""

from __future__ import annotations

import math
from fractions import Fraction
from numbers import Integral, Real
from typing import overload


class TimeBin:
    """Means of a quantity over bins of ``interval``, which start at exact multiples of it.

    A value given at t holds for the time since the previous point; the first one holds from the start of its
    bin. A bin's value is the mean over [start, start + interval), weighted by time; bins that were skipped
    have the value that came after them. A bin is there as soon as a point lies at or behind its end.

    Times are in any unit, that of ``interval``, and may lie before 0. Whole numbers (ns, say) stay exact.
    """

    def __init__(self, interval: float = 1.0) -> None:
        """Raise ValueError for an ``interval`` that is no number above 0."""
        given = _number("interval", interval)
        if given <= 0:
            raise ValueError(f"interval {interval!r} is not above 0")
        # A decimal is meant as it is written: multiples of 0.1 are 0.1, 0.2, 0.3.
        self._length = given if isinstance(given, int) else Fraction(repr(given))
        self._tuples: list[tuple[float, float]] = []
        self._last: float | None = None
        self._bin = 0
        self._open: _Mean | None = None

    def point(self, t: float, v: float) -> None:
        """Take in the value ``v`` at the time ``t``, which is not before the previous one.

        Raises ValueError otherwise, and for what is no finite number; then nothing has changed.
        """
        time, value = _number("time", t), _finite("value", v)
        if self._last is not None and time < self._last:
            raise ValueError("time t is in the past")
        at = self._number_of(time)
        if self._last is None:
            self._bin, self._last = at, self._start(at)
        while self._bin < at:
            self._add(self._start(self._bin + 1), value)
            self._close()
        self._add(time, value)

    @overload
    def gettuples(self) -> list[tuple[float, float]]: ...
    @overload
    def gettuples(self, path: str) -> list[tuple[str, tuple[float, float]]]: ...
    def gettuples(self, path: str | None = None) -> object:
        """Give each bin that is over, once: (start, value); with a path (path, (start, value))."""
        found, self._tuples = self._tuples, []
        return found if path is None else [(path, one) for one in found]

    def _start(self, number: int) -> float:
        """Give the start of a bin: a multiple of the interval, the nearest number there is to it."""
        if isinstance(self._length, int):
            return number * self._length
        return number * self._length.numerator / self._length.denominator

    def _number_of(self, time: float) -> int:
        """Give the number of the bin a time lies in. Raises ValueError where bins cannot be told apart."""
        over, under = time.as_integer_ratio()
        number = over * self._length.denominator // (under * self._length.numerator)
        try:
            if self._start(number + 1) <= time:  # what is meant as the multiple may lie a little before it
                number += 1
            narrow = self._start(number) >= self._start(number + 1)
        except OverflowError:
            narrow = True
        if narrow:
            raise ValueError(f"time {time!r} is too large to tell bins of {float(self._length):g} apart")
        return number

    def _add(self, until: float, value: float) -> None:
        """Let ``value`` hold up to a time within the open bin."""
        assert self._last is not None
        if until > self._last:
            width = self._start(self._bin + 1) - self._start(self._bin)
            self._open = self._open or _Mean(value)
            self._open.add((until - self._last) / width, value)
            self._last = until

    def _close(self) -> None:
        assert self._open is not None
        self._tuples.append((self._start(self._bin), self._open.mean))
        self._bin, self._open = self._bin + 1, None


class _Mean:
    """A weighted mean that is exact for equal values and never leaves their range.

    Values are halved and counted from the first one, so that no sum of them overflows.
    """

    def __init__(self, first: float) -> None:
        self._from = first / 2
        self._sum = 0.0
        self._low = self._high = first

    def add(self, weight: float, value: float) -> None:
        self._sum += weight * (value / 2 - self._from)
        self._low, self._high = min(self._low, value), max(self._high, value)

    @property
    def mean(self) -> float:
        return min(max(2 * (self._from + self._sum), self._low), self._high)


def _number(what: str, given: object) -> int | float:
    """Give a number as Python's own; a whole one stays exact. Raises ValueError."""
    if isinstance(given, bool) or not isinstance(given, Real):
        raise ValueError(f"{what} {given!r} is no number")
    return int(given) if isinstance(given, Integral) else _finite(what, given)


def _finite(what: str, given: object) -> float:
    """Give a number as a float. Raises ValueError for none, and for one that is not finite."""
    if isinstance(given, bool) or not isinstance(given, Real):
        raise ValueError(f"{what} {given!r} is no number")
    try:
        found = float(given)
    except OverflowError:
        found = math.inf
    if not math.isfinite(found):
        raise ValueError(f"{what} {given!r} is not finite")
    return found
