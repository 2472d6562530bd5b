"""A collector in a process of its own, for soaks: labmon's own, with stations made from kinds.

`python -m labmon_dagster_tests.soak.collector SETTINGS`, where the settings are JSON: see `Settings`.
It says a line when it begins, and ends with SIGTERM. Beside the journals and the health it leaves in
`home/measured.json` how long each poll took, and how long each message waited for the disk.
"""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import socket
import sys
import time
from array import array
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from labmon_dagster.collector import collector
from labmon_dagster.collector.health import DeviceHealth
from labmon_dagster.collector.kinds import kind_of
from labmon_dagster.collector.scribe import Scribe
from labmon_dagster.collector.station import Station
from labmon_dagster.journal import Entry
from labmon_dagster.model import SECOND
from labmon_dagster.model.devices import Address, Device, DeviceSettings, Heard, Kind, Unasked
from labmon_dagster.sources.wire import udp

MEASURED = "measured.json"
HANGS, LOOK_UP = ".hangs", 10.0


class Asked(msgspec.Struct):
    """A device that is asked every ``poll`` s; None: it is only listened to."""

    asset: str
    name: str
    type: str
    address: str
    poll: float | None = 1.0
    timeout: float = 1.0
    options: dict[str, Any] = {}


class Settings(msgspec.Struct):
    """Where it writes, whom it asks, and how much room in the kernel it asks for (bytes; 0: as ever).

    A look-up of a host whose name ends in `HANGS` gets no answer from the name server for `LOOK_UP` s.
    """

    home: str
    stations: list[Asked]
    buffer: int = 0


@dataclass
class Measured:
    """Polls: number of the station, time of its begin, ns it took. Waits: number of the station, ns."""

    polls: tuple[array[int], ...] = field(default_factory=lambda: (array("q"), array("q"), array("q")))
    waits: tuple[array[int], ...] = field(default_factory=lambda: (array("q"), array("q")))

    def polled(self, station: int, began: int) -> None:
        """Note a poll that has ended, however it did."""
        for column, value in zip(self.polls, (station, began, time.time_ns() - began), strict=True):
            column.append(value)

    def kept(self, station: int, received: int, done: Future[Entry]) -> None:
        """Note a message that is on disk."""
        if done.exception() is None:
            now = time.time_ns()
            for column, value in zip(self.waits, (station, now - received), strict=True):
                column.append(value)


@dataclass
class TimedDevice:
    """A device whose polls are timed."""

    inner: Device
    number: int
    measured: Measured

    async def open(self) -> None:
        """Be ready to hear it."""
        await self.inner.open()

    async def poll(self) -> Heard:
        """Ask it."""
        began = time.time_ns()
        try:
            return await self.inner.poll()
        finally:
            self.measured.polled(self.number, began)

    async def close(self) -> None:
        """Let it go."""
        await self.inner.close()


class TimedScribe(Scribe):
    """A scribe that times how long messages wait for the disk."""

    def __init__(self, numbers: dict[str, int], measured: Measured, *settings: Any) -> None:
        super().__init__(*settings)
        self._numbers = numbers
        self._measured = measured

    def keep(self, station: Station, heard: Heard, health: DeviceHealth) -> Future[Entry] | None:
        """Have something heard written."""
        future = super().keep(station, heard, health)
        if future is not None:
            number = self._numbers[station.settings.name]
            future.add_done_callback(partial(self._measured.kept, number, heard.received))
        return future


def _timed(kind: Kind, number: int, measured: Measured) -> Kind:
    def connect(settings: DeviceSettings, unasked: Unasked) -> Device:
        return TimedDevice(kind.connect(settings, unasked), number, measured)

    return replace(kind, connect=connect)


def stations(asked: list[Asked], measured: Measured) -> list[Station]:
    """Make the stations. Raises ValueError for what a YAML would be refused for."""
    made = []
    for number, one in enumerate(asked):
        address = Address.parse(one.address)
        settings = DeviceSettings(one.name, one.type, address, one.timeout, one.options)
        kind = kind_of(settings)
        kind.check(settings)
        poll = None if one.poll is None else int(one.poll * SECOND)
        made.append(Station(one.asset, settings, _timed(kind, number, measured), poll))
    return made


async def collect(settings: Settings, measured: Measured) -> list[str]:
    """Collect until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    home = Path(settings.home)
    made = collector.Collector(stations(settings.stations, measured), home / "journal", home / "collector")
    print("collecting", flush=True)  # noqa: T201 - whoever started it waits for it
    return await made.run(stop)


def _hang_names() -> None:
    """Have the system's look-up hang for some names, as it does where a name server is away."""
    look_up = socket.getaddrinfo

    def hanging(host: Any, *question: Any, **more: Any) -> Any:
        if isinstance(host, str) and host.endswith(HANGS):
            time.sleep(LOOK_UP)
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return look_up(host, *question, **more)

    socket.getaddrinfo = hanging


def main() -> int:
    """Collect; 1 if not all could be written."""
    settings = msgspec.json.decode(sys.argv[1], type=Settings)
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.WARNING)
    measured = Measured()
    numbers = {one.name: number for number, one in enumerate(settings.stations)}
    collector.Scribe = partial(TimedScribe, numbers, measured)  # type: ignore[assignment,attr-defined]
    _hang_names()
    if settings.buffer:
        udp._BUFFER = settings.buffer
    try:
        unwritten = asyncio.run(collect(settings, measured))
    finally:
        told = {
            "polls": [list(column) for column in measured.polls],
            "waits": [list(column) for column in measured.waits],
        }
        with suppress(OSError):
            (Path(settings.home) / MEASURED).write_text(json.dumps(told))
    return 1 if unwritten else 0


if __name__ == "__main__":
    sys.exit(main())
