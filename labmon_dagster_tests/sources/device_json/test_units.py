"""Units of JSON: each stands for itself, and a value whose unit is in doubt is no value."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from labmon_dagster.model.devices import Address, DeviceSettings, Heard, Said
from labmon_dagster.sources.device_json.kinds import KINDS
from labmon_dagster.sources.device_json.understand import own_time

KIND = next(kind for kind in KINDS if kind.type == "JSON-SCALE")


def settings(**options: Any) -> DeviceSettings:
    return DeviceSettings("it", "JSON-SCALE", Address("http", "host"), options=options)


def understood(told: Any, **options: Any) -> Said:
    return KIND.understand(Heard(json.dumps(told).encode(), 0, "json"), settings(**options))


@pytest.mark.parametrize("none", [None, "", " "])
def test_a_quantity_without_unit_leaves_the_others_theirs(none: Any):
    said = understood({"mass": 5000, "stable": True, "units": {"mass": "g", "stable": none}})
    assert said.values == {"mass": 5.0, "stable": True}
    assert said.units == {"mass": "kg"}
    assert not said.details
    assert understood({"mass": {"value": 5, "unit": none}}).values == {"mass": 5.0}


@pytest.mark.parametrize("odd", [5, True, ["g"], 1.5, "\ud800", float("nan")])
def test_a_unit_that_is_no_text_makes_its_quantity_missing(odd: Any):
    said = understood({"mass": 5000, "tare": 200, "units": {"mass": odd, "tare": "g"}})
    assert said.values == {"tare": 0.2}
    assert "unit" in said.missing["mass"]
    beside = understood({"mass": {"value": 5000, "unit": odd}, "tare": {"value": 200, "unit": "g"}})
    assert beside.values == {"tare": 0.2}
    assert "unit" in beside.missing["mass"]


@pytest.mark.parametrize(
    "told",
    [
        {"mass": 5000, "units": {"mass": " g "}},
        {"mass": 5000, "units": {"Mass": "g"}},
        {"mass": 5000, "units": {"values.mass": "g"}},
        {"mass": 5000, "units": {"values": {"mass": "g"}}},
        {"values": {"mass": 5000}, "units": {"values.mass": "g"}},
        {"values": {"mass": 5000}, "units": {"mass": "g"}},
        {"mass": {"value": 5000, "units": "g"}},
        {"mass": {"value": 5000, "unit": "g", "units": "g"}},
        {"mass": {"value": 5000, "unit": "g"}, "units": {"mass": "g"}},
    ],
)
def test_where_a_unit_may_stand(told: Any):
    said = understood(told)
    assert (said.values, said.missing, said.details) == ({"mass": 5.0}, {}, {})


def test_units_of_quantities_that_are_named_otherwise():
    names = {"a.W": "mass"}
    for units in ({"a.W": "g"}, {"a": {"W": "g"}}, {"mass": "g"}):
        assert understood({"a": {"W": 5000}, "units": units}, names=names).values == {"mass": 5.0}


@pytest.mark.parametrize(
    "told",
    [
        {"mass": {"value": 5, "unit": "kg"}, "units": {"mass": "g"}},
        {"mass": {"value": 5, "unit": "kg", "units": "g"}},
        {"mass": 5, "units": {"mass": "kg", "values.mass": "g"}},
    ],
)
def test_two_units_are_none(told: Any):
    said = understood(told | {"tare": 1})
    assert said.values == {"tare": 1.0}
    assert said.missing == {"mass": "it has two units, kg and g"}


def test_units_of_nothing_are_told():
    said = understood({"mass": 5, "units": {"moss": "g", "4K": 5, "none": None, "stable": ""}})
    assert said.values == {"mass": 5.0}
    assert said.details == {"_unnamed": [["units.moss", "g"], ["units.4K", "its unit is no text: 5"]]}


def test_units_of_quantities_that_are_not_wanted():
    said = understood({"mass": 5, "tare": 1, "units": {"tare": "g"}}, only=["mass"])
    assert (said.values, said.details) == ({"mass": 5.0}, {})


def many(number: int, *more: bytes) -> bytes:
    return b"{" + b",".join([*(b'"k%d":1' % n for n in range(number)), *more]) + b"}"


def test_keys_twice_in_a_large_answer_are_found_fast():
    payload = many(30_000, b'"k1":2', b'"' + b"x" * 900 + b'":1', b'"' + b"x" * 900 + b'":1')
    start = time.perf_counter()
    with pytest.raises(ValueError, match="a key twice in one object: 'k1'") as error:
        KIND.understand(Heard(payload, 0, "json"), settings())
    assert time.perf_counter() - start < 2
    assert len(str(error.value)) < 300


def test_many_keys_twice_are_told_shortly():
    payload = many(999, *(b'"k%d":2' % n for n in range(999)))
    with pytest.raises(ValueError, match="a key twice") as error:
        KIND.understand(Heard(payload, 0, "json"), settings())
    assert len(str(error.value)) < 300


def test_a_key_of_great_length_is_refused():
    for payload in (
        b'{"' + b"k" * 100_000 + b'": {"a": 1, "b": 2}}',
        b'{"units": {"' + b"k" * 100_000 + b'": {"a": 1, "b": 2}}}',
        b'{"' + b"k" * 100_000 + b'\\ud800": 1}',
    ):
        with pytest.raises(ValueError, match="key") as error:
            KIND.understand(Heard(payload, 0, "json"), settings())
        assert len(str(error.value)) < 300


def test_the_clock_is_taken_from_short_answers_only():
    stamp = b'"time":"2026-03-02T09:30:05Z"'
    assert own_time(many(3, stamp), settings()) == 1_772_443_805_000_000_000
    assert own_time(many(30_000, stamp), settings()) is None
    said = KIND.understand(Heard(many(7000, stamp), 0, "json"), settings())
    assert said.details["time"] == "2026-03-02T09:30:05Z"


@pytest.mark.parametrize("depth", [300, 400, 900])
def test_units_that_are_nested_deeply(depth: int):
    nested = b'{"":' * depth + b'"K"' + b"}" * depth
    try:
        said = KIND.understand(Heard(b'{"mass": 5, "units": ' + nested + b"}", 0, "json"), settings())
    except ValueError as error:
        assert "deeply" in str(error)
    else:
        assert said.values == {"mass": 5.0}
