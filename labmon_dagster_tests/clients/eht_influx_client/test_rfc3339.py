"""Texts of time: exact, both ways, and strict."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmon_dagster.clients.eht_influx_client import from_rfc3339, to_rfc3339
from labmon_dagster.lookup import EARLIEST, LATEST
from labmon_dagster_tests.clients.eht_influx_client.written import NOW

_TEXT = "2021-04-06T01:29:09.204824064Z"


@given(st.integers(EARLIEST + 1, LATEST - 1))
def test_an_instant_comes_back_exactly(ns: int) -> None:
    assert from_rfc3339(to_rfc3339(ns)) == ns


def test_an_instant_is_written_with_nine_digits() -> None:
    assert to_rfc3339(NOW) == _TEXT
    assert to_rfc3339(np.int64(-1)) == "1969-12-31T23:59:59.999999999Z"


@pytest.mark.parametrize(
    "text",
    [
        _TEXT,
        "2021-04-06t01:29:09.204824064z",
        "2021-04-06 01:29:09.204824064Z",
        "2021-04-06T03:29:09.204824064+02:00",
        "2021-04-05T18:29:09.204824064-07:00",
        "2021-04-06T01:29:09.204824064-00:00",
    ],
)
def test_all_forms_of_rfc_3339_are_read(text: str) -> None:
    assert from_rfc3339(text) == NOW


@pytest.mark.parametrize(
    "text",
    [
        "2021-04-06T01:29:09",
        "2021-04-06T01:29Z",
        "2021-04-06",
        "20210406T012909Z",
        "2021-W14-2T01:29:09Z",
        "2021-04-06T01:29:09,5Z",
        "2021-04-06T01:29:09.Z",
        "2021-04-06T01:29:09.1234567890Z",
        "2021-04-06T24:00:00Z",
        "2021-04-31T01:29:09Z",
        "2016-12-31T23:59:60Z",
        "1500-01-01T00:00:00Z",
        "9999-01-01T00:00:00Z",
        "-6h",
        "now",
        "",
        "٢٠٢١-04-06T01:29:09Z",
        f"{_TEXT}\n",
    ],
)
def test_what_rfc_3339_does_not_have_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"RFC 3339|no time|1677"):
        from_rfc3339(text)


@pytest.mark.parametrize("ns", [1617672549.2, True, "1", None])
def test_what_is_no_whole_number_is_refused(ns: object) -> None:
    with pytest.raises(TypeError):
        to_rfc3339(ns)  # type: ignore[arg-type]


@pytest.mark.parametrize("ns", [2**63, -(2**63) - 1])
def test_what_64_bits_cannot_hold_is_refused(ns: int) -> None:
    with pytest.raises(ValueError, match="1677 to 2262"):
        to_rfc3339(ns)
