"""Points, dicts, records and line protocol: what is taken, and what is refused as a whole."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from influxdb_client import Point

from labmon_dagster.sources.line_protocol.parser import parse
from labmon_dagster_tests.clients.eht_influx_client.written import NOW, body, lines

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_VALUES = st.one_of(
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    _TEXT,
)
_NAMES = st.text("abzÄ,= \"'", min_size=1, max_size=8)


def point(**fields: Any) -> Point:
    made = Point("m").tag("station", "Kp").time(NOW)
    for name, value in fields.items():
        made.field(name, value)
    return made


@given(st.dictionaries(_NAMES, _VALUES, min_size=1, max_size=4), st.text('ab,= "é', max_size=6))
def test_every_value_comes_back_exactly(fields: dict[str, Any], tag: str) -> None:
    made = Point("a, b").tag("t,a=g ", tag).time(NOW)
    for name, value in fields.items():
        made.field(name, value)
    parsed = parse(body(made).data())
    assert not parsed.bad
    (found,) = (row for points in parsed.points for row in points.rows.to_dicts())
    assert found.get("t,a=g ", "") == tag
    for name, value in fields.items():
        assert (type(found[name]), repr(found[name])) == (type(value), repr(value))


class Named(NamedTuple):
    name: str
    station: str
    offset: int
    created: int


@dataclass
class Classed:
    name: str
    station: str
    offset: int
    created: int


_KEYS = {
    "record_measurement_key": "name",
    "record_time_key": "created",
    "record_tag_keys": ["station"],
    "record_field_keys": ["offset"],
}


@pytest.mark.parametrize("kind", [Named, Classed, lambda *values: Named(*values)._asdict()])
def test_records_are_told_by_their_keys(kind: Any) -> None:
    assert lines(kind("pps", "Kp", -3, 1_617_672_549), "s", **_KEYS) == [
        "pps,station=Kp offset=-3i 1617672549000000000"
    ]


def test_a_dict_has_the_official_form() -> None:
    record = {"measurement": "m", "tags": {"s": "a b"}, "fields": {"v": 1, "w": 2}, "time": NOW}
    assert lines(record, field_types={"v": "float"}) == [rf"m,s=a\ b v=1.0,w=2i {NOW}"]
    assert lines({**record, "time": "2021-04-06T01:29:09Z"}) == [r"m,s=a\ b v=1i,w=2i 1617672549000000000"]


def test_iterables_are_taken_and_may_be_mixed() -> None:
    records = (
        one for one in [point(v=1), [f"m v=2 {NOW}", b"m v=3i 5"], {"measurement": "m", "fields": {"v": 4}}]
    )
    assert lines(records) == [f"m,station=Kp v=1i {NOW}", f"m v=2.0 {NOW}", "m v=3i 5", f"m v=4i {NOW}"]


def test_points_without_a_time_get_that_of_the_call_and_none_is_lost() -> None:
    assert lines(["m v=1", "n v=2", "m v=3", "m,a=b v=4"]) == [
        f"m v=1.0 {NOW}",
        f"n v=2.0 {NOW}",
        f"m v=3.0 {NOW + 1}",
        f"m,a=b v=4.0 {NOW}",
    ]


def test_default_tags_are_those_of_points_that_have_none_of_that_name() -> None:
    told = lines([point(v=1), {"measurement": "m", "fields": {"v": 1}, "time": 5}], tags={"station": "Mm"})
    assert told == [f"m,station=Kp v=1i {NOW}", "m,station=Mm v=1i 5"]


def test_numbers_of_numpy_and_decimals_are_exact() -> None:
    made = point(a=np.float32(0.5), b=np.int8(-1), c=np.bool_(True), d=Decimal("0.1"), e=np.float64("0.1"))
    assert lines(made) == [f"m,station=Kp a=0.5,b=-1i,c=true,d=0.1,e=0.1 {NOW}"]


def test_null_and_nan_are_left_out() -> None:
    assert lines(point(a=None, b=math.nan, c=1)) == [f"m,station=Kp c=1i {NOW}"]
    found = body([point(a=None), point(a=1)])
    assert (found.rows, found.skipped) == (1, 1)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (point(v=math.inf), "field v: inf is no number"),
        (point(v=2**63), "field v: 9223372036854775808 does not fit"),
        (point(v=np.uint64(2**64 - 1)), "field v: 18446744073709551615 does not fit"),
        (point(v=Decimal("0.12345678901234567890")), "field v: .* more digits"),
        (point(v=object()), "field v: object is no value of a field; allowed: numbers"),
        (point(v="\ud800"), "UTF-8 cannot carry"),
        (point(time=1), "InfluxDB keeps this name for itself: 'time'"),
        (point(station=1), "'station' is a tag and a field"),
        (point(v=1).tag("t", "a\\"), "tag t: .*backslash"),
        (point(v=1).tag("t", "a\nb"), "tag t: .*newline"),
        (point(v=1).tag("", "x"), "at least one character"),
        (Point("").field("v", 1), "at least one character"),
        (Point("#m").field("v", 1), "# begins a comment"),
        (point(v=1).time(1_617_672_549), "looks like seconds"),
        ({"tags": {}, "fields": {}}, "no key 'measurement'; its keys are: 'tags', 'fields'"),
        ("m v=1 1617672549", "line 1: 1617672549 .* looks like seconds"),
        ("m v=1 5\nm v= 6", "line 2, column 5"),
        ("m v=18446744073709551615u", "does not fit"),
        (b'm v="\xff"', "not UTF-8"),
    ],
)
def test_what_cannot_be_kept_is_refused_with_the_reason(record: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        body([point(v=1), record]).data()


@pytest.mark.parametrize("record", [5, object(), Named, [None]])
def test_what_is_no_record_is_refused(record: Any) -> None:
    with pytest.raises(TypeError, match="allowed: a DataFrame, a Point"):
        body(record)


def test_keywords_are_the_official_ones() -> None:
    with pytest.raises(TypeError, match="did you mean 'data_frame_tag_columns'"):
        body("m v=1", data_frame_tags_columns=["station"])
    with pytest.raises(ValueError, match=r"write_precision='m'; allowed: ns, us, ms, s"):
        body("m v=1", "m")
