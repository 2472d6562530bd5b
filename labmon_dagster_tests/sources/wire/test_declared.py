from __future__ import annotations

import math
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmon_dagster.model.devices import Address, DeviceSettings
from labmon_dagster.model.measurement import Field, FieldType
from labmon_dagster.sources.wire.declared import Declared, Gathering, fitted, refuse_unknown, snake_case

TYPES = {kind: Field("x", kind) for kind in FieldType}


def settings(**options: Any) -> DeviceSettings:
    return DeviceSettings("it", "CRYO", Address("http", "host"), options=options)


def declared(*defaults: Field, **options: Any) -> Declared:
    return Declared.of(settings(**options), defaults)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("Coolant-In Temp.", "coolant_in_temp"),
        ("MIXING CHAMB_Conv", "mixing_chamb_conv"),
        ("status.boardTemperature", "status_board_temperature"),
        ("P1", "p1"),
        ("Température", "temperature"),
    ],
)
def test_snake_case(theirs: str, ours: str):
    assert snake_case(theirs) == ours


@pytest.mark.parametrize("theirs", ["", "1", "4K", "Δ", "---", "time", "Time:"])
def test_no_name_can_be_made(theirs: str):
    with pytest.raises(ValueError, match="give it one under names"):
        snake_case(theirs)


@given(st.text())
def test_any_text_has_a_name_or_none(theirs: str):
    try:
        ours = snake_case(theirs)
    except ValueError:
        return
    assert ours == snake_case(ours)
    assert ours.isascii()


@pytest.mark.parametrize(
    ("value", "kind", "result"),
    [
        (4, FieldType.FLOAT, 4.0),
        (4.0, FieldType.INTEGER, 4),
        (2**63 - 1, FieldType.INTEGER, 2**63 - 1),
        (1, FieldType.BOOLEAN, True),
        (0.0, FieldType.BOOLEAN, False),
        ("Off", FieldType.BOOLEAN, False),
        ("yes", FieldType.BOOLEAN, True),
        ("7", FieldType.TEXT, "7"),
        ("", FieldType.TEXT, ""),
    ],
)
def test_fits(value: Any, kind: FieldType, result: Any):
    found = fitted(value, "", TYPES[kind])
    assert found == result
    assert type(found) is type(result)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (4.5, FieldType.INTEGER),
        (2**63, FieldType.INTEGER),
        (1e300, FieldType.INTEGER),
        (2**53 + 1, FieldType.FLOAT),
        (True, FieldType.FLOAT),
        (True, FieldType.INTEGER),
        ("4", FieldType.FLOAT),
        (2, FieldType.BOOLEAN),
        (0.5, FieldType.BOOLEAN),
        ("maybe", FieldType.BOOLEAN),
        (4, FieldType.TEXT),
        ("\ud800", FieldType.TEXT),
        (math.nan, FieldType.FLOAT),
        (math.inf, FieldType.INTEGER),
        (-math.inf, FieldType.BOOLEAN),
    ],
)
def test_does_not_fit(value: Any, kind: FieldType):
    with pytest.raises(ValueError, match="came"):
        fitted(value, "", TYPES[kind])


@pytest.mark.parametrize("value", [math.nan, math.inf, 2**64, "\udfff"])
def test_undeclared_values_that_nobody_can_keep(value: Any):
    with pytest.raises(ValueError, match="came"):
        fitted(value, "", None)


@pytest.mark.parametrize("value", [5, 5.5, True, "text", -(2**62)])
def test_undeclared_values_stay_as_they_are(value: Any):
    found = fitted(value, "K", None)
    assert found == value
    assert type(found) is type(value)


def test_units_move_only_by_prefixes():
    gathering = Gathering(declared(Field("t", FieldType.FLOAT, "K"), Field("u", FieldType.FLOAT, "K")))
    gathering.put(gathering.named("t") or "", 12.3, "mK")
    gathering.put(gathering.named("u") or "", 12.3, "°C")
    gathering.put(gathering.named("v") or "", 12.3, "mK")
    said = gathering.said({})
    assert said.values == {"t": 0.0123, "v": 12.3}
    assert said.units == {"t": "K", "v": "mK"}
    assert list(said.missing) == ["u"]


def test_two_of_one_name_are_refused():
    gathering = Gathering(declared(names={"A": "x"}))
    assert gathering.named("A") == "x"
    with pytest.raises(ValueError, match="'A' and 'X' would both be 'x'"):
        gathering.named("X")


def test_only_what_is_wanted():
    gathering = Gathering(declared(Field("b"), only=["a", "c"]))
    assert [gathering.named(name) for name in ("A", "B", "B")] == ["a", None, None]
    gathering.put("a", 1, "")
    assert gathering.said({}).missing == {"c": "the device did not say it"}
    assert [field.name for field in declared(Field("a"), Field("b"), only=["b"]).quantities] == ["b"]


def test_nothing_known_is_no_answer():
    with pytest.raises(ValueError, match="not one quantity"):
        Gathering(declared(only=["a"])).said({})


def test_fields_are_declared():
    found = declared(
        Field("a", FieldType.FLOAT, "K"), quantities={"a": {"unit": "mK"}, "b": {"type": "text"}}
    )
    assert found.quantities == (Field("a", FieldType.FLOAT, "mK"), Field("b", FieldType.TEXT))
    assert found.wanted == {"a", "b"}


def test_usual_names_give_way():
    usual = {"T": "t", "P": "p"}
    found = Declared.of(settings(names={"MC": "t"}), (), usual)
    assert found.names == {"MC": "t", "P": "p"}


@pytest.mark.parametrize(
    "options",
    [
        {"names": ["a"]},
        {"names": {"A": "Not Ours"}},
        {"names": {"A": "time"}},
        {"names": {"A": "x", "B": "x"}},
        {"names": {"A": 5}},
        {"only": "a"},
        {"only": [5]},
        {"quantities": ["a"]},
        {"quantities": {"a": "float"}},
        {"quantities": {"a": {"kind": "float"}}},
        {"quantities": {"a": {"type": "number"}}},
    ],
)
def test_options_that_make_no_sense(options: dict[str, Any]):
    with pytest.raises(ValueError, match=next(iter(options))):
        declared(**options)


def test_unknown_options():
    with pytest.raises(ValueError, match="unknown option decimals; known: decimal"):
        refuse_unknown(settings(decimals=","), ["decimal"])


def test_a_number_as_an_option_is_unknown():
    options: dict[Any, Any] = {5: 1, "odd": 1}
    given = DeviceSettings("it", "CRYO", Address("http", "host"), options=options)
    with pytest.raises(ValueError, match="unknown option 5, odd; known: names"):
        refuse_unknown(given, ["names"])


def test_names_that_would_be_lost_are_refused_fast():
    names = {f"P{n}": f"p_{n}" for n in range(30_000)} | {"X": "p_1", "Y": "p_2"}
    start = time.perf_counter()
    with pytest.raises(ValueError, match="more than one name of theirs becomes p_1, p_2"):
        declared(names=names)
    assert time.perf_counter() - start < 2
