"""Pages on the wire over every fault: exactly what was sent for that poll, or not believed."""

from __future__ import annotations

import pytest

from labmon_dagster.sources.device_page.emulator import (
    CryostatPageEmulator,
    MGC3PageEmulator,
    MMR3PageEmulator,
    serial_in,
)
from labmon_dagster.sources.device_page.kinds import KINDS
from labmon_dagster.sources.emulation.faults import Behaviour, Fault
from labmon_dagster_tests.sources.wire.bench import LATE, Bench

KIND = {kind.type: kind for kind in KINDS if kind.scheme == "http"}
EMULATORS = {"MMR3": MMR3PageEmulator, "MGC3": MGC3PageEmulator, "CRYO": CryostatPageEmulator}
SILENT = {Fault.SILENCE, Fault.LATE, Fault.DISCONNECT}
SPOILT = {Fault.GARBAGE, Fault.HALF}


@pytest.mark.parametrize("fault", Fault)
@pytest.mark.parametrize("name", EMULATORS)
def test_a_fault_and_what_comes_after_it(name: str, fault: Fault):
    bench = Bench(KIND[name], EMULATORS[name]())
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
            assert "</html> stands 2 times" in one.error
        else:
            assert one.said is not None
            assert serial_in(one.said.values) == number == one.sent[-1]
    assert not bench.unasked


@pytest.mark.parametrize("name", EMULATORS)
def test_what_is_heard_is_what_was_sent(name: str):
    emulator = EMULATORS[name](clock=lambda: 1_772_443_805.0)
    (one,) = Bench(KIND[name], emulator).polls([Fault.NONE])
    assert one.heard is not None
    assert one.heard.payload == emulator.body(1_772_443_805.0, 0)
    assert one.heard.clock == 1_772_443_805 * 10**9


@pytest.mark.parametrize(
    ("name", "quantity", "shown"),
    [("MMR3", "status_3", 1), ("MGC3", "regulation_on_1", 0), ("CRYO", "alarm", "turbo pump stopped")],
)
def test_an_alarm_is_shown(name: str, quantity: str, shown: object):
    calm, alarmed = Bench(KIND[name], EMULATORS[name](clock=lambda: 1800.0)).polls([Fault.NONE, Fault.ALARM])
    assert calm.said is not None
    assert alarmed.said is not None
    assert calm.said.values[quantity] != alarmed.said.values[quantity] == shown


def test_faults_at_random():
    behaviour = Behaviour(rate=0.5, late=LATE, slow=0.02, seed=7)
    outcomes = Bench(KIND["CRYO"], CryostatPageEmulator(), behaviour=behaviour).polls([Fault.NONE] * 40)
    good = [one for one in outcomes if one.said is not None]
    assert 10 <= len(good) < 40
    for one in good:
        assert one.said is not None
        assert serial_in(one.said.values) in one.sent
