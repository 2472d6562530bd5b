"""Agreement with ioos_qc, the reference implementation of QARTOD, on regular data without gaps.

Where its definitions differ from ours, the comparison is restricted, and a comment says to what.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from ioos_qc import qartod

from labmon_dagster.quality import FieldRules, apply_flags

STEP = 5  # seconds
COUNT = 3000
Values = npt.NDArray[np.float64]

pytestmark = pytest.mark.parametrize("seed", range(4))


def walk(seed: int) -> Values:
    """Walk at random in quarters, so that no threshold below is met exactly, with flat stretches."""
    random = np.random.default_rng(seed)
    steps = np.round(random.normal(scale=4, size=COUNT)) / 4
    steps[random.random(COUNT) < 0.02] *= 10
    for start in random.integers(0, COUNT, 12):
        steps[start : start + random.integers(5, 60)] = 0
    return np.cumsum(steps)


def with_missing(values: Values, seed: int) -> Values:
    return np.where(np.random.default_rng(seed).random(COUNT) < 0.05, np.nan, values)


def ours(values: Values, **rule: Any) -> npt.NDArray[np.int8]:
    rows = pl.DataFrame({"time": np.arange(COUNT) * STEP * 1_000_000_000, "x": values})
    return apply_flags(rows, {"x": FieldRules.model_validate(rule)}, [])["x_qc"].to_numpy()


def theirs(flags: Any) -> npt.NDArray[np.int8]:
    found = np.ma.filled(flags, 0).astype(np.int8)
    assert len(set(found.tolist())) > 2  # the data put the test to use
    return found


def test_range(seed: int) -> None:
    # They take an infinite value for missing; with us it fails the range.
    values = with_missing(walk(seed), seed)
    expected = qartod.gross_range_test(values, fail_span=(-40, 40), suspect_span=(-10, 20))
    found = ours(values, range={"fail": [-40, 40], "suspect": [-10, 20]})
    np.testing.assert_array_equal(found, theirs(expected))


def test_spike(seed: int) -> None:
    # The same throughout: ends and neighbours of missing values are not evaluated.
    values = with_missing(walk(seed), seed)
    expected = qartod.spike_test(values, suspect_threshold=1.3, fail_threshold=4.3, method="average")
    found = ours(values, spike={"suspect": 1.3, "fail": 4.3, "within": "5s"})
    np.testing.assert_array_equal(found, theirs(expected))


def test_rate_of_change(seed: int) -> None:
    # The first value passes with them, and so does one after a missing value; with us neither is
    # evaluated, as there is nothing to compare with.
    values = walk(seed)
    expected = qartod.rate_of_change_test(
        values, np.arange(COUNT) * STEP, threshold=1.3 / STEP, fail_threshold=4.3 / STEP
    )
    found = ours(values, rate_of_change={"suspect": 1.3, "fail": 4.3, "per": "5s", "within": "5s"})
    assert found[0] == 2
    np.testing.assert_array_equal(found[1:], theirs(expected)[1:])


@pytest.mark.parametrize(("suspect", "fail"), [(25, 100), (60, 65)])
def test_flat_line(seed: int, suspect: int, fail: int) -> None:
    # Their window is a number of rows at the median interval, and a range of exactly the tolerance is
    # not flat. Before the first window is full a value passes with them; with us it is not evaluated.
    values = walk(seed)
    expected = qartod.flat_line_test(
        values, np.arange(COUNT) * STEP, suspect_threshold=suspect, fail_threshold=fail, tolerance=0.3
    )
    found = ours(values, flat_line={"suspect": f"{suspect}s", "fail": f"{fail}s", "tolerance": 0.3})
    full = suspect // STEP
    assert set(found[:full].tolist()) == {2}
    np.testing.assert_array_equal(found[full:], theirs(expected)[full:])
