"""Emulated devices in a process of their own, for soaks: all good, their replies noted.

`python -m labmon_dagster_tests.soak.served SETTINGS`, where the settings are JSON: see `Settings`. It
says a line of JSON with their ports when they are there. With SIGTERM it writes what they have sent.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from array import array
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from labmon_dagster.running.instruments import EMULATED
from labmon_dagster.sources.emulation.faults import Fault
from labmon_dagster.sources.emulation.server import Served


class Settings(msgspec.Struct):
    """Names of devices (see EMULATED), the seed of the first, and the file that gets what they have sent."""

    names: list[str]
    seed: int
    noted: str


class Noted(msgspec.Struct):
    """What a device has sent: serials of numbered replies, and for all of them when (UTC ns)."""

    serials: list[int]
    times: list[int]


@dataclass
class Notes:
    """Takes notes of one device."""

    serials: array[int] = field(default_factory=lambda: array("q"))
    times: array[int] = field(default_factory=lambda: array("q"))

    def __call__(self, serial: int | None, sent: int, fault: Fault) -> None:
        """Note a reply."""
        self.times.append(sent)
        if serial is not None:
            self.serials.append(serial)


async def emulate(settings: Settings) -> None:
    """Serve until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    notes = [Notes() for _ in settings.names]
    served = [
        Served(EMULATED[name].instrument(settings.seed + number), note=notes[number])
        for number, name in enumerate(settings.names)
    ]
    for one in served:
        await one.start()
    sys.stdout.write(json.dumps([one.port for one in served]) + "\n")
    sys.stdout.flush()
    await stop.wait()
    await asyncio.gather(*(one.stop() for one in served))
    told = [Noted(list(one.serials), list(one.times)) for one in notes]
    Path(settings.noted).write_bytes(msgspec.json.encode(told))


def noted(path: Path) -> list[Noted]:
    """Read what the devices have sent."""
    return msgspec.json.decode(path.read_bytes(), type=list[Noted])


if __name__ == "__main__":
    asyncio.run(emulate(msgspec.json.decode(sys.argv[1], type=Settings)))
