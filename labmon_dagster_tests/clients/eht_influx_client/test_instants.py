"""Every kind of time a program has becomes exactly the ns it means."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmon_dagster.clients.eht_influx_client.instants import time_ns, unit_of
from labmon_dagster.model.window import UNITS
from labmon_dagster_tests.clients.eht_influx_client.written import NOW

_ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.datetimes(datetime(1700, 1, 1), datetime(2200, 1, 1), timezones=_ZONES))
def test_a_datetime_loses_no_microsecond(moment: datetime) -> None:
    assert (
        time_ns(moment, "ns")
        == (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000
    )


def test_a_datetime_without_a_zone_is_utc() -> None:
    naive = datetime(2021, 4, 6, 1, 29, 9, 204824)
    assert time_ns(naive, "ns") == time_ns(naive.replace(tzinfo=UTC), "s") == NOW - 64


@pytest.mark.parametrize(
    "given_",
    [
        pd.Timestamp(NOW),
        pd.Timestamp(NOW, tz="UTC").tz_convert("Pacific/Honolulu"),
        np.datetime64(NOW, "ns"),
        "2021-04-06T01:29:09.204824064Z",
        "2021-04-06 01:29:09.204824064",
        NOW,
        np.int64(NOW),
        np.uint64(NOW),
        pd.Timedelta(NOW, "ns"),
    ],
    ids=repr,
)
def test_no_digit_is_lost(given_: object) -> None:
    assert time_ns(given_, "ns") == NOW


@pytest.mark.parametrize("unit", UNITS)
def test_whole_numbers_count_in_their_unit(unit: str) -> None:
    number = NOW // UNITS[unit]
    assert time_ns(number, unit) == number * UNITS[unit]
    assert time_ns(1, unit) == UNITS[unit]


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("told", UNITS)
def test_a_number_that_looks_like_another_unit_is_refused(unit: str, told: str) -> None:
    number = NOW // UNITS[unit]
    assert unit_of(number) == unit
    if unit != told:
        with pytest.raises(
            ValueError, match=f"{number} .*write_precision='{unit}', or (multiply|divide) by 10+"
        ):
            time_ns(number, told)


def test_the_advice_is_right() -> None:
    with pytest.raises(ValueError, match=r"looks like seconds.*multiply by 1000000000$"):
        time_ns(1_617_672_549, "ns")
    with pytest.raises(ValueError, match=r"looks like nanoseconds.*divide by 1000000$"):
        time_ns(NOW, "ms")


@pytest.mark.parametrize("given_", [1617672549.2, True, [1], b"1", pd.NaT, datetime(2021, 1, 1).date()])
def test_what_is_no_time_is_refused(given_: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        time_ns(given_, "ns")


@pytest.mark.parametrize(
    "given_", [np.datetime64("3000-01-01"), pd.Timestamp("3000-01-01"), "3000-01-01", 2**70]
)
def test_what_64_bits_cannot_hold_is_refused(given_: object) -> None:
    with pytest.raises(ValueError):
        time_ns(given_, "ns")
