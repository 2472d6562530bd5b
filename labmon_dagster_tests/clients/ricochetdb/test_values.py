from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmon_dagster.clients.ricochetdb import is_date, is_float, is_int, to_local


@pytest.fixture
def newfoundland(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "America/St_Johns")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@given(st.integers())
def test_an_integer_is_an_int_and_a_float_and_no_date(number: int) -> None:
    text = str(number)
    assert is_int(text)
    assert is_float(text) or abs(number) > 2**1000
    assert not is_date(text)


@given(st.floats())
def test_a_float_is_a_float_and_no_int_and_no_date(number: float) -> None:
    assert is_float(repr(number))
    assert not is_int(repr(number))
    assert not is_date(repr(number))


@given(st.datetimes(timezones=st.sampled_from([None, UTC, timezone(timedelta(hours=2))])))
def test_a_datetime_is_a_date(moment: datetime) -> None:
    assert is_date(moment.isoformat())
    assert is_date(str(moment))
    assert not is_float(str(moment))


@given(st.dates())
def test_a_day_is_a_date_in_both_orders(day: date) -> None:
    assert is_date(day.isoformat())
    assert is_date(f"{day.day:02}/{day.month:02}/{day.year:04}")


@given(st.text())
def test_any_text_is_judged(text: str) -> None:
    assert not is_int(text) or is_float(text) or len(text) > 300
    assert not (is_float(text) and is_date(text))


@pytest.mark.parametrize("text", ["", " ", "12 K", "1_000", "0x10", "\u0663", "on", "None", "True"])
def test_what_is_no_number(text: str) -> None:
    assert not is_int(text)
    assert not is_float(text)


@pytest.mark.parametrize("text", ["", "may", "20220511", "2022-13-01", "31/02/2022", "12:30", "05/11", "7"])
def test_what_is_no_date(text: str) -> None:
    assert not is_date(text)


@pytest.mark.parametrize("text", ["11/05/2022 14:35", "11/05/2022 14:35:30", "2022-05-11T14:35:30.412Z"])
def test_dates_as_devices_write_them(text: str) -> None:
    assert is_date(text)


def test_values_that_are_no_texts_are_judged_by_theirs() -> None:
    assert is_int(5)
    assert not is_int(5.0)
    assert is_float(5.0)
    assert not is_float(None)
    assert is_date(datetime(2022, 5, 11, tzinfo=UTC))


@pytest.mark.usefixtures("newfoundland")
@pytest.mark.parametrize("zone", [None, UTC])
def test_a_time_in_utc_is_given_in_the_zone_of_the_computer(zone: timezone | None) -> None:
    local = to_local(datetime(2026, 7, 1, 12, tzinfo=zone))
    assert local.isoformat() == "2026-07-01T09:30:00-02:30"
    assert to_local(datetime(2026, 1, 1, 12)).isoformat() == "2026-01-01T08:30:00-03:30"
