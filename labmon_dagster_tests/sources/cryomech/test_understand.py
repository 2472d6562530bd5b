"""What any reply becomes; single replies are in cases/."""

from __future__ import annotations

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmon_dagster.model.devices import Address, DeviceSettings, Heard, Said
from labmon_dagster.model.measurement import FieldType
from labmon_dagster.sources.cryomech.emulator import CompressorEmulator, serial_in
from labmon_dagster.sources.cryomech.kinds import KINDS
from labmon_dagster.sources.cryomech.understand import breakdown

(KIND,) = KINDS
TYPES = {
    FieldType.FLOAT: float,
    FieldType.INTEGER: int,
    FieldType.BOOLEAN: bool,
    FieldType.TEXT: str,
}


def settings(**options: object) -> DeviceSettings:
    return DeviceSettings("pulse_tube", "CMCPA", Address("tcp", "127.0.0.1", 1), 0.2, options)


def reply_of(words: list[int]) -> bytes:
    return struct.pack(">HHHBBB", 1, 0, 3 + 2 * len(words), 1, 4, 2 * len(words)) + struct.pack(
        f">{len(words)}H", *words
    )


def check_declared(said: Said) -> None:
    fields = {one.name: one for one in KIND.quantities(settings())}
    assert {*said.values, *said.missing} == fields.keys()
    assert not said.values.keys() & said.missing.keys()
    assert said.units.keys() <= said.values.keys()
    for name, value in said.values.items():
        assert type(value) is TYPES[fields[name].type], name
        assert not isinstance(value, float) or math.isfinite(value)
        assert fields[name].unit in ("", said.units.get(name))


def words_of(size: int) -> st.SearchStrategy[list[int]]:
    return st.lists(st.integers(0, 0xFFFF), min_size=size, max_size=size)


@given(words_of(53) | words_of(55))
def test_any_registers_are_understood_and_every_quantity_is_told_of(words: list[int]):
    check_declared(breakdown(reply_of(words)))


@given(st.binary(max_size=130))
def test_any_bytes_are_understood_or_refused(payload: bytes):
    try:
        check_declared(breakdown(payload))
    except ValueError as error:
        assert str(error)


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_float_is_the_very_float_that_was_sent(value: float):
    words = [0] * 53
    high, low = struct.unpack(">HH", struct.pack(">f", value))
    words[26:28] = [low, high]
    assert breakdown(reply_of(words)).values["operating_hours"] == value


@given(st.floats(1.6e9, 2.6e9), st.integers(0, 1000), st.booleans(), st.sampled_from("23"))
def test_what_the_emulator_says_is_understood(now: float, seed: int, alarm: bool, firmware: str):
    made = CompressorEmulator(seed, lambda: now, firmware)
    made.alarm = alarm
    count = {"2": 0x35, "3": 0x37}[firmware]
    reply = made.reply(bytes.fromhex("0001000000060104000100") + bytes([count]))
    assert reply is not None
    said = KIND.understand(Heard(reply.payload, 1, "modbus"), settings())
    check_declared(said)
    assert not said.missing
    assert serial_in(said.values) == reply.serial == 1
    assert (said.values["operating_state"] == "error") >= alarm
    assert ("oil temperature high" in str(said.values["alarms"])) >= alarm
    assert ("tenths" in said.details) == (firmware == "3")


def test_other_forms_are_refused():
    with pytest.raises(ValueError, match=r"'exchange' is no form .* expected 'modbus'"):
        KIND.understand(Heard(b"[]", 1, "exchange"), settings())


@pytest.mark.parametrize("options", [{}, {"firmware": "3"}, {"firmware": 2, "unit": 16}, {"unit": 255}])
def test_good_options(options: dict[str, object]):
    KIND.check(settings(**options))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"firmware": "4"}, "firmware is '4', expected"),
        ({"unit": 0}, "unit is 0, expected"),
        ({"unit": 256}, "unit is 256"),
        ({"unit": True}, "unit is True"),
        ({"unit": "one"}, "unit is 'one'"),
        ({"units": 1}, "has no option units"),
    ],
)
def test_bad_options(options: dict[str, object], told: str):
    with pytest.raises(ValueError, match=told):
        KIND.check(settings(**options))
