"""The tests of a value among its neighbours in time: spike, rate of change, flat line.

Each test is a polars expression over rows in the order of series and time. Its verdict is 0 (not
evaluated), 1, 3 or 4, so that the largest verdict of several tests is the one that counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import polars as pl

from labmon_dagster.model import TIME
from labmon_dagster.model.window import instant_text
from labmon_dagster.quality.duration import nanoseconds
from labmon_dagster.quality.rules import FieldRules, FlatLine, RateOfChange, Spike

# The columns of rows in order; a field's name cannot clash, as value columns are called "=<field>".
_ROW = "#row"  # where the row stood before
_TIME = "#time"  # ns since 1970
_SERIES = "#series"  # counts the series from 1
_STEP = "#step"  # ns since the previous row of the series, null for its first row


def farthest(rule: FieldRules) -> int:
    """How far in time (ns) a row may lie from another and still change what the other's tests say."""
    near = [nanoseconds(test.within) for test in (rule.spike, rule.rate_of_change) if test]
    lengths = (rule.flat_line.suspect, rule.flat_line.fail) if rule.flat_line else ()
    windows = [nanoseconds(length) for length in lengths if length]
    return max([0, *near, *(window + _pause(window) for window in windows)])


def neighbour_verdicts(
    rows: pl.DataFrame, usable: Mapping[str, pl.Expr], rules: Mapping[str, FieldRules], tags: Sequence[str]
) -> pl.DataFrame:
    """One Int8 column of verdicts (0, 1, 3, 4) per field of ``usable``, rows as in ``rows``.

    ``usable`` gives each field's values as Float64, null where a value cannot take part. Raises
    `ValueError` if ``time`` has another type than `apply_flags` says, or a series has one instant twice.
    """
    ordered = _in_order(rows, usable, tags)
    _refuse_repeated(ordered)
    verdicts = {
        field: pl.max_horizontal(_verdicts(pl.col(f"={field}"), rules[field])).alias(field)
        for field in usable
    }
    return ordered.select(_ROW, *verdicts.values()).sort(_ROW).select(*verdicts)


def _in_order(rows: pl.DataFrame, usable: Mapping[str, pl.Expr], tags: Sequence[str]) -> pl.DataFrame:
    values = [value.alias(f"={field}") for field, value in usable.items()]
    ordered = rows.select(*tags, _time(rows).alias(_TIME), *values).with_row_index(_ROW).sort(*tags, _TIME)
    starts = pl.int_range(pl.len()) == 0
    for tag in tags:
        starts = starts | pl.col(tag).ne_missing(pl.col(tag).shift(1))
    return ordered.with_columns(
        starts.cast(pl.UInt32).cum_sum().set_sorted().alias(_SERIES),
        pl.when(~starts).then(pl.col(_TIME) - pl.col(_TIME).shift(1)).alias(_STEP),
    )


def _time(rows: pl.DataFrame) -> pl.Expr:
    kind = rows.schema[TIME]
    if kind == pl.Int64:
        return pl.col(TIME)
    if isinstance(kind, pl.Datetime):
        return pl.col(TIME).dt.epoch("ns")
    raise ValueError(f"{TIME} is {kind}; it must be Datetime, or Int64 nanoseconds since 1970")


def _refuse_repeated(ordered: pl.DataFrame) -> None:
    repeated = ordered.filter(pl.col(_STEP) == 0)
    if repeated.height:
        raise ValueError(
            f"{repeated.height} rows have the tags and time of another row, the first at "
            f"{instant_text(repeated[_TIME][0])}; a series has one row per instant"
        )


def _verdicts(value: pl.Expr, rule: FieldRules) -> Iterator[pl.Expr]:
    if rule.spike:
        yield _spike(value, rule.spike)
    if rule.rate_of_change:
        yield _rate_of_change(value, rule.rate_of_change)
    if rule.flat_line:
        yield _flat_line(value, rule.flat_line)


def _spike(value: pl.Expr, test: Spike) -> pl.Expr:
    within = nanoseconds(test.within)
    near = (pl.col(_STEP) <= within) & (pl.col(_STEP).shift(-1) <= within)
    mean = value.shift(1) / 2 + value.shift(-1) / 2  # halved first: a sum of large values would overflow
    return _graded(pl.when(near).then((value - mean).abs()), test)


def _rate_of_change(value: pl.Expr, test: RateOfChange) -> pl.Expr:
    near = pl.col(_STEP) <= nanoseconds(test.within)
    change = (value - value.shift(1)).abs()
    return _graded(pl.when(near).then(change / (pl.col(_STEP) / nanoseconds(test.per))), test)


def _graded(difference: pl.Expr, test: Spike | RateOfChange) -> pl.Expr:
    verdict = _raised(_verdict(0), difference.is_not_null(), 1)
    for threshold, number in ((test.suspect, 3), (test.fail, 4)):
        if threshold is not None:
            verdict = _raised(verdict, difference > threshold, number)
    return verdict


def _flat_line(value: pl.Expr, test: FlatLine) -> pl.Expr:
    verdict = _verdict(0)
    for length, number in ((test.suspect, 3), (test.fail, 4)):
        if length:
            window = nanoseconds(length)
            covered = value.is_not_null() & _covered(value, window)
            flat = _spread(value, window) <= test.tolerance
            # A longer window that is not flat, or not covered, does not take back what a shorter one said.
            verdict = _raised(verdict, covered & (verdict == 0), 1)
            verdict = _raised(verdict, covered & flat, number)
    return verdict


def _raised(verdict: pl.Expr, condition: pl.Expr, number: int) -> pl.Expr:
    return pl.when(condition).then(_verdict(number)).otherwise(verdict)


def _covered(value: pl.Expr, window: int) -> pl.Expr:
    """Whether usable values reach back ``window`` or more from the row without too long a pause.

    As a pause may last half a window, the value at or before the window's start lies within 1.5 windows:
    nothing farther away can matter, which is what `farthest` promises.
    """
    usable = value.is_not_null()
    previous_time = pl.when(usable).then(pl.col(_TIME)).forward_fill().shift(1)
    previous_series = pl.when(usable).then(pl.col(_SERIES)).forward_fill().shift(1)
    resumes = previous_series.ne_missing(pl.col(_SERIES)) | (pl.col(_TIME) - previous_time > _pause(window))
    since = pl.when(usable & resumes).then(pl.col(_TIME)).forward_fill()
    return pl.col(_TIME) - since >= window


def _spread(value: pl.Expr, window: int) -> pl.Expr:
    """Largest minus smallest usable value of the series from ``window`` before the row to the row."""
    size = f"{window}i"
    highest = value.rolling_max_by(_TIME, size, closed="both")
    lowest = value.rolling_min_by(_TIME, size, closed="both")
    return (highest - lowest).over(_SERIES)


def _pause(window: int) -> int:
    return window // 2


def _verdict(number: int) -> pl.Expr:
    return pl.lit(number, dtype=pl.Int8)
