from __future__ import annotations

import json

import pytest

from labmon_dagster.model.devices import Address, DeviceSettings, Heard
from labmon_dagster.sources.device_json.emulator import (
    CompressorEmulator,
    CryostatEmulator,
    ScaleEmulator,
    serial_in,
)
from labmon_dagster.sources.device_json.kinds import KINDS

NOON = 1_772_452_800.0
EMULATORS = {"JSON-SCALE": ScaleEmulator, "JSON-CMCPA": CompressorEmulator, "JSON-CRYO": CryostatEmulator}


def test_an_answer_byte_by_byte():
    reply = ScaleEmulator(clock=lambda: NOON).reply(b"GET /json HTTP/1.1")
    assert reply is not None
    assert reply.serial == 0
    body = (
        b'{\n "time": "2026-03-02T12:00:00.000+00:00",\n "device": "scale",\n'
        b' "mass": {\n  "value": 58.444,\n  "unit": "kg"\n },\n'
        b' "tare": {\n  "value": 31.2,\n  "unit": "kg"\n },\n "stable": true,\n "overload": false\n}'
    )
    head = (
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nContent-Type: application/json\r\n"
        b"Date: Mon, 02 Mar 2026 12:00:00 GMT\r\nConnection: keep-alive\r\n\r\n"
    )
    assert reply.payload == head % len(body) + body


@pytest.mark.parametrize("name", EMULATORS)
def test_each_page_has_its_number(name: str):
    kind = next(kind for kind in KINDS if kind.type == name)
    settings = DeviceSettings("it", name, Address("http", "host"))
    emulator = EMULATORS[name](seed=4)
    for serial in (0, 1, 9, 4711, 39_999, 99_999):
        for now in (NOON, NOON + 40_000, NOON + 400_000):
            said = kind.understand(Heard(emulator.body(now, serial), 0, "json"), settings)
            assert serial_in(said.values) == serial
            assert not said.missing
            assert {field.name for field in kind.quantities(settings)} == set(said.values)


def test_values_that_carry_no_number():
    assert serial_in({}) is None
    assert serial_in({"mass": "text"}) is None


@pytest.mark.parametrize("name", EMULATORS)
def test_what_is_told_follows_from_time_and_seed(name: str):
    def told(seed: int, now: float) -> bytes:
        return EMULATORS[name](seed).body(now, 5)

    assert told(1, NOON) == told(1, NOON)
    assert told(1, NOON) != told(2, NOON)
    assert told(1, NOON) != told(1, NOON + 60)


def test_what_is_told_is_what_is_understood():
    kind = next(kind for kind in KINDS if kind.type == "JSON-CMCPA")
    body = CompressorEmulator().body(NOON, 7)
    told = json.loads(body)
    said = kind.understand(
        Heard(body, 0, "json"), DeviceSettings("it", "JSON-CMCPA", Address("http", "host"))
    )
    theirs = {
        "pressure_difference_average": "delta_pressure_average",
        "operating_hours": "hours_of_operation",
    }
    for name, value in said.values.items():
        sent = told[theirs.get(name, name)]
        assert value == (sent["value"] if isinstance(sent, dict) else sent)
        assert said.units.get(name, "") == (sent["unit"] if isinstance(sent, dict) else "")
    assert len(said.values) == len(told) - len(("time", "device"))
