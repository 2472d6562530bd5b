"""A collector of a broker's messages, in this process or in one that may be killed."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from labmon_dagster.collector import health
from labmon_dagster.collector.collector import Collector
from labmon_dagster.collector.health import DeviceHealth
from labmon_dagster.collector.station import Station
from labmon_dagster.journal import Entry, Journal
from labmon_dagster.model.devices import Address, DeviceSettings
from labmon_dagster.sources.mqtt.kinds import KINDS
from labmon_dagster_tests.sources.mqtt.listening import until

ASSET, TOPIC = "cosmic/events", "{client}/{{detector}}/events"


def station(address: str, client: str) -> Station:
    """A broker to which a client listens; topics begin with its name."""
    options = {"client_id": client, "topics": [TOPIC.format(client=client)]}
    return Station(
        ASSET, DeviceSettings("broker", "MQTT", Address.parse(address), 5.0, options), KINDS[0], None
    )


@dataclass
class Place:
    """Where a collector keeps what it hears, and what is found there."""

    folder: Path
    address: str
    client: str
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def collector(self) -> Collector:
        """Make a collector that runs in this process."""
        return Collector([station(self.address, self.client)], self.folder / "journal", self.folder)

    def start(self) -> None:
        """Have a process of its own collect."""
        command = [sys.executable, "-m", __name__, self.address, self.client, str(self.folder)]
        self._process = subprocess.Popen(command, start_new_session=True)

    def kill(self) -> None:
        """SIGKILL."""
        assert self._process
        self._process.kill()
        self._process.wait()

    def stop(self) -> int:
        """SIGTERM; give its exit code."""
        assert self._process
        self._process.terminate()
        return self._process.wait(30)

    def limit_files(self, most: int) -> None:
        """Have it write no file beyond ``most`` bytes: the disk is full, or has room again."""
        assert self._process
        _, hard = resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE, (most, hard))

    def entries(self) -> list[Entry]:
        """What is in the journal."""
        journal = Journal(self.folder / "journal", ASSET)
        return [entry for day in journal.days() for entry in journal.read(day) if isinstance(entry, Entry)]

    def payloads(self) -> Counter[bytes]:
        """How often each payload is there."""
        return Counter(entry.payload for entry in self.entries())

    def health(self) -> DeviceHealth | None:
        """How the broker does, as the collector says."""
        told = health.read(self.folder)
        return told.devices[0] if told and told.devices else None

    async def connected(self, times: int = 1) -> None:
        """Wait until it has connected so often, and is so now."""

        def is_so() -> bool:
            told = self.health()
            return told is not None and told.connections >= times and not told.errors_in_row

        await until(is_so)

    async def troubled(self, why: str) -> DeviceHealth:
        """Wait until the health tells of a trouble now."""

        def is_so() -> bool:
            told = self.health()
            return told is not None and told.errors_in_row > 0 and why in told.last_error

        await until(is_so)
        told = self.health()
        assert told
        return told


async def _collect(place: Place) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    parent = os.getppid()

    async def orphaned() -> None:
        while os.getppid() == parent:
            await asyncio.sleep(1)
        stop.set()

    watch = asyncio.create_task(orphaned())
    unwritten = await place.collector().run(stop)
    watch.cancel()
    with suppress(asyncio.CancelledError):
        await watch
    sys.exit(1 if unwritten else 0)


if __name__ == "__main__":
    asyncio.run(_collect(Place(Path(sys.argv[3]), sys.argv[1], sys.argv[2])))
