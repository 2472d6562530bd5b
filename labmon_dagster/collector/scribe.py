"""What is heard goes to the journal: one group writer for each, and the count of what became of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

from labmon_dagster.collector.health import DeviceHealth, JournalHealth
from labmon_dagster.collector.station import Station, meta_of
from labmon_dagster.collector.unkept import Unkept
from labmon_dagster.journal import Entry, GroupWriter, Journal, Refusing
from labmon_dagster.model.devices import Heard

_LARGEST_BACK = 16 * 2**20  # bytes
_USUAL, _PROMPT = 0.1, 0.0  # s until a group is on disk; 0: as fast as the disk is

DatabaseClock = Callable[[str], int | None]
"""Gives how far the clock of an asset's database is ahead of ours (ns), if its YAML wants to know."""


def no_database(asset: str) -> int | None:
    """Note no clock."""
    return None


class Scribe:
    """Writes what devices say into the journals of their assets under ``root``.

    What was heard just when a journal began to refuse is kept back in memory: it cannot be asked for again.
    Of ``confirmed`` assets nothing is: their senders say it again, and wait for each group that is written,
    so that these groups are written without a pause.
    """

    def __init__(
        self,
        root: Path,
        assets: Iterable[str],
        database: DatabaseClock = no_database,
        confirmed: Iterable[str] = (),
    ) -> None:
        prompt = set(confirmed)
        self._writers = {
            asset: GroupWriter(Journal(root, asset), flush_seconds=_PROMPT if asset in prompt else _USUAL)
            for asset in sorted(set(assets))
        }
        self._database = database
        self._back: list[tuple[Station, Heard, DeviceHealth]] = []
        self._back_bytes = 0

    def refusing(self, asset: str) -> str | None:
        """Say why the journal of an asset takes nothing more now; None if it does."""
        return self._writers[asset].refusing

    @property
    def refuses_all(self) -> bool:
        """Whether no journal takes anything, as when the disk is full."""
        return bool(self._writers) and all(writer.refusing for writer in self._writers.values())

    def keep(self, station: Station, heard: Heard, health: DeviceHealth) -> Future[Entry] | None:
        """Have something heard written; None if the journal does not take it now.

        The future is done when it is safely on disk. Of a confirmed message that no line of a journal can
        hold, the beginning is written, and the whole into a file of its own.
        """
        meta = meta_of(station.settings, heard, self._database(station.asset))
        try:
            future = self._writers[station.asset].submit(heard.payload, meta, heard.received)
        except Refusing as refusal:
            health.failed(str(refusal), heard.received, health.took)
            if not station.kind.confirmed:
                self._keep_back(station, heard, health)
            return None
        if station.kind.confirmed:
            future = Unkept(self._writers[station.asset], heard, meta).instead(future)
        future.add_done_callback(partial(_written, health, heard.received))
        return future

    def bring_back(self) -> None:
        """Have written what was kept back, as far as its journal takes it again."""
        back, self._back, self._back_bytes = self._back, [], 0
        for station, heard, health in back:
            if self.refusing(station.asset):
                self._keep_back(station, heard, health)
            else:
                self.keep(station, heard, health)

    def health(self) -> list[JournalHealth]:
        """Say how each journal does."""
        return [
            JournalHealth(asset, one.flushed, one.waiting, one.refusing, one.warning)
            for asset, one in self._writers.items()
        ]

    def close(self, timeout: float) -> list[str]:
        """Write what is accepted, and stop; give the assets whose last messages could not be written.

        ``timeout``: s for all of them together; of journals that refuse, a second.
        """
        self.bring_back()
        left = {station.asset for station, _, _ in self._back}
        for _, _, health in self._back:
            health.refused += 1
        if not self._writers:
            return []
        with ThreadPoolExecutor(len(self._writers)) as threads:
            closed = threads.map(
                lambda writer: writer.close(1.0 if writer.refusing else timeout), self._writers.values()
            )
            written = dict(zip(self._writers, closed, strict=True))
        return [asset for asset in self._writers if asset in left or not written[asset]]

    def _keep_back(self, station: Station, heard: Heard, health: DeviceHealth) -> None:
        """Keep it for `bring_back`; where too much is kept already it is refused, which is counted."""
        if self._back_bytes > _LARGEST_BACK:
            health.refused += 1
        else:
            self._back.append((station, heard, health))
            self._back_bytes += len(heard.payload)


def _written(health: DeviceHealth, received: int, future: Future[Entry]) -> None:
    if error := future.exception():
        health.failed(f"not journalled: {error}", received, health.took)
    else:
        health.journalled += 1
