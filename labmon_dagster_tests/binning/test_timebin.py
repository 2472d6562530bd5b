"""TimeBin: the published numbers, its two faults mended, and what it refuses."""

from __future__ import annotations

import math
import random
import time
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmon_dagster.clients.eht_influx_client.timebin import TimeBin

WHOLE = st.integers(-1000, 1000)
VALUES = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**6), 10**6)


def fed(interval: float, *points: tuple[float, float]) -> TimeBin:
    tb = TimeBin(interval)
    for t, v in points:
        tb.point(t, v)
    return tb


@pytest.mark.parametrize("t", [0, 1, 1617672549, -5])
def test_the_published_numbers_of_one_second(t: int) -> None:
    tb = fed(1, (t + 0.1, 100), (t + 0.6, 200))
    assert tb.gettuples() == []
    tb.point(t + 1.1, 100)
    assert tb.gettuples() == [(t, pytest.approx(150.0, rel=1e-12))]
    assert tb.gettuples() == []


def test_the_published_numbers_are_exact_where_times_are() -> None:
    assert fed(1, (1617672549.125, 100), (1617672549.625, 200), (1617672550.125, 100)).gettuples() == [
        (1617672549, 150.0)
    ]


@pytest.mark.parametrize("t", [0, 30, 1617672540, -60])
def test_the_published_numbers_of_half_a_minute(t: int) -> None:
    assert fed(30, (t + 7.5, 100), (t + 75, 200)).gettuples() == [(t, 175.0), (t + 30, 200.0)]


def test_a_path_goes_in_front() -> None:
    assert fed(1.0, (7, 1), (9, 3)).gettuples("eht.kp") == [("eht.kp", (7.0, 3.0)), ("eht.kp", (8.0, 3.0))]


def test_the_bin_that_starts_at_0_counts_once() -> None:
    tb = fed(1, (0.25, 4), (0.5, 8), (1.5, 6))
    assert tb.gettuples() == [(0, 6.0)]
    tb.point(2.5, 0)
    assert tb.gettuples() == [(1, 3.0)]


def test_bins_do_not_drift() -> None:
    tb = fed(0.1, (0.05, 1), (100_000.05, 1))
    starts = [t for t, _ in tb.gettuples()]
    assert starts == [n / 10 for n in range(1_000_000)]


@pytest.mark.parametrize("t", [0.1, 0.3, 0.7, 1617672549.3, -0.7])
def test_a_point_on_an_edge_ends_the_bin_before(t: float) -> None:
    tb = fed(0.1, (t, 1), (t + 0.05, 2))
    assert tb.gettuples() == []
    tb.point(t + 0.1 + 1e-6, 3)
    ((start, value),) = tb.gettuples()
    assert start == t
    assert 2 < value < 3


def test_times_of_a_nanosecond_stay_exact() -> None:
    t = 1617672549204824064
    assert fed(10, (t + 1, 1), (t + 29, 5)).gettuples() == [(t - 4, 3.0), (t + 6, 5.0), (t + 16, 5.0)]


def test_a_time_given_twice_holds_for_nothing_more() -> None:
    assert fed(2, (1, 5), (1, 99), (2, 7)).gettuples() == [(0, 6.0)]


def test_what_came_before_is_refused_and_changes_nothing() -> None:
    tb = fed(1, (5.5, 1))
    with pytest.raises(ValueError, match=r"^time t is in the past$"):
        tb.point(5.25, 100)
    tb.point(6, 3)
    assert tb.gettuples() == [(5, 2.0)]


@pytest.mark.parametrize(
    ("t", "v", "said"),
    [
        (math.nan, 1, "time nan is not finite"),
        (math.inf, 1, "time inf is not finite"),
        (6, -math.inf, "value -inf is not finite"),
        (6, math.nan, "value nan is not finite"),
        (6, 10**400, "is not finite"),
        (6, "3", "value '3' is no number"),
        (6, None, "value None is no number"),
        (6, True, "value True is no number"),
        ("now", 1, "time 'now' is no number"),
        (1e300, 1, "time 1e+300 is too large to tell bins of 0.1 apart"),
        (10**400, 1, "is too large to tell bins"),
    ],
)
def test_what_is_no_point_is_refused_and_changes_nothing(t: Any, v: Any, said: str) -> None:
    tb = fed(0.1, (5.55, 1))
    with pytest.raises(ValueError) as refused:
        tb.point(t, v)
    assert said in str(refused.value)
    tb.point(5.6, 1)
    assert tb.gettuples() == [(5.5, 1.0)]


@pytest.mark.parametrize("interval", [0, -1, -0.5, math.nan, math.inf, "1s", True, None])
def test_an_interval_is_a_number_above_0(interval: Any) -> None:
    with pytest.raises(ValueError, match="interval"):
        TimeBin(interval)


def test_numbers_of_numpy_are_numbers() -> None:
    assert fed(1, (np.float32(1.5), np.int64(1)), (np.int32(2), np.float64(3))).gettuples() == [(1, 2.0)]
    with pytest.raises(ValueError, match="no number"):
        TimeBin().point(1, np.bool_(True))


@given(st.lists(st.tuples(WHOLE, VALUES), min_size=1), st.integers(1, 50))
def test_it_is_the_mean_over_time(points: list[tuple[int, float]], interval: int) -> None:
    """Against the definition in exact fractions: each instant has the value of the next point."""
    points.sort(key=lambda point: point[0])
    found = fed(interval, *points).gettuples()
    first, last = points[0][0] // interval, points[-1][0] // interval
    assert [t for t, _ in found] == [n * interval for n in range(first, last)]
    for start, mean in found:
        held = [
            next(v for t, v in points if t >= instant) for instant in range(start + 1, start + interval + 1)
        ]
        exact = sum(map(Fraction, held)) / interval
        largest = max(abs(v) for v in held)
        assert abs(Fraction(mean) - exact) <= Fraction(largest) * interval * Fraction(1, 2**50) + Fraction(
            1, 2**1070
        )
        assert min(held) <= mean <= max(held)


def test_the_loop_of_the_readme(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The example as it stands, on a clock that takes no time and is stopped after some rounds."""
    clock = iter(1617672549.0 + 1.07 * n for n in range(20))
    monkeypatch.setattr(time, "time", lambda: next(clock))
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    tb = TimeBin(1.0)
    with pytest.raises(StopIteration):
        while True:
            datapoint = random.randint(1, 10)
            tb.point(time.time(), datapoint)
            tuples = tb.gettuples()
            if tuples:
                print(tuples)  # noqa: T201
    said = [eval(line) for line in capsys.readouterr().out.splitlines()]
    starts = [t for line in said for t, _ in line]
    assert starts == [1617672549.0 + n for n in range(20)]
