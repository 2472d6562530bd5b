"""Whole frames into bins of exactly one length, series by series and field by field."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from labmon_dagster.binning.pieces import Grid, binned
from labmon_dagster.model import TIME
from labmon_dagster.quality import FLAG_SUFFIX

FILLED = 60
_SERIES = "_series"
_UTC_NS = pl.Datetime("ns", "UTC")


@dataclass(frozen=True, slots=True)
class Means:
    """``rows``: the starts of bins (``time``, ns UTC), tags, and a float column for each field.

    ``left_out``: columns that have no mean (texts, booleans, flags). ``infinite``: how many values were no
    points because they are infinite.
    """

    rows: pl.DataFrame
    left_out: tuple[str, ...]
    infinite: int


def bin_readings(
    rows: pl.DataFrame,
    tags: Sequence[str],
    interval: int,
    *,
    longest: int | None = None,
    until: int | None = None,
    order: Sequence[str] = (),
) -> Means:
    """Average each number of each series over bins of ``interval`` ns, as `TimeBin` does point by point.

    ``rows`` has ``time`` (with a zone, or whole ns since 1970), ``tags`` and fields, in any order; columns
    whose names begin with _ are none. A value that is missing, NaN or infinite is no point of its field.
    Of several values of one time the one that is largest in the columns ``order`` counts, or the first one.

    A pause between two points is filled if it is at most ``longest`` ns, by default 60 intervals. Otherwise
    the bin before it is ended by its last value, and the series begins anew. The last bin of a series is
    ended so too if it is over by ``until`` (ns); otherwise it is left out. Rows are sorted by time and tags.
    Raises ValueError for times that are missing or without a zone, and for lengths that make no sense.
    """
    grid = Grid(interval, FILLED * interval if longest is None else longest)
    fields = [name for name in rows.columns if name not in {TIME, *tags} and not name.startswith("_")]
    numbers = [name for name in fields if rows[name].dtype.is_numeric() and not _is_flag(name, fields)]
    points = _sorted(rows, tags, order, numbers)
    found = _joined(_of_field(points, name, grid, until) for name in numbers)
    series = points.unique(_SERIES, keep="first").select(_SERIES, *tags)
    whole = found.join(series, on=_SERIES, how="left").sort(TIME, *tags)
    infinite = points.select(pl.sum_horizontal(0, pl.col(numbers).is_infinite().sum())).item()
    left_out = tuple(name for name in fields if name not in numbers)
    return Means(whole.select(pl.col(TIME).cast(_UTC_NS), *tags, *numbers), left_out, infinite)


def _is_flag(name: str, fields: Sequence[str]) -> bool:
    return name.endswith(FLAG_SUFFIX) and name.removesuffix(FLAG_SUFFIX) in fields


def _sorted(
    rows: pl.DataFrame, tags: Sequence[str], order: Sequence[str], numbers: Sequence[str]
) -> pl.DataFrame:
    """Sort rows by series and time, what counts first; numbers as floats, series numbered."""
    typed = rows.with_columns(_ns(rows[TIME]), pl.col(numbers).cast(pl.Float64))
    if order:
        typed = typed.sort(order, descending=True, nulls_last=True, maintain_order=True)
    found = typed.sort(*tags, TIME, maintain_order=True)
    changed = [pl.col(tag).ne_missing(pl.col(tag).shift(1)) for tag in tags]
    return found.with_columns(
        pl.any_horizontal(pl.lit(False), *changed).cum_sum().cast(pl.Int64).alias(_SERIES)
    )


def _ns(times: pl.Series) -> pl.Series:
    """Give times as whole ns since 1970."""
    kind = times.dtype
    if times.null_count():
        raise ValueError(f"{times.null_count()} rows have no {TIME}")
    if kind.is_integer():
        return times.cast(pl.Int64)
    if not isinstance(kind, pl.Datetime) or kind.time_zone is None:
        raise ValueError(f"{TIME} is {kind}: it must be a Datetime with a zone, or whole ns since 1970")
    return times.cast(pl.Datetime("ns", kind.time_zone)).cast(pl.Int64)


def _of_field(points: pl.DataFrame, name: str, grid: Grid, until: int | None) -> pl.DataFrame:
    there = points.filter(pl.col(name).is_finite())
    columns = [there[_SERIES].to_numpy(), there[TIME].to_numpy(), there[name].to_numpy()]
    bins = binned(columns[0], columns[1], columns[2].astype(np.float64), grid, until)
    return pl.DataFrame({_SERIES: bins.series, TIME: bins.starts, name: bins.means})


def _joined(frames: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Put the bins of all fields beside each other."""
    key = [_SERIES, TIME]
    whole = pl.DataFrame(schema=dict.fromkeys(key, pl.Int64))
    for at, frame in enumerate(frames):
        if at == 0:
            whole = frame
        elif whole.select(key).equals(frame.select(key)):
            whole = whole.hstack(frame.drop(key))
        else:
            whole = whole.join(frame, on=key, how="full", coalesce=True).sort(key)
    return whole
