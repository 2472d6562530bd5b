"""The reader against the emulator on the wire, over every fault: exactly what was sent, or missing."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from labmon_dagster.model.devices import Address, DeviceError, DeviceSettings, Heard, Said, Value
from labmon_dagster.sources.aim_tti.emulator import CPX200Emulator, serial_in
from labmon_dagster.sources.aim_tti.kinds import KINDS
from labmon_dagster.sources.emulation.faults import Behaviour, Fault
from labmon_dagster.sources.emulation.server import Served
from labmon_dagster_tests.sources.wire.tcp_device import Recording

(KIND,) = KINDS
SILENT = {Fault.SILENCE, Fault.LATE, Fault.DISCONNECT}
SPOILT = {Fault.GARBAGE, Fault.HALF, Fault.WRONG_LENGTH}
ASKED = {
    "set_voltage": "V{}?",
    "current_limit": "I{}?",
    "voltage": "V{}O?",
    "current": "I{}O?",
    "over_voltage_protection": "OVP{}?",
    "over_current_protection": "OCP{}?",
    "limit_status": "LSR{}?",
    "on": "OP{}?",
}

Polled = tuple[Heard | DeviceError, Mapping[str, bytes]]


async def poll(behaviour: Behaviour, plan: list[Fault]) -> tuple[list[Polled], DeviceSettings]:
    """Poll once under each fault; give what was heard, and what the emulator had to say by question."""
    made = Recording(CPX200Emulator(5))
    served = Served(made, behaviour=behaviour)
    await served.start()
    settings = DeviceSettings("supply", "CPX200", Address("tcp", "127.0.0.1", served.port), 0.3)
    strays: list[Heard] = []
    device = KIND.connect(settings, strays.append)
    found: list[Polled] = []
    for fault in plan:
        behaviour.always = fault
        made.replies.clear()
        try:
            heard: Heard | DeviceError = await device.poll()
        except DeviceError as error:
            heard = error
        found.append((heard, {request.decode(): payload for request, payload in made.replies}))
    await device.close()
    await served.stop()
    assert not strays
    return found, settings


def number(payload: bytes) -> float:
    return float(payload.decode().split()[-1].rstrip("VA"))


def check_exact(said: Said, sent: Mapping[str, bytes]) -> None:
    """Compare all numbers with what the emulator sent for those very questions."""
    assert said.values
    for output in (1, 2):
        for name, query in ASKED.items():
            value: Value | None = said.values.get(f"output_{output}_{name}")
            if value is None:
                assert f"output_{output}_{name}" in said.missing
            else:
                assert value == number(sent[query.format(output)])


@pytest.mark.parametrize("fault", Fault)
def test_a_fault_and_what_comes_after_it(fault: Fault):
    plan = [Fault.NONE, fault, fault, Fault.NONE, Fault.NONE]
    found, settings = asyncio.run(poll(Behaviour(late=0.5, slow=0.01, seed=1), plan))
    for (heard, sent), now in zip(found, plan, strict=True):
        if now in SILENT:
            assert isinstance(heard, DeviceError)
            continue
        assert isinstance(heard, Heard)
        assert bool(heard.trouble) == (now in SPOILT)
        if not heard.trouble:
            said = KIND.understand(heard, settings)
            check_exact(said, sent)
            assert not said.missing
            assert serial_in(said.values) == int(sent["V1O?"][-8:-3])
            assert said.values["output_1_over_voltage_trip"] is (now is Fault.ALARM)


def test_faults_at_random():
    behaviour = Behaviour(rate=0.05, late=0.5, slow=0.02, seed=3)
    found, settings = asyncio.run(poll(behaviour, [Fault.NONE] * 25))
    missing = 0
    for heard, sent in found:
        if isinstance(heard, Heard) and not heard.trouble:
            said = KIND.understand(heard, settings)
            check_exact(said, sent)
            missing += len(said.missing)
    assert missing > 5


def test_the_supply_goes_and_comes_back():
    async def run() -> None:
        served = Served(CPX200Emulator())
        await served.start()
        settings = DeviceSettings("supply", "CPX200", Address("tcp", "127.0.0.1", served.port), 2.0)
        device = KIND.connect(settings, lambda heard: None)
        assert not (await device.poll()).trouble
        await served.stop()
        with pytest.raises(DeviceError, match=r"no connection|closed the connection"):
            await device.poll()
        await served.start()
        assert not KIND.understand(await device.poll(), settings).missing
        await device.close()
        await served.stop()

    asyncio.run(run())
