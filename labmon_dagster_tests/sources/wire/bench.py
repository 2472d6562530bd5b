"""An emulated device on the wire, polled under one fault after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from labmon_dagster.model.devices import Address, DeviceError, DeviceSettings, Heard, Kind, Said
from labmon_dagster.sources.emulation.faults import Behaviour, Fault
from labmon_dagster.sources.emulation.instrument import Instrument
from labmon_dagster.sources.emulation.server import Served

TIMEOUT = 0.2
LATE = 0.3
SETTLED = 0.15  # s after a fault, in which what is late arrives


@dataclass
class Outcome:
    """What one poll gave: what was heard and understood, or the error. ``sent``: numbers sent meanwhile."""

    fault: Fault
    heard: Heard | None = None
    said: Said | None = None
    error: str = ""
    sent: list[int] = field(default_factory=list)


@dataclass
class Bench:
    """A device and its emulator."""

    kind: Kind
    instrument: Instrument
    options: dict[str, Any] = field(default_factory=dict)
    behaviour: Behaviour = field(default_factory=lambda: Behaviour(late=LATE, slow=0.02, seed=3))
    sent: list[int] = field(default_factory=list)
    unasked: list[Heard] = field(default_factory=list)

    def polls(self, plan: Sequence[Fault]) -> list[Outcome]:
        """Poll once under each fault."""
        return asyncio.run(self._polls(plan))

    async def _polls(self, plan: Sequence[Fault]) -> list[Outcome]:
        served = Served(self.instrument, behaviour=self.behaviour, note=self._note)
        await served.start()
        address = Address(self.kind.scheme, "127.0.0.1", served.port)
        self.settings = DeviceSettings("it", self.kind.type, address, TIMEOUT, self.options)
        device = self.kind.connect(self.settings, self.unasked.append)
        found = []
        for before, fault in zip((Fault.NONE, *plan), plan, strict=False):
            if before in {Fault.LATE, Fault.SILENCE} and fault is Fault.NONE:
                await asyncio.sleep(SETTLED)
            found.append(await self._poll(device, fault))
        await device.close()
        await served.stop()
        return found

    async def _poll(self, device: Any, fault: Fault) -> Outcome:
        self.behaviour.always = fault
        outcome, before = Outcome(fault), len(self.sent)
        try:
            outcome.heard = await device.poll()
            outcome.said = self.kind.understand(outcome.heard, self.settings)
        except (DeviceError, ValueError) as error:
            outcome.error = str(error)
        outcome.sent = self.sent[before:]
        return outcome

    def _note(self, serial: int | None, sent: int, fault: Fault) -> None:
        if serial is not None:
            self.sent.append(serial)
