"""bin_readings: TimeBin over whole frames, and what only frames have."""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from labmon_dagster.binning import TimeBin, bin_readings
from labmon_dagster.model import DAY, SECOND

Point: TypeAlias = tuple[int, str, float | None, int | None]
NO_LIMIT = 2**62
NOW = 1_617_672_549_204_824_064
SHORT = st.integers(-300, 300)
FLOATS = st.none() | st.floats(allow_infinity=False)
INTEGERS = st.none() | st.integers(-(2**60), 2**60)
POINTS = st.lists(st.tuples(SHORT, st.sampled_from(["", "a", "b"]), FLOATS, INTEGERS), max_size=30)


def frame(points: list[Point]) -> pl.DataFrame:
    schema = {"time": pl.Int64, "site": pl.String, "x": pl.Float64, "y": pl.Int64}
    return pl.DataFrame(points, schema=schema, orient="row")


def readings(*points: tuple[int, float | None]) -> pl.DataFrame:
    return frame([(time, "", value, None) for time, value in points]).select("time", "x")


def bins(rows: pl.DataFrame, interval: int, **more: Any) -> list[tuple[Any, ...]]:
    return bin_readings(rows, [], interval, **more).rows.with_columns(pl.col("time").cast(pl.Int64)).rows()


def one_by_one(points: list[Point], field: int, interval: int, until: int | None) -> dict[Any, float]:
    """What TimeBin makes of each series; ``until``: its last value is given once more, at its bin's end."""
    found: dict[Any, float] = {}
    for site in {point[1] for point in points}:
        own = [(p[0], p[field]) for p in points if p[1] == site and p[field] is not None]
        series = sorted(((t, v) for t, v in own if not math.isnan(v)), key=lambda one: one[0])  # type: ignore
        times = TimeBin(interval)
        for t, v in series:
            times.point(t, v)  # type: ignore[arg-type]
        end = (series[-1][0] // interval + 1) * interval if series else 0
        if series and until is not None and end <= until:
            times.point(end, next(v for t, v in series if t == series[-1][0]))  # type: ignore[arg-type]
        found |= {(t, site): v for t, v in times.gettuples()}
    return found


@given(POINTS, st.integers(1, 40), st.none() | SHORT, st.integers(0, 2) | st.just(NOW))
@example([(0, "", 5e-324, None), (3, "", 5e-324, None)], 2, None, 0)
@example([(0, "", 1.7e308, None), (2, "", -1.7e308, None), (9, "", 1.7e308, None)], 3, None, 0)
def test_it_is_timebin_for_each_series_and_field(
    points: list[Point], interval: int, until: int | None, base: int
) -> None:
    """Times agree exactly. Values agree but for the order of the sum: some rounding of the largest value."""
    points = [(t + base, site, x, y) for t, site, x, y in points]
    until = None if until is None else until + base
    got = bin_readings(frame(points), ["site"], interval, longest=NO_LIMIT, until=until)
    rows = got.rows.with_columns(pl.col("time").cast(pl.Int64))
    assert rows.select("time", "site").rows() == sorted(rows.select("time", "site").unique().rows())
    for field, name in ((2, "x"), (3, "y")):
        there = {(t, site): v for t, site, v in rows.select("time", "site", name).rows() if v is not None}
        wanted = one_by_one(points, field, interval, until)
        assert there.keys() == wanted.keys()
        largest = max(
            (abs(p[field]) for p in points if p[field] is not None and p[field] == p[field]), default=0
        )  # type: ignore
        for key, value in wanted.items():
            assert math.isclose(there[key], value, rel_tol=1e-12, abs_tol=float(largest) * 2**-48)


@given(POINTS, st.integers(1, 40), st.integers(1, 4))
def test_more_rows_make_more_bins(points: list[Point], interval: int, times: int) -> None:
    """No bin goes away when rows come late, however they lie to those there are."""
    known: set[Any] = set()
    for count in range(len(points) + 1):
        rows = bin_readings(frame(points[:count]), ["site"], interval, longest=times * interval).rows
        there = {
            (t, site, n)
            for n in ("x", "y")
            for t, site, v in rows.select("time", "site", n).rows()
            if v is not None
        }
        assert known <= there
        known = there


def test_a_pause_is_filled_up_to_a_length() -> None:
    rows = readings((1, 1.0), (25, 3.0), (47, 5.0), (51, 5.0))
    assert bins(rows, 10, longest=23) == [(0, 1.0), (20, 4.0), (30, 5.0), (40, 5.0)]
    assert bins(rows, 10, longest=24) == [(0, 2.8), (10, 3.0), (20, 4.0), (30, 5.0), (40, 5.0)]


def test_a_year_without_readings_makes_no_bins() -> None:
    rows = readings((0, 1.0), (366 * DAY, 2.0), (366 * DAY + SECOND, 2.0))
    assert bins(rows, SECOND) == [(0, 1.0), (366 * DAY, 2.0)]
    assert len(bins(readings((0, 1.0), (60 * SECOND, 2.0)), SECOND)) == 60
    assert len(bins(readings((0, 1.0), (60 * SECOND + 1, 2.0)), SECOND)) == 1


def test_the_last_bin_waits_until_it_is_over() -> None:
    rows = readings((1, 1.0), (12, 3.0))
    assert bins(rows, 10) == [(0, 2.8)]
    assert bins(rows, 10, until=19) == [(0, 2.8)]
    assert bins(rows, 10, until=20) == [(0, 2.8), (10, 3.0)]
    assert bins(readings((10, 7.0)), 10, until=20) == [(10, 7.0)], "a reading at the very start of its bin"


def test_rows_may_come_in_any_order_and_the_latest_of_one_time_counts() -> None:
    rows = pl.DataFrame({"time": [15, 5, 5, 5], "x": [1.0, 2.0, 4.0, 8.0], "_order": [0, 1, 3, 2]})
    assert bins(rows, 10) == [(0, 1.5)]
    assert bins(rows, 10, order=["_order"]) == [(0, 2.5)]
    late = rows.with_columns(x=pl.when(pl.col("_order") == 3).then(None).otherwise("x"))
    assert bins(late, 10, order=["_order"]) == [(0, 4.5)], "a row that says nothing of a field takes no place"


def test_what_has_no_mean_is_named() -> None:
    rows = pl.DataFrame(
        {
            "time": [0, 9, 11],
            "x": [1, 2, 3],
            "x_qc": [1, 1, 4],
            "on": [True] * 3,
            "said": ["a"] * 3,
            "_read": [7] * 3,
        }
    )
    got = bin_readings(rows.with_columns(inf=pl.Series([1.0, math.inf, -math.inf])), [], 10)
    assert (got.left_out, got.infinite) == (("x_qc", "on", "said"), 2)
    assert got.rows.schema == {"time": pl.Datetime("ns", "UTC"), "x": pl.Float64, "inf": pl.Float64}
    assert got.rows.select("x", "inf").rows() == [(2.1, None)]


def test_times_of_any_zone_become_utc() -> None:
    local = pl.Series([0, 1500]).cast(pl.Datetime("ms", "America/Detroit"))
    got = bin_readings(pl.DataFrame({"time": local, "x": [1.0, 2.0]}), [], SECOND)
    assert [str(t) for t in got.rows["time"]] == ["1970-01-01 00:00:00+00:00"]


@pytest.mark.parametrize("points", [[], [(5, "a", None, None)], [(5, "a", math.nan, None)]])
def test_nothing_gives_nothing(points: list[Point]) -> None:
    got = bin_readings(frame(points), ["site"], 10, until=100).rows
    assert (got.columns, got.height) == (["time", "site", "x", "y"], 0)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"interval": 0}, "an interval of 0 ns: it must be at least 1 ns"),
        ({"longest": 9}, "a longest pause of 9 ns: it must be at least the interval, 10 ns"),
        ({"time": [None]}, "1 rows have no time"),
        ({"time": pl.Series([0]).cast(pl.Datetime("ns"))}, "it must be a Datetime with a zone, or whole ns"),
        ({"time": [1.5]}, "time is Float64: it must be"),
        ({"time": [2**63 - 2]}, "times this far from 1970"),
    ],
)
def test_what_cannot_be_binned_is_refused(change: dict[str, Any], said: str) -> None:
    given = {"interval": 10, "time": [0], **change}
    rows = pl.DataFrame({"time": given["time"], "x": [1.0]})
    with pytest.raises(ValueError) as refused:
        bin_readings(rows, [], given["interval"], longest=given.get("longest"))
    assert said in str(refused.value)
