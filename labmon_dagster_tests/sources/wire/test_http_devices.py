"""Devices over HTTP under every fault: exactly what was sent for that poll, or not believed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from labmon_dagster.model.devices import Kind, Value
from labmon_dagster.sources.device_json import emulator as json_emulator
from labmon_dagster.sources.device_json.kinds import KINDS as JSON_KINDS
from labmon_dagster.sources.device_page import emulator as page_emulator
from labmon_dagster.sources.device_page.kinds import KINDS as PAGE_KINDS
from labmon_dagster.sources.emulation.faults import Behaviour, Fault
from labmon_dagster_tests.sources.wire.bench import LATE, Bench

SILENT = {Fault.SILENCE, Fault.LATE, Fault.DISCONNECT}
SPOILT = {Fault.GARBAGE, Fault.HALF}
PAGES = {kind.type: kind for kind in PAGE_KINDS if kind.scheme == "http"}
JSONS = {kind.type: kind for kind in JSON_KINDS if kind.scheme == "http"}


@dataclass(frozen=True)
class Case:
    """A kind, its emulator, what is said of an answer too long, and a quantity that shows an alarm."""

    kind: Kind
    emulator: Callable[..., Any]
    serial_in: Callable[[Mapping[str, Value]], int | None]
    too_long: str
    quantity: str
    alarm: object


def page(name: str, emulator: Callable[..., Any], quantity: str, alarm: object) -> Case:
    return Case(PAGES[name], emulator, page_emulator.serial_in, "</html> stands 2 times", quantity, alarm)


def json(name: str, emulator: Callable[..., Any], quantity: str, alarm: object) -> Case:
    return Case(JSONS[name], emulator, json_emulator.serial_in, "no JSON: Extra data", quantity, alarm)


CASES = {
    "MMR3": page("MMR3", page_emulator.MMR3PageEmulator, "status_3", 1),
    "MGC3": page("MGC3", page_emulator.MGC3PageEmulator, "regulation_on_1", 0),
    "CRYO": page("CRYO", page_emulator.CryostatPageEmulator, "alarm", "turbo pump stopped"),
    "JSON-SCALE": json("JSON-SCALE", json_emulator.ScaleEmulator, "overload", True),
    "JSON-CMCPA": json("JSON-CMCPA", json_emulator.CompressorEmulator, "compressor_running", False),
    "JSON-CRYO": json("JSON-CRYO", json_emulator.CryostatEmulator, "alarm", "turbo pump stopped"),
}


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]


@pytest.mark.parametrize("fault", Fault)
def test_a_fault_and_what_comes_after_it(case: Case, fault: Fault) -> None:
    bench = Bench(case.kind, case.emulator())
    outcomes = bench.polls([Fault.NONE, fault, fault, Fault.NONE, Fault.NONE])
    for number, one in enumerate(outcomes):
        if one.fault in SILENT:
            assert one.heard is None
            assert "127.0.0.1" in one.error
        elif one.fault in SPOILT:
            assert one.heard is not None
            assert one.heard.trouble
            assert one.heard.payload
        elif one.fault is Fault.WRONG_LENGTH:
            assert case.too_long in one.error
        else:
            assert one.said is not None
            assert case.serial_in(one.said.values) == number == one.sent[-1]
    assert not bench.unasked


def test_what_is_heard_is_what_was_sent(case: Case) -> None:
    at = 1_772_443_805.0
    emulator = case.emulator(clock=lambda: at)
    (one,) = Bench(case.kind, emulator).polls([Fault.NONE])
    assert one.heard is not None
    assert one.heard.payload == emulator.body(at, 0)
    assert one.heard.clock == int(at) * 10**9


def test_a_clock_of_its_own_is_finer_than_that_of_its_server() -> None:
    emulator = json_emulator.ScaleEmulator(clock=lambda: 1_772_443_805.25)
    (one,) = Bench(JSONS["JSON-SCALE"], emulator).polls([Fault.NONE])
    assert one.heard is not None
    assert one.heard.clock == 1_772_443_805_250_000_000


def test_an_alarm_is_shown(case: Case) -> None:
    bench = Bench(case.kind, case.emulator(clock=lambda: 1800.0))
    calm, alarmed = bench.polls([Fault.NONE, Fault.ALARM])
    assert calm.said is not None
    assert alarmed.said is not None
    assert calm.said.values[case.quantity] != alarmed.said.values[case.quantity] == case.alarm


@pytest.mark.parametrize("name", ["CRYO", "JSON-CRYO"])
def test_faults_at_random(name: str) -> None:
    case = CASES[name]
    behaviour = Behaviour(rate=0.5, late=LATE, slow=0.02, seed=7)
    outcomes = Bench(case.kind, case.emulator(), behaviour=behaviour).polls([Fault.NONE] * 40)
    good = [one for one in outcomes if one.said is not None]
    assert 10 <= len(good) < 40
    for one in good:
        assert one.said is not None
        assert case.serial_in(one.said.values) in one.sent
