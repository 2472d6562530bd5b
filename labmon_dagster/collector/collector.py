"""One process that asks every device of the lab, hears what they push, and looks at overwritten files."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from labmon_dagster.collector import health, systemd
from labmon_dagster.collector.kinds import check_clients
from labmon_dagster.collector.looker import Looker
from labmon_dagster.collector.names import Names
from labmon_dagster.collector.once import close_past_days
from labmon_dagster.collector.poller import Poller
from labmon_dagster.collector.scribe import DatabaseClock, Scribe, no_database
from labmon_dagster.collector.station import Station
from labmon_dagster.sources.wire.udp import UdpPort, open_ports

_LOG = logging.getLogger(__name__)
_TELL_SECONDS = 1.0
_WATCH_SECONDS = 0.1
_CLOSE_DAYS_SECONDS = 3600.0
_FLUSH_SECONDS = 30.0
_END_SECONDS = 3.0


@dataclass
class Collector:
    """The devices of the lab and where their journals are. ``folder`` takes its lock and health.

    Raises ValueError for two assets that would take each other's messages from a broker.
    """

    stations: Sequence[Station]
    journals: Path
    folder: Path
    looks: Sequence[tuple[str, Callable[[], list[str]]]] = ()
    database: DatabaseClock = no_database
    _pollers: list[Poller] = field(default_factory=list, init=False)
    _lookers: list[Looker] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        check_clients((station.asset, station.settings) for station in self.stations)

    async def run(self, stop: asyncio.Event) -> list[str]:
        """Collect until ``stop`` is set; give the assets whose last messages could not be written.

        Everything accepted is written before it returns, as far as the disk lets it.
        """
        Names().serve()
        confirmed = [station.asset for station in self.stations if station.kind.confirmed]
        assets = [station.asset for station in self.stations]
        scribe = Scribe(self.journals, assets, self.database, confirmed)
        self._pollers = [Poller(station, scribe) for station in self.stations]
        self._lookers = [Looker(asset, look) for asset, look in self.looks]
        started = time.time_ns()
        for looker in self._lookers:
            looker.start()
        tasks = [asyncio.create_task(one.run(), name=one.station.name) for one in self._pollers]
        tasks.append(asyncio.create_task(self._tell(scribe, started), name="health"))
        tasks.append(asyncio.create_task(self._watch(scribe), name="watch"))
        tasks.append(asyncio.create_task(self._close_days(), name="close days"))
        systemd.notify("READY=1")
        try:
            await self._until(stop, tasks)
        finally:
            systemd.notify("STOPPING=1")
            unwritten = await self._end(tasks, scribe)
            self._write_health(scribe, started, stopped=True)
        return unwritten

    async def _until(self, stop: asyncio.Event, tasks: Sequence[asyncio.Task[None]]) -> None:
        """Wait for the request to stop; a task that ends by itself has an error, which is raised."""
        stopping = asyncio.create_task(stop.wait())
        done, _ = await asyncio.wait([stopping, *tasks], return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        for task in done - {stopping}:
            task.result()

    async def _end(self, tasks: Sequence[asyncio.Task[None]], scribe: Scribe) -> list[str]:
        """Let polls under way end, then write what was accepted."""
        for poller in self._pollers:
            poller.stop()
        polling = tasks[: len(self._pollers)]
        if polling:
            await asyncio.wait(polling, timeout=_END_SECONDS)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=_END_SECONDS)
        await asyncio.gather(*(asyncio.to_thread(one.stop, _END_SECONDS) for one in self._lookers))
        return await asyncio.to_thread(scribe.close, _FLUSH_SECONDS)

    async def _tell(self, scribe: Scribe, started: int) -> None:
        """Write the health every second; without room for it the rest goes on."""
        while True:
            self._write_health(scribe, started)
            systemd.notify("WATCHDOG=1")
            await asyncio.sleep(_TELL_SECONDS)

    def _write_health(self, scribe: Scribe, started: int, *, stopped: bool = False) -> None:
        told = health.Health(
            os.getpid(),
            started,
            time.time_ns(),
            [one.health for one in self._pollers],
            [one.health for one in self._lookers],
            scribe.health(),
            [] if stopped else [_about(port) for port in open_ports()],
            stopped,
        )
        try:
            health.write(self.folder, told)
        except (OSError, ValueError) as error:
            _LOG.warning("the health cannot be written: %s", error)

    async def _watch(self, scribe: Scribe) -> None:
        """Leave datagrams in the kernel while no journal takes anything: what it drops it counts.

        Those taken since it began are kept back by the scribe, as are those of a single journal that
        refuses: devices of other journals answer to the same ports.
        """
        hindered: dict[str, str] = {}
        while True:
            scribe.bring_back()
            for port in open_ports():
                port.pause() if scribe.refuses_all else port.go_on()
            told = {one.source: one.refusing for one in scribe.health() if one.refusing}
            for source in sorted(told.keys() ^ hindered.keys()):
                _LOG.warning("journal %s: %s", source, told.get(source, "takes what comes"))
            hindered = told
            await asyncio.sleep(_WATCH_SECONDS)

    async def _close_days(self) -> None:
        """Compress the files of days that are over."""
        while True:
            assets = {station.asset for station in self.stations}
            for trouble in await asyncio.to_thread(close_past_days, self.journals, assets):
                _LOG.warning("%s", trouble)
            await asyncio.sleep(_CLOSE_DAYS_SECONDS)


def _about(port: UdpPort) -> health.PortHealth:
    return health.PortHealth(port.number, port.received, port.dropped())
