from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmon_dagster.sources.wire.units import moved, understood


@pytest.mark.parametrize(
    ("unit", "meaning"),
    [
        ("K", ("K", 0)),
        ("mK", ("K", -3)),
        ("Ω", ("ohm", 0)),
        ("\u2126", ("ohm", 0)),
        ("kΩ", ("ohm", 3)),
        ("µW", ("W", -6)),
        ("μW", ("W", -6)),
        ("uW", ("W", -6)),
        ("mbar", ("bar", -3)),
        ("hPa", ("Pa", 2)),
        ("Pa", ("Pa", 0)),
        ("kg", ("g", 3)),
        ("min", ("min", 0)),
        ("°C", ("degC", 0)),
        ("%", ("%", 0)),
        ("m^3/h", ("m3/h", 0)),
        ("m³/h", ("m3/h", 0)),
    ],
)
def test_units(unit: str, meaning: tuple[str, int]):
    assert understood(unit) == meaning


@pytest.mark.parametrize("text", ["", "ok", "on", "errors", "mX", "kK K", "m%", "k", "3"])
def test_no_units(text: str):
    assert understood(text) is None


@pytest.mark.parametrize(
    ("number", "unit", "wanted", "result"),
    [
        (12.3, "mK", "K", 0.0123),
        (0.0123, "K", "mK", 12.3),
        (1e-8, "A", "nA", 10.0),
        (5, "kg", "kg", 5),
        (1.1, "Ω", "ohm", 1.1),
        (-0.3, "mbar", "bar", -0.0003),
    ],
)
def test_moved(number: float, unit: str, wanted: str, result: float):
    assert moved(number, unit, wanted) == result


@pytest.mark.parametrize(("unit", "wanted"), [("°C", "K"), ("psi", "bar"), ("odd", "K"), ("K", "odd")])
def test_other_units_are_refused(unit: str, wanted: str):
    with pytest.raises(ValueError, match="was expected"):
        moved(1.0, unit, wanted)


def test_what_no_float_can_hold_is_refused():
    with pytest.raises(ValueError, match="cannot be had"):
        moved(1e308, "K", "mK")
    with pytest.raises(ValueError, match="cannot be had"):
        moved(5e-324, "mK", "K")


@given(st.floats(min_value=1e-200, max_value=1e200))
def test_there_and_back(number: float):
    there = moved(number, "K", "mK")
    assert moved(there, "mK", "K") == pytest.approx(number, rel=1e-15)
