"""The clocks of databases, as they differ from ours: noted beside what is heard where the YAML wants it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing

from labmon_dagster.collector.station import Station
from labmon_dagster.settings import open_documents

_LOG = logging.getLogger(__name__)
_EVERY = 60.0

ReadClock = Callable[[], int | None]
"""Asks a database for its time (UTC ns); None for one that has no clock of its own."""


class DatabaseClocks:
    """Gives for an asset how far its database's clock is ahead of ours (ns), as it was a minute ago or less.

    None until it is known, and while the database is away: then our own clock counts.
    """

    @classmethod
    def of(cls, stations: Iterable[Station]) -> DatabaseClocks:
        """Give the clocks that the stations' assets want to be noted."""
        wanted = {station.asset: station.clock for station in stations if station.clock}
        return cls({asset: _clock_of(store) for asset, store in wanted.items()})

    def __init__(self, clocks: Mapping[str, ReadClock]) -> None:
        self._clocks = clocks
        self._offsets: dict[str, int | None] = {}
        self._stop = threading.Event()

    def __call__(self, asset: str) -> int | None:
        """Give the offset for an asset."""
        return self._offsets.get(asset)

    def start(self) -> None:
        """Ask every minute, in a thread for each database: one that hangs holds up nothing."""
        for asset, read in self._clocks.items():
            name = f"database clock {asset}"
            threading.Thread(target=self._watch, args=(asset, read), name=name, daemon=True).start()

    def stop(self) -> None:
        """Ask no more."""
        self._stop.set()

    def ask_all(self) -> None:
        """Ask each once, now."""
        for asset in self._clocks:
            self._ask(asset)

    def _ask(self, asset: str) -> None:
        try:
            self._offsets[asset] = offset_of(self._clocks[asset])
        except Exception as error:  # a database that is away must not keep a device from being asked
            self._offsets[asset] = None
            _LOG.warning("%s: the database does not tell the time: %s", asset, error)

    def _watch(self, asset: str, read: ReadClock) -> None:
        while not self._stop.is_set():
            self._ask(asset)
            self._stop.wait(_EVERY)


def _clock_of(store: str) -> ReadClock:
    def read() -> int | None:
        with closing(open_documents(store)) as opened:
            return opened.clock()

    return read


def offset_of(read: ReadClock) -> int | None:
    """Give how far a clock is ahead of ours (ns): against the middle of the time it took to ask."""
    before = time.time_ns()
    theirs = read()
    return None if theirs is None else theirs - (before + time.time_ns()) // 2
