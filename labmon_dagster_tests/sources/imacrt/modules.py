"""Modules on the wire, for tests: what was sent for which question, and faults when they are wanted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from labmon_dagster.model.devices import Address, Device, DeviceSettings, Heard, Kind, Said, Value
from labmon_dagster.sources.emulation.faults import Behaviour, Fault
from labmon_dagster.sources.emulation.instrument import Reply
from labmon_dagster.sources.emulation.server import Served
from labmon_dagster.sources.imacrt.emulator import ImacrtModule, MGC3Module, MMR3Module
from labmon_dagster.sources.imacrt.kinds import KINDS
from labmon_dagster.sources.imacrt.quantities import MGC3, MMR3

TIMEOUT, GRACE = 0.2, 0.25
LATE = 0.3
_LONG = 5.0


@dataclass
class Planned(Behaviour):
    """Faults of single replies, by their number since the plan was made; ``always`` for all others."""

    plan: dict[int, Fault] = field(default_factory=dict)
    late: float = LATE
    slow: float = 0.02
    _count: int = 0

    def next(self) -> Fault:
        fault = self.plan.get(self._count, super().next())
        self._count += 1
        return fault

    def make(self, plan: dict[int, Fault]) -> None:
        self.plan, self._count = plan, 0


@dataclass
class Lab:
    """A device, its emulator, and all that was exchanged."""

    kind: Kind
    settings: DeviceSettings
    device: Device
    module: ImacrtModule
    served: Served
    faults: Planned
    unasked: list[Heard]
    sent: dict[str, bytes]
    requests: list[bytes]

    async def poll(self) -> Heard:
        """Poll once; ``sent`` is then what was made for each question of this poll."""
        self.sent.clear()
        return await self.device.poll()

    def said(self, heard: Heard) -> Said:
        return self.kind.understand(heard, self.settings)

    def as_sent(self) -> dict[str, Value]:
        """What the emulator made for each question, by the names of the quantities."""
        table = MMR3 if self.kind.type == "MMR3" else MGC3
        values: dict[str, Value] = {"identification": self.module.name}
        for quantity in table.quantities:
            payload = self.sent.get(f"{table.type}GET {quantity.index}")
            if payload is not None:
                name = quantity.field.name
                values[name] = payload.decode() if "module" in name else float(payload)
        return values


def _recorded(make: type[ImacrtModule], sent: dict[str, bytes], requests: list[bytes]) -> ImacrtModule:
    module = make(7)
    answer = module.reply

    def reply(request: bytes) -> Reply | None:
        requests.append(request)
        made = answer(request)
        if made is not None:
            sent[request.decode().strip()] = made.payload
        return made

    module.reply = reply  # type: ignore[method-assign]
    return module


@asynccontextmanager
async def lab(kind: Kind = KINDS[0], timeout: float = TIMEOUT, **options: Any) -> AsyncIterator[Lab]:
    """A module on the wire, and the device that asks it."""
    sent: dict[str, bytes] = {}
    requests: list[bytes] = []
    unasked: list[Heard] = []
    faults = Planned()
    module = _recorded(MMR3Module if kind.type == "MMR3" else MGC3Module, sent, requests)
    served = Served(module, behaviour=faults)
    await served.start()
    told = {"local_port": 0, "grace": GRACE} | options
    address = Address("udp", "127.0.0.1", served.port)
    settings = DeviceSettings("module", kind.type, address, timeout, told)
    kind.check(settings)
    device = kind.connect(settings, unasked.append)
    try:
        yield Lab(kind, settings, device, module, served, faults, unasked, sent, requests)
    finally:
        await device.close()
        await served.stop()


async def until(true: Callable[[], bool]) -> None:
    """Wait until something is so. Raises TimeoutError if it does not become so."""
    async with asyncio.timeout(_LONG):
        while not true():
            await asyncio.sleep(0.002)
