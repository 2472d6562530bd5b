"""Layouts of times: instants there and back, and none where a text has none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmon_dagster.model.stamps import Zone
from labmon_dagster.model.window import instant_text
from labmon_dagster.sources.annotated_csv.layouts import RFC3339, Layout

UTC_ZONE = Zone("UTC")
LAYOUTS = {
    "2006-01-02 15:04:05": "%Y-%m-%d %H:%M:%S",
    "02/01/06 03:04:05PM": "%d/%m/%y %I:%M:%S%p",
    "Mon Jan 2 15:04:05 2006": "%a %b %d %H:%M:%S %Y",
    "Monday, 02-January-2006 3:04:05 pm": "%A, %d-%B-%Y %I:%M:%S %p",
    "20060102T150405": "%Y%m%dT%H%M%S",
    "(2006.01.02) [15h04] +05": "(%Y.%m.%d) [%Hh%M] +%S",
}
SECONDS = st.datetimes(datetime(1970, 1, 1), datetime(2068, 12, 31)).map(lambda at: at.replace(microsecond=0))


def instants(layout: str, *texts: str, zone: Zone = UTC_ZONE) -> list[int | None]:
    return Layout(layout, zone).instants(pl.Series(texts)).to_list()


@given(st.sampled_from(sorted(LAYOUTS)), SECONDS)
def test_layouts(layout: str, at: datetime):
    text = at.strftime(LAYOUTS[layout])
    if "pm" in layout:
        text = text.replace("AM", "am").replace("PM", "pm")
    wanted = int(at.replace(tzinfo=UTC).timestamp()) * 10**9
    assert instants(layout, text) == [wanted]


@given(st.lists(st.integers(-(9 * 10**18), 9 * 10**18), min_size=1))
def test_rfc_3339_there_and_back(times: list[int]):
    texts = [instant_text(ns) for ns in times]
    assert instants(RFC3339, *texts) == times
    assert instants(RFC3339, *texts, "none") == [*times, None]


@given(SECONDS, st.integers(-23 * 60, 23 * 60), st.integers(0, 999))
def test_offsets(at: datetime, minutes: int, ms: int):
    there = at.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    wanted = int(there.timestamp()) * 10**9 + ms * 10**6
    text = f"{there:%Y-%m-%dT%H:%M:%S}.{ms:03d}{there:%z}"
    assert instants("2006-01-02T15:04:05-0700", text) == [wanted]
    colon = f"{text[:-2]}:{text[-2:]}"
    assert instants(RFC3339, colon) == instants("2006-01-02T15:04:05.000-07:00", colon) == [wanted]


@pytest.mark.parametrize(
    "text",
    [
        "2021-02-29T00:00:00Z",
        "2021-13-01T00:00:00Z",
        "2021-01-01T24:00:00Z",
        "2021-01-01T00:60:00Z",
        "2021-01-01",
        "2021-01-01T00:00:60Z",
        "2021-01-01T00:00:00",
        "2021-01-01T00:00:00.0123456789Z",
        "0001-01-01T00:00:00Z",
        "2300-01-01T00:00:00Z",
        "٢٠٢١-01-01T00:00:00Z",
        "2021-01-01T00:00:00Z ",
    ],
)
def test_what_is_no_instant(text: str):
    layout = Layout(RFC3339, UTC_ZONE)
    assert layout.instants(pl.Series([text, None, "2021-01-01T00:00:00Z"])).to_list() == [
        None,
        None,
        1609459200 * 10**9,
    ]
    assert "is written like 2006-01-02T15:04:05Z07:00" in layout.complaint(text)


def test_a_time_without_zone_is_of_the_zone_named():
    zone = Zone("America/Detroit")
    assert instants("2006-01-02 15:04", "2021-07-01 12:00", "2021-03-14 02:30", zone=zone) == [
        1625155200 * 10**9,
        None,
    ]
    assert "does not exist in America/Detroit" in Layout("2006-01-02 15:04", zone).complaint(
        "2021-03-14 02:30"
    )


@pytest.mark.parametrize(
    ("layout", "why"), [("15:04:05", "has no year"), ("2006-2006", "has the year twice")]
)
def test_layouts_that_make_no_instants(layout: str, why: str):
    with pytest.raises(ValueError, match=why):
        Layout(layout, UTC_ZONE)
