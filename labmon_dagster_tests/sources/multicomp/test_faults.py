"""The supply on the wire over every fault: exactly what was sent for that poll, or not believed."""

from __future__ import annotations

import asyncio

import pytest

from labmon_dagster.model.devices import Address, DeviceError, DeviceSettings
from labmon_dagster.sources.emulation.faults import Behaviour, Fault
from labmon_dagster.sources.emulation.instrument import Reply
from labmon_dagster.sources.multicomp.emulator import PowerSupply, serial_in
from labmon_dagster.sources.multicomp.kinds import KINDS
from labmon_dagster_tests.sources.wire.bench import LATE, Bench

(KIND,) = KINDS
OPTIONS = {"local_port": 0, "pause": 0, "grace": 0.4, "channels": [1, 4]}
ANSWERED = {Fault.NONE, Fault.SLOW, Fault.ALARM}


def bench(instrument: PowerSupply | None = None, behaviour: Behaviour | None = None) -> Bench:
    made = Bench(KIND, instrument or PowerSupply(), OPTIONS)
    made.behaviour = behaviour or made.behaviour
    return made


@pytest.mark.parametrize("fault", Fault)
def test_a_fault_and_what_comes_after_it(fault: Fault):
    made = bench()
    outcomes = made.polls([Fault.NONE, fault, fault, Fault.NONE, Fault.NONE, Fault.NONE])
    for one in outcomes:
        if one.said is not None and (found := serial_in(one.said.values)) is not None:
            assert one.fault in ANSWERED
            assert found in one.sent
        elif one.fault in ANSWERED - {Fault.NONE}:
            pytest.fail(f"{one.fault}: {one.error}")
    assert outcomes[0].said is not None
    last = outcomes[-1].said
    assert last is not None
    assert serial_in(last.values) == outcomes[-1].sent[-1]
    assert not last.missing
    assert all(heard.trouble for heard in made.unasked)


def test_an_alarm_is_shown():
    calm, alarmed = bench(PowerSupply(clock=lambda: 1800.0)).polls([Fault.NONE, Fault.ALARM])
    assert calm.said is not None
    assert alarmed.said is not None
    assert (calm.said.values["output_1"], alarmed.said.values["output_1"]) == (True, False)


def test_values_are_exactly_those_that_were_said():
    (one,) = bench(PowerSupply(clock=lambda: 1800.0)).polls([Fault.NONE])
    twin = PowerSupply(clock=lambda: 1800.0)
    assert one.said is not None
    for query, name in (
        ("VOUT1?", "voltage_1"),
        ("IOUT4?", "current_4"),
        ("OCPSET4?", "over_current_limit_4"),
    ):
        reply = twin.reply(f"{query}\n".encode())
        assert reply is not None
        assert one.said.values[name] == float(reply.payload)


class Without(PowerSupply):
    """A supply that does not know some queries."""

    unknown = (b"STATUS?\n",)

    def reply(self, request: bytes) -> Reply | None:
        return None if request in self.unknown else super().reply(request)


def test_what_is_not_answered_is_missing_and_the_rest_is_read():
    (one,) = bench(Without()).polls([Fault.NONE])
    assert one.said is not None
    assert set(one.said.missing) == {"mode_1", "output_1", "mode_4", "output_4"}
    assert "STATUS?" in one.said.missing["mode_1"]
    assert serial_in(one.said.values) == 0


@pytest.mark.parametrize("seed", [1, 2])
def test_faults_at_random(seed: int):
    faults = (Fault.SILENCE, Fault.HALF, Fault.WRONG_LENGTH, Fault.LATE, Fault.SLOW)
    behaviour = Behaviour(rate=0.04, among=faults, late=LATE, slow=0.02, seed=seed)
    outcomes = bench(behaviour=behaviour).polls([Fault.NONE] * 12)
    believed = [one for one in outcomes if one.said is not None and serial_in(one.said.values) is not None]
    assert believed
    for one in believed:
        assert one.said is not None
        assert serial_in(one.said.values) in one.sent
        assert one.said.values.get("voltage_setpoint_1", 12.0) == 12.0
        assert one.said.values.get("current_setpoint_4", 1.0) == 1.0


def test_a_host_that_is_not_known():
    address = Address("udp", "no.such.host.invalid")
    device = KIND.connect(DeviceSettings("it", "MP710508", address, 0.2, OPTIONS), lambda heard: None)

    async def poll() -> None:
        with pytest.raises(DeviceError, match=r"no\.such\.host"):
            await device.poll()
        await device.close()

    asyncio.run(poll())
