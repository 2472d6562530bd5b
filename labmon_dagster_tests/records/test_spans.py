"""When records began and ended, and what was going on during them."""

from __future__ import annotations

from datetime import datetime

import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmon_dagster.lookup import EARLIEST, LATEST
from labmon_dagster.model import SECOND, Window
from labmon_dagster.model.window import moment
from labmon_dagster.records.lab import LabRecords
from labmon_dagster.records.models import Dated, Run
from labmon_dagster.records.page import page
from labmon_dagster.records.plot import sketch
from labmon_dagster.records.spans import begins, during, ends, known, spanned, window_of
from labmon_dagster.records.words import short_time
from labmon_dagster_tests.cli.lab import times
from labmon_dagster_tests.records.thermometer import NOON, at, run, stream


@pytest.mark.parametrize(
    ("start", "stop"),
    [(datetime(1, 1, 1), datetime(9999, 12, 31)), (datetime(2500, 1, 1), None), (datetime(1, 1, 1), None)],
)
def test_years_that_64_bits_cannot_hold_break_nothing(start: datetime, stop: datetime | None) -> None:
    one = Run.model_validate({"name": "odd", "start_date": start, "stop_date": stop})
    window = window_of(one, NOON)
    assert short_time(begins(one)).startswith(f"{start.year}-"), "what it says is shown"
    assert window is not None and EARLIEST <= window.start < window.end <= LATEST + 1
    found = pl.DataFrame({"time": times(window.start, window.end - 1), "T": [3.6, 3.7]})
    assert "2 readings" in page(one, [], found, "T", NOON)
    assert "svg" in sketch(found, "T", window)


def test_instants_keep_their_nanoseconds(lab: LabRecords) -> None:
    start, stop = pd.Timestamp(NOON + 1, tz="UTC"), pd.Timestamp(NOON + SECOND + 123_456_789, tz="UTC")
    lab.runs.create({"name": "run1", "detector": [{"name": "RED15"}], "start_date": start, "stop_date": stop})
    record = lab.runs.get("run1")
    assert (begins(record), ends(record)) == (NOON + 1, NOON + SECOND + 123_456_789)
    assert window_of(record) == Window(NOON + 1, NOON + SECOND + 123_456_790)


def test_nanoseconds_that_belong_to_another_instant_do_not_count() -> None:
    moved = Dated.model_validate({"name": "run1", "start_date": at(0), "start_date_ns": NOON - 5})
    assert begins(moved) == NOON


def test_a_record_that_runs_goes_on_until_now() -> None:
    running = Dated.model_validate({"name": "run1", "start_date": at(0)})
    assert window_of(running, NOON + 9) == Window(NOON, NOON + 10)
    assert window_of(running, NOON - 9) == Window(NOON, NOON + 1), "it begins in the future"
    assert window_of(Dated.model_validate({"name": "run2"})) is None


def test_unknown_records_are_answered_with_some_that_are_there(lab: LabRecords) -> None:
    with pytest.raises(ValueError, match=r"no run 'run1' in lio_run_info; there are: none$"):
        known(lab.runs, "run1")
    for number in range(30):
        run(lab, f"run{number:02}", None, None)
    with pytest.raises(
        ValueError, match=r"no run 'run071' in lio_run_info; there are: run07, .* and 20 more$"
    ):
        known(lab.runs, "run071")
    assert known(lab.runs, "run07").name == "run07"


def test_streams_that_touch_a_run_were_going_on(lab: LabRecords) -> None:
    for name, start, stop in (("a", -9, -1), ("b", -9, 0), ("c", 3, 4), ("d", 10, 99), ("e", 11, 99)):
        stream(lab, name, start, stop)
    stream(lab, "f", -5, None)
    found = during(Window(NOON, NOON + 10 * SECOND + 1), spanned(lab.streams.all(), NOON + 50 * SECOND))
    assert [one.name for one in found] == ["b", "f", "c", "d"]
    assert during(None, spanned(lab.streams.all())) == []


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 20)), max_size=12),
    st.integers(0, 50),
    st.integers(0, 9),
)
def test_during_is_what_each_interval_says(spans: list[tuple[int, int]], start: int, length: int) -> None:
    records = [
        Dated.model_validate({"name": str(n), "start_date": at(a), "stop_date": at(a + b)})
        for n, (a, b) in enumerate(spans)
    ]
    window = Window(NOON + start * SECOND, NOON + (start + length) * SECOND + 1)
    found = {one.name for one in during(window, spanned(records))}
    assert found == {str(n) for n, (a, b) in enumerate(spans) if a <= start + length and start <= a + b}


@given(st.integers(-(2**61), 2**61))
def test_a_moment_is_cut_to_microseconds(ns: int) -> None:
    assert begins(Dated.model_validate({"name": "x", "start_date": moment(ns)})) == ns // 1000 * 1000
