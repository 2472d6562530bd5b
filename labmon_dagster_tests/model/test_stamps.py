"""Stamps of loggers to UTC: exact, and only where there is one instant that can be believed."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmon_dagster.model import SECOND
from labmon_dagster.model.stamps import FUTURE, Trust, Zone

HOUR = 3600 * SECOND


def ns(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND


def utc(zone: str, *local: int) -> list[int | None]:
    return Zone(zone).to_utc(pl.Series(local, dtype=pl.Int64).cast(pl.Datetime("ns"))).to_physical().to_list()


@pytest.mark.parametrize(
    ("name", "hours"),
    [
        ("UTC", 0),
        ("GMT", 0),
        ("UTC-05:00", -5),
        ("UTC+05:45", 5.75),
        ("-0330", -3.5),
        ("+12:00", 12),
        ("GMT-05:00", -5),
        ("UTC+18:00", 18),
    ],
)
def test_fixed_offsets(name: str, hours: float):
    noon = ns("2021-06-25 12:00:00")
    ahead = round(hours * HOUR)
    assert Zone(name).offset == ahead
    assert utc(name, noon + 1, noon + SECOND - 1) == [
        noon + 1 - ahead,
        noon + SECOND - 1 - ahead,
    ]


@pytest.mark.parametrize(
    "name",
    [
        "",
        "EDT",
        "Detroit",
        "America/Nowhere",
        "UTC-5",
        "UTC+5:00",
        "GMT+5",
        "UTC-05:75",
        "UTC-19:00",
        "local",
        "../UTC",
        "America",
        "/etc/localtime",
        "UTC ",
        "utc-05:00",
        "Europe/Berlin\0",
    ],
)
def test_refused_names(name: str):
    with pytest.raises(ValueError, match="zone"):
        Zone(name)


def test_a_refusal_says_what_is_allowed():
    with pytest.raises(ValueError, match="unknown zone 'EDT'; allowed: a fixed offset like UTC-05:00"):
        Zone("EDT")


def test_an_hour_that_does_not_exist():
    zone = Zone("America/Detroit")
    local = ns("2021-03-14 02:30:00") + 5
    assert utc("America/Detroit", local) == [None]
    assert zone.complaint(local) == (
        "time stamp 2021-03-14T02:30:00.000000005 "
        "does not exist in America/Detroit (the clock was set forward)"
    )
    before, after = ns("2021-03-14 01:59:59"), ns("2021-03-14 03:00:00")
    assert utc("America/Detroit", before, after) == [before + 5 * HOUR, after + 4 * HOUR]


def test_an_hour_that_comes_twice():
    zone = Zone("America/Detroit")
    first, last = ns("2021-11-07 01:00:00"), ns("2021-11-07 01:59:59")
    assert utc("America/Detroit", first, last) == [None, None]
    assert zone.complaint(first) == (
        "time stamp 2021-11-07T01:00:00.000000000 "
        "means two instants in America/Detroit (the clock was set back)"
    )
    before, after = first - SECOND, last + SECOND
    assert utc("America/Detroit", before, after) == [before + 4 * HOUR, after + 5 * HOUR]


def test_a_zone_without_summer_time_loses_nothing():
    year = range(ns("2021-01-01 00:00:00"), ns("2022-01-01 00:00:00"), HOUR)
    found = utc("Etc/GMT+5", *year)
    assert None not in found
    assert all(b - a == HOUR for a, b in pairwise(found))


@given(
    st.integers(ns("1990-01-01 00:00:00"), ns("2060-01-01 00:00:00")),
    st.sampled_from(["Asia/Kathmandu", "UTC"]),
)
def test_local_time_and_back(instant: int, name: str):
    shown = pl.Series([instant]).cast(pl.Datetime("ns", "UTC")).dt.convert_time_zone(name)
    assert utc(name, shown.dt.replace_time_zone(None).to_physical()[0]) == [instant]


def test_trust():
    start, now = ns("2021-06-01 00:00:00"), ns("2021-07-01 00:00:00")
    trust = Trust(start, now)
    stamps = [start - 1, start, now, now + FUTURE, now + FUTURE + 1, None]
    assert trust.mask(pl.Series(stamps, dtype=pl.Int64)).tolist() == [False, True, True, True, False, False]
    assert trust.complaint(start) is None
    assert trust.complaint(now + FUTURE) is None
    assert trust.complaint(now + FUTURE + 1) == (
        "time stamp 2021-07-01T00:30:00.000000001Z lies more than 30 minutes in the future"
    )
    assert trust.complaint(start - 1) == (
        "time stamp 2021-05-31T23:59:59.999999999Z "
        "lies before the source's start 2021-06-01T00:00:00.000000000Z"
    )


@pytest.mark.parametrize("extreme", [-(2**63), 2**63 - 1])
def test_the_ends_of_time_are_not_believed(extreme: int):
    assert not Trust(0, ns("2021-07-01 00:00:00")).mask(pl.Series([extreme])).any()
    assert Trust(0, ns("2021-07-01 00:00:00")).complaint(extreme)
