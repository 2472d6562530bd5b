"""A past day of the devices' journals: emulated devices of all kinds, asked by the collector's own code.

The devices have a clock that is told, as has the receipt of what they say: so a day is over in minutes.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from labmon_dagster.collector.kinds import kind_of
from labmon_dagster.collector.station import meta_of
from labmon_dagster.journal import Journal, Message
from labmon_dagster.model import DAY, SECOND
from labmon_dagster.model.devices import Address, Device, DeviceError, DeviceSettings, Heard
from labmon_dagster.model.window import day_number
from labmon_dagster.running.instruments import EMULATED, Emulated
from labmon_dagster.sources.emulation.faults import Behaviour, Fault
from labmon_dagster.sources.emulation.server import Served

AMONG = (Fault.GARBAGE, Fault.HALF, Fault.WRONG_LENGTH, Fault.ALARM)  # none that takes its time
OPTIONS = {"udp": {"local_port": 0}, "tcp": {}, "http": {}}
ASSETS: Mapping[str, str] = {
    "mmr3": "imacrt",
    "mgc3": "imacrt",
    "cmcpa": "compressor",
    "json-cmcpa": "compressor",
    "cpx200": "power_supplies",
    "mp710508": "power_supplies",
    "json-scale": "scale",
    **dict.fromkeys(("cryo", "json-cryo", "mmr3-page", "mgc3-page"), "cryostat"),
}
_TIMEOUT, _PORTION = 0.3, 200


@dataclass(slots=True)
class Clock:
    """The time that a device believes in (UTC ns)."""

    now: int

    def __call__(self) -> float:
        return self.now / SECOND


@dataclass(frozen=True, slots=True)
class PastDay:
    """So many polls of each device, all over a day, with faults at a rate."""

    day: date
    polls: int
    seed: int = 1
    rate: float = 0.002

    def journal(self, root: Path) -> dict[str, int]:
        """Write the day's journals below ``root``; give the number of entries by device."""
        return asyncio.run(self._all(root))

    async def _all(self, root: Path) -> dict[str, int]:
        given = await asyncio.gather(*(self._one(root, one, n) for n, one in enumerate(EMULATED.values())))
        return {name: many for counts in given for name, many in counts.items()}

    async def _one(self, root: Path, one: Emulated, number: int) -> Counter[str]:
        clock = Clock(0)
        instrument = one.instrument(self.seed + number)
        instrument.clock = clock
        behaviour = Behaviour(rate=self.rate, among=AMONG, seed=self.seed + number)
        served = Served(instrument, behaviour=behaviour)
        await served.start()
        try:
            return await self._polls(Journal(root, f"ricochet/{ASSETS[one.name]}"), one, served, clock)
        finally:
            await served.stop()

    async def _polls(self, journal: Journal, one: Emulated, served: Served, clock: Clock) -> Counter[str]:
        """Ask at moments all over the day, and journal what is heard as if it were then."""
        settings = _settings(one, served)
        heard: list[Heard] = []
        device: Device = kind_of(settings).connect(settings, heard.append)
        found: Counter[str] = Counter()
        try:
            for number, clock.now in enumerate(self._moments(one.name)):
                await _poll(device, heard)
                messages = [_message(settings, said, clock.now + n) for n, said in enumerate(heard)]
                heard.clear()
                found[one.name] += len(messages)
                journal.append_many(messages)
                if number % _PORTION == 0:
                    await asyncio.sleep(0)
        finally:
            await device.close()
        return found

    def _moments(self, name: str) -> Iterator[int]:
        chance = random.Random(f"{self.seed}:{name}")
        start, step = day_number(self.day) * DAY, DAY // self.polls
        for poll in range(self.polls):
            yield start + poll * step + chance.randrange(step - SECOND // 1000)


def _settings(one: Emulated, served: Served) -> DeviceSettings:
    address = Address.parse(one.address(served.host, served.port))
    options = dict(OPTIONS[one.scheme]) | ({"pause": 0.0} if one.name == "mp710508" else {})
    return DeviceSettings(one.name, one.type, address, _TIMEOUT, options)


async def _poll(device: Device, heard: list[Heard]) -> None:
    try:
        heard.append(await device.poll())
    except DeviceError:
        return


def _message(settings: DeviceSettings, heard: Heard, received: int) -> Message:
    clock = None if heard.clock is None else received // SECOND * SECOND
    return Message(heard.payload, meta_of(settings, replace(heard, clock=clock)), received)
