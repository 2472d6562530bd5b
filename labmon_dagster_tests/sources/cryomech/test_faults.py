"""The reader against the emulator on the wire, over every fault: exactly what was sent, or not believed."""

from __future__ import annotations

import asyncio

import pytest

from labmon_dagster.model.devices import Address, DeviceError, DeviceSettings, Heard
from labmon_dagster.sources.cryomech.emulator import CompressorEmulator, serial_in
from labmon_dagster.sources.cryomech.kinds import KINDS
from labmon_dagster.sources.emulation.faults import Behaviour, Fault
from labmon_dagster.sources.emulation.server import Served
from labmon_dagster_tests.sources.wire.tcp_device import Recording

(KIND,) = KINDS
RUNNING = 1_700_000_000.0  # s; at times it trips by itself
SILENT = {Fault.SILENCE, Fault.LATE, Fault.DISCONNECT}
SPOILT = {Fault.GARBAGE, Fault.HALF, Fault.WRONG_LENGTH}


async def poll(behaviour: Behaviour, plan: list[Fault], firmware: str = "2"):
    """Poll once under each fault; give what was heard, and what the emulator had to say to each query."""
    made = Recording(CompressorEmulator(5, firmware=firmware, clock=lambda: RUNNING))
    served = Served(made, behaviour=behaviour)
    await served.start()
    address = Address("tcp", "127.0.0.1", served.port)
    settings = DeviceSettings("pulse_tube", "CMCPA", address, 0.3, {"firmware": firmware})
    strays: list[Heard] = []
    device = KIND.connect(settings, strays.append)
    found: list[Heard | DeviceError] = []
    for fault in plan:
        behaviour.always = fault
        try:
            found.append(await device.poll())
        except DeviceError as error:
            found.append(error)
    await device.close()
    await served.stop()
    assert not strays
    return found, [payload for _, payload in made.replies], settings


@pytest.mark.parametrize("firmware", ["2", "3"])
@pytest.mark.parametrize("fault", Fault)
def test_a_fault_and_what_comes_after_it(fault: Fault, firmware: str):
    plan = [Fault.NONE, fault, fault, Fault.NONE, Fault.NONE]
    found, sent, settings = asyncio.run(poll(Behaviour(late=0.5, slow=0.02, seed=1), plan, firmware))
    for number, (heard, payload) in enumerate(zip(found, sent, strict=True)):
        if plan[number] in SILENT:
            assert isinstance(heard, DeviceError)
            continue
        assert isinstance(heard, Heard)
        assert bool(heard.trouble) == (plan[number] in SPOILT)
        if not heard.trouble:
            assert heard.payload == payload
            said = KIND.understand(heard, settings)
            assert serial_in(said.values) == number + 1
            assert (said.values["operating_state"] == "error") == (plan[number] is Fault.ALARM)


def test_half_and_wrong_length_are_kept_as_they_came():
    found, sent, _ = asyncio.run(poll(Behaviour(), [Fault.HALF, Fault.WRONG_LENGTH]))
    half, long = found
    assert isinstance(half, Heard)
    assert half.payload == sent[0][:57]
    assert isinstance(long, Heard)
    assert long.payload == sent[1][:5] + b"\x6f" + sent[1][6:] + b"\0\0"


def test_faults_at_random():
    behaviour = Behaviour(rate=0.5, late=0.4, slow=0.02, seed=7)
    found, sent, settings = asyncio.run(poll(behaviour, [Fault.NONE] * 40))
    good = [one for one in zip(found, sent, strict=True) if isinstance(one[0], Heard) and not one[0].trouble]
    assert 15 <= len(good) < 40
    for heard, payload in good:
        assert isinstance(heard, Heard)
        assert heard.payload == payload
        assert KIND.understand(heard, settings).values


def test_the_compressor_goes_and_comes_back():
    async def run() -> None:
        served = Served(CompressorEmulator())
        await served.start()
        settings = DeviceSettings("pulse_tube", "CMCPA", Address("tcp", "127.0.0.1", served.port), 2.0)
        device = KIND.connect(settings, lambda heard: None)
        assert not (await device.poll()).trouble
        await served.stop()
        with pytest.raises(DeviceError, match=r"no connection|closed by the compressor"):
            await device.poll()
        await served.start()
        assert not (await device.poll()).trouble
        await device.close()
        await served.stop()

    asyncio.run(run())
