"""Values that hold for stretches of time, cut at the edges of bins and averaged: arrays in, arrays out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

Int: TypeAlias = npt.NDArray[np.int64]
Float: TypeAlias = npt.NDArray[np.float64]
Truth: TypeAlias = npt.NDArray[np.bool_]
_MOST = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class Grid:
    """Bins of ``interval`` ns from 1970 on; a pause of up to ``longest`` ns is filled.

    Raises ValueError for an interval below 1 ns, and for a ``longest`` below the interval: then one bin would
    be begun twice.
    """

    interval: int
    longest: int

    def __post_init__(self) -> None:
        if self.interval < 1:
            raise ValueError(f"an interval of {self.interval} ns: it must be at least 1 ns")
        if self.longest < self.interval:
            raise ValueError(
                f"a longest pause of {self.longest} ns: it must be at least the interval, {self.interval} ns"
            )


class Bins(NamedTuple):
    """Bins that are over, by series and time: which series, the start of the bin (ns), the mean."""

    series: Int
    starts: Int
    means: Float


class _Pieces(NamedTuple):
    """Values that hold from ``begin`` to before ``end`` (ns), by series and time."""

    series: Int
    begin: Int
    end: Int
    values: Float


def binned(series: Int, times: Int, values: Float, grid: Grid, until: int | None = None) -> Bins:
    """Average finite values, sorted by series and time (ns), over bins.

    Of several values of one time the first counts. Behind a pause longer than the grid fills, a series begins
    anew: the bin before it is ended by its last value. So is the last bin of a series, if it is over by
    ``until``; otherwise it is withheld. Raises ValueError for times at the very edge of what 64 bits hold.
    """
    if len(times):
        low, high = int(times.min()), int(times.max())
        if low < grid.interval - _MOST or high > _MOST - grid.interval:
            raise ValueError("times this far from 1970 cannot be binned")
    first = np.ones(len(times), dtype=np.bool_)
    first[1:] = (series[1:] != series[:-1]) | (times[1:] != times[:-1])
    return _averaged(_held(series[first], times[first], values[first], grid, until), grid.interval)


def _held(series: Int, times: Int, values: Float, grid: Grid, until: int | None) -> _Pieces:
    """Say how long each value holds: since the point before, and, the last one, to the end of its bin."""
    begins_series = _changes(series)
    pause = np.diff(times, prepend=times[:1]).view(np.uint64)  # sorted times never go back
    begins = begins_series | (pause > np.uint64(min(grid.longest, _MOST)))
    start = times // grid.interval * grid.interval
    begin = np.where(begins, start, np.roll(times, 1))
    ends_series, ends = np.roll(begins_series, -1), np.roll(begins, -1)
    is_over = start + grid.interval <= (-_MOST if until is None else until)
    closed = ends & (~ends_series | is_over)
    tail = np.where(closed, start + grid.interval, times)
    open_from = np.where(closed, _MOST, start)[ends_series]
    cut = open_from[np.cumsum(begins_series) - 1] if len(times) else times
    return _kept(
        _Pieces(
            np.repeat(series, 2),
            np.stack([begin, times], axis=1).ravel(),
            np.minimum(np.stack([times, tail], axis=1).ravel(), np.repeat(cut, 2)),
            np.repeat(values, 2),
        )
    )


def _kept(pieces: _Pieces) -> _Pieces:
    """Leave out what holds for no time."""
    lasts = pieces.end > pieces.begin
    series, begin, end, values = pieces
    return _Pieces(series[lasts], begin[lasts], end[lasts], values[lasts])


def _averaged(pieces: _Pieces, interval: int) -> Bins:
    """Cut pieces, which cover each of their bins in full, at the edges of bins, and average them."""
    first = pieces.begin // interval
    count = (pieces.end - 1) // interval - first + 1
    of = np.repeat(np.arange(len(count)), count)
    start = (first[of] + np.arange(len(of)) - np.repeat(np.cumsum(count) - count, count)) * interval
    share = (np.minimum(pieces.end[of], start + interval) - np.maximum(pieces.begin[of], start)) / interval
    heads = np.flatnonzero(_changes(pieces.series[of]) | _changes(start))
    return Bins(pieces.series[of][heads], start[heads], _means(pieces.values[of], share, heads))


def _means(values: Float, share: Float, heads: Int) -> Float:
    """Average groups, each from one of ``heads`` on. Equal values have exactly that mean.

    Values are halved and counted from the first one of their group, so that no sum of them overflows.
    """
    if not len(heads):
        return values
    halves = values / 2
    of = np.repeat(np.arange(len(heads)), np.diff(heads, append=len(values)))
    origin = halves[heads]
    means = 2 * (origin + np.add.reduceat(share * (halves - origin[of]), heads))
    low, high = np.minimum.reduceat(values, heads), np.maximum.reduceat(values, heads)
    return np.clip(means, low, high)


def _changes(column: Int) -> Truth:
    """Which numbers differ from the one before; the first one does."""
    changed = np.ones(len(column), dtype=np.bool_)
    changed[1:] = column[1:] != column[:-1]
    return changed
