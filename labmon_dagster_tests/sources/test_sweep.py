"""Every device under every fault: a value is the device's answer to this question, or it is no value."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from importlib import import_module

import pytest

from labmon_dagster.collector.kinds import KINDS, kind_of
from labmon_dagster.model.devices import Address, Device, DeviceError, DeviceSettings, Heard, Said
from labmon_dagster.running.instruments import EMULATED, Emulated
from labmon_dagster.sources.emulation.faults import Behaviour, Fault
from labmon_dagster.sources.emulation.server import Served

TIMEOUT = 0.15
BAD = {Fault.SILENCE, Fault.GARBAGE, Fault.HALF, Fault.WRONG_LENGTH, Fault.LATE, Fault.DISCONNECT}


@dataclass
class Bench:
    """An emulated device on the wire, the device as labmon sees it, and what was sent and heard."""

    emulated: Emulated
    behaviour: Behaviour = field(
        default_factory=lambda: Behaviour(late=3 * TIMEOUT, slow=TIMEOUT / 10, seed=5)
    )
    sent: list[tuple[int, Fault]] = field(default_factory=list)
    unasked: list[Heard] = field(default_factory=list)

    async def __aenter__(self) -> Bench:
        self.served = Served(self.emulated.instrument(3), behaviour=self.behaviour, note=self._note)
        await self.served.start()
        address = Address.parse(self.emulated.address("127.0.0.1", self.served.port))
        local = {"local_port": 0} if self.emulated.scheme == "udp" else {}
        self.settings = DeviceSettings("it", self.emulated.type, address, TIMEOUT, local)
        self.kind = kind_of(self.settings)
        self.device: Device = self.kind.connect(self.settings, self.unasked.append)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.device.close()
        await self.served.stop()

    def _note(self, serial: int | None, sent: int, fault: Fault) -> None:
        if serial is not None:
            self.sent.append((serial, fault))

    async def poll(self) -> Said | str:
        """Poll; give what is understood, or why nothing is."""
        try:
            heard = await self.device.poll()
        except DeviceError as error:
            return str(error)
        if heard.trouble:
            return heard.trouble
        try:
            return self.kind.understand(heard, self.settings)
        except ValueError as error:
            return str(error)

    def serial(self, said: Said) -> int | None:
        module = self.emulated.emulator.partition(":")[0]
        found: int | None = import_module(f"labmon_dagster.sources.{module}.emulator").serial_in(said.values)
        return found


@pytest.mark.parametrize("fault", [fault for fault in Fault if fault is not Fault.NONE], ids=str)
@pytest.mark.parametrize("name", EMULATED)
def test_a_value_is_the_answer_to_this_question_or_none(name: str, fault: Fault) -> None:
    async def run() -> None:
        async with Bench(EMULATED[name]) as bench:
            first = await bench.poll()
            assert isinstance(first, Said), first
            assert bench.serial(first) == bench.sent[-1][0]
            bench.behaviour.always = fault
            for _ in range(2):
                before = len(bench.sent)
                said = await bench.poll()
                fresh = {serial for serial, _ in bench.sent[before:]}
                if isinstance(said, Said) and bench.serial(said) is not None:
                    assert fault not in BAD, f"{fault} was taken for an answer"
                    assert bench.serial(said) in fresh
                elif fault not in BAD:
                    pytest.fail(f"{fault} is no reason for: {said}")
            bench.behaviour.always = Fault.NONE
            await asyncio.sleep(0.4 * TIMEOUT)
            for _ in range(4):  # answers that are still late arrive meanwhile
                before = len(bench.sent)
                said = await bench.poll()
                if isinstance(said, Said) and (serial := bench.serial(said)) is not None:
                    assert serial in {one for one, kind in bench.sent[before:] if kind is Fault.NONE}
                await asyncio.sleep(TIMEOUT)
            assert isinstance(said, Said), f"after {fault} it is not read again: {said}"
            assert bench.serial(said) == bench.sent[-1][0]

    asyncio.run(run())


def test_an_alarm_changes_what_a_device_says() -> None:
    async def run(name: str) -> None:
        async with Bench(EMULATED[name]) as bench:
            calm = await bench.poll()
            bench.behaviour.always = Fault.ALARM
            alarmed = await bench.poll()
            assert isinstance(calm, Said)
            assert isinstance(alarmed, Said)
            changed = {key for key in calm.values if calm.values[key] != alarmed.values.get(key)}
            assert changed, f"{name} shows no alarm"

    for name in EMULATED:
        asyncio.run(run(name))


def test_every_quantity_that_is_said_is_declared_with_its_type() -> None:
    allowed = {"float": (float, int), "integer": (int,), "boolean": (bool,), "text": (str,)}

    async def run(name: str) -> None:
        async with Bench(EMULATED[name]) as bench:
            said = await bench.poll()
            assert isinstance(said, Said)
            declared = {one.name: one for one in bench.kind.quantities(bench.settings)}
            for quantity, value in said.values.items():
                assert quantity in declared, f"{name}: {quantity} is not declared"
                assert isinstance(value, allowed[declared[quantity].type]), f"{name}: {quantity} is {value!r}"

    for name in EMULATED:
        asyncio.run(run(name))


def test_every_kind_of_device_has_an_emulator() -> None:
    emulated = {(one.type, one.scheme) for one in EMULATED.values()}
    assert {(kind, scheme.removesuffix("s")) for kind, scheme in KINDS} <= emulated
