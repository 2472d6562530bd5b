"""What is heard goes to the journal: one group writer for each, and the count of what became of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future
from functools import partial
from pathlib import Path

from labmon_dagster.collector.health import DeviceHealth, JournalHealth
from labmon_dagster.collector.station import Station, meta_of
from labmon_dagster.journal import Entry, GroupWriter, Journal, Refusing
from labmon_dagster.model.devices import Heard

DatabaseClock = Callable[[str], int | None]
"""Gives how far the clock of an asset's database is ahead of ours (ns), if its YAML wants to know."""


def _no_database(asset: str) -> int | None:
    return None


class Scribe:
    """Writes what devices say into the journals of their assets under ``root``."""

    def __init__(self, root: Path, assets: Iterable[str], database: DatabaseClock = _no_database) -> None:
        self._writers = {asset: GroupWriter(Journal(root, asset)) for asset in sorted(set(assets))}
        self._database = database

    def refusing(self, asset: str) -> str | None:
        """Say why the journal of an asset takes nothing more now; None if it does."""
        return self._writers[asset].refusing

    @property
    def all_well(self) -> bool:
        """Whether every journal takes what comes."""
        return not any(writer.refusing for writer in self._writers.values())

    def keep(self, station: Station, heard: Heard, health: DeviceHealth) -> Future[Entry] | None:
        """Have something heard written; None if the journal does not take it, which is counted.

        The future is done when it is safely on disk.
        """
        meta = meta_of(station.settings, heard, self._database(station.asset))
        try:
            future = self._writers[station.asset].submit(heard.payload, meta, heard.received)
        except Refusing as refusal:
            health.refused += 1
            health.failed(str(refusal), heard.received, health.took)
            return None
        future.add_done_callback(partial(_written, health, heard.received))
        return future

    def health(self) -> list[JournalHealth]:
        """Say how each journal does."""
        return [
            JournalHealth(asset, one.flushed, one.waiting, one.refusing, one.warning)
            for asset, one in self._writers.items()
        ]

    def close(self, timeout: float) -> list[str]:
        """Write what is accepted, and stop; give the assets whose last messages could not be written."""
        return [asset for asset, writer in self._writers.items() if not writer.close(timeout)]


def _written(health: DeviceHealth, received: int, future: Future[Entry]) -> None:
    if error := future.exception():
        health.failed(f"not journalled: {error}", received, health.took)
    else:
        health.journalled += 1
