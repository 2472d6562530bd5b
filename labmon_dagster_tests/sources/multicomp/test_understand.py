from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmon_dagster.model.devices import Address, DeviceSettings, Heard
from labmon_dagster.sources.multicomp.kinds import KINDS
from labmon_dagster.sources.multicomp.options import Options
from labmon_dagster.sources.multicomp.queries import queries
from labmon_dagster.sources.wire import exchange

(KIND,) = KINDS
NAME = exchange.answered("*IDN?", b"MP710508 V1.1 SN:00002338")


def settings(**options: Any) -> DeviceSettings:
    return DeviceSettings("it", "MP710508", Address("udp", "host"), options=options)


def understood(payload: bytes, **options: Any):
    return KIND.understand(Heard(payload, 0, "exchange"), settings(**options))


def one(query: str, answer: bytes):
    return understood(exchange.dump([NAME, exchange.answered(query, answer)]))


@given(st.binary())
def test_any_payload(payload: bytes):
    try:
        assert understood(payload).values["identity"]
    except ValueError as error:
        assert str(error)


@given(st.sampled_from(queries(Options())), st.binary())
def test_any_answer(query: str, answer: bytes):
    said = one(query, answer)
    assert len(said.values) + len(said.missing) == (9 if query == "STATUS?" else 2)
    for value in said.values.values():
        assert not isinstance(value, float) or math.isfinite(value)
    assert set(said.units) <= set(said.values)


@given(st.binary())
def test_any_name(answer: bytes):
    try:
        said = understood(exchange.dump([exchange.answered("*IDN?", answer)]))
    except ValueError as error:
        assert "*IDN?" in str(error)
        return
    assert str(said.values["identity"]).upper().startswith("MP710508")


@pytest.mark.parametrize("status", range(256))
def test_every_status(status: int):
    said = one("STATUS?", bytes([status]))
    for channel in range(4):
        assert said.values[f"mode_{channel + 1}"] == ("CV" if status & 1 << channel else "CC")
        assert said.values[f"output_{channel + 1}"] == bool(status & 16 << channel)
    assert not said.missing


@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from([b"", b"\n", b"\r\n", b" \0"]))
def test_numbers_come_back_equal(number: float, end: bytes):
    assert one("IOUT3?", repr(number).encode() + end).values["current_3"] == number


def test_a_poll_that_was_kept_is_understood_under_other_options():
    payload = exchange.dump([NAME, exchange.answered("OVPSET4?", b"26.4")])
    assert understood(payload, channels=[1], protection=False).values["over_voltage_limit_4"] == 26.4


def test_trouble_and_other_forms_are_not_understood():
    payload = exchange.dump([NAME])
    with pytest.raises(ValueError, match="out of step"):
        KIND.understand(Heard(payload, 0, "exchange", trouble="out of step"), settings())
    with pytest.raises(ValueError, match="its form is 'unasked'"):
        KIND.understand(Heard(payload, 0, "unasked"), settings())


def test_quantities_are_those_that_are_asked_for():
    names = [field.name for field in KIND.quantities(settings(channels=[2], protection=False))]
    measured = ["voltage_setpoint_2", "current_setpoint_2", "voltage_2", "current_2"]
    assert names == ["identity", "mode_2", "output_2", *measured]
    assert len(KIND.quantities(settings())) == 41


@pytest.mark.parametrize(
    "options",
    [
        {"channels": []},
        {"channels": [0]},
        {"channels": [1, 1]},
        {"channels": [True]},
        {"channels": "12"},
        {"protection": 1},
        {"local_port": 70_000},
        {"local_port": True},
        {"pause": -1},
        {"pause": "x"},
        {"grace": 100},
        {"model": ""},
        {"single_digits": "no"},
        {"odd": 1},
    ],
)
def test_options_that_make_no_sense(options: dict[str, Any]):
    with pytest.raises(ValueError, match=next(iter(options))):
        KIND.check(settings(**options))


def test_options_that_make_sense():
    KIND.check(
        settings(channels=[4, 1], protection=False, local_port=0, pause=0, model="XYZ", single_digits=True)
    )
    with pytest.raises(ValueError, match="has no path"):
        KIND.check(DeviceSettings("it", "MP710508", Address.parse("udp://host/x")))
