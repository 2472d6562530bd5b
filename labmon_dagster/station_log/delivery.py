"""From a station log to one store, day by day: what is new behind where the store's ledger says it was."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

from labmon_dagster.collector.occupied import occupied
from labmon_dagster.journal import FileError, Journal
from labmon_dagster.landing import Delivery, Landing, ask
from labmon_dagster.landing.close import NOT_KEPT
from labmon_dagster.model import Batch, Readings
from labmon_dagster.station_log.source import VERSION, LogJournal, LogReadings
from labmon_dagster.stores import InfluxStore, LedgerRow, ReadingStore
from labmon_dagster.stores.influxdb import Target

PORTION = 64 * 1024 * 1024  # bytes of a log; so much is done again if a delivery is broken off
_LOCKS = ".couriers"


def lock_folder(journal: Journal) -> Path:
    """The folder of the locks that programs hold while they bring a log to its stores."""
    return journal.folder / _LOCKS


@contextmanager
def delivering(journal: Journal, asset: str) -> Iterator[bool]:
    """Be the one that brings a log to the store of an asset, if nobody is, and say whether one is it."""
    with occupied(lock_folder(journal), asset) as mine:
        yield mine


def measured(journal: Journal, start: date, trouble: list[str]) -> dict[str, int]:
    """Give the days of a log from ``start`` on → bytes. One that cannot be read is told in ``trouble``."""
    found: dict[str, int] = {}
    for day in journal.days():
        try:
            found |= {day: journal.size(day)} if day >= start.isoformat() else {}
        except FileError as error:
            trouble.append(str(error))
    return found


@dataclass(frozen=True, slots=True)
class Destination:
    """An InfluxDB that is to get a station log: ``asset`` is the name of its ledger there."""

    name: str
    asset: str
    target: Target
    newest_first: bool = False


@dataclass(frozen=True)
class Deliverer:
    """Brings the days of a log, from ``start`` on, to a store. To be used by one thread."""

    journal: Journal
    asset: str
    store: ReadingStore
    start: date
    newest_first: bool = False
    clock: Callable[[], int] = time.time_ns
    source: LogReadings = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "source", LogReadings(LogJournal(self.journal, self.start)))

    def waiting(self, ledger: Mapping[date, LedgerRow]) -> dict[date, int]:
        """Days that hold something the store has not read, in the order they are to be read → bytes."""
        found = {day: end - read for day, (read, end) in self.standing(ledger).items()}
        return {day: found[day] for day in sorted(found, reverse=self.newest_first) if found[day] > 0}

    def standing(self, ledger: Mapping[date, LedgerRow]) -> dict[date, tuple[int, int]]:
        """Days of the log that can be read → bytes of which nothing waits any more, and bytes there are."""
        ends = measured(self.journal, self.start, [])
        sizes = {date.fromisoformat(day): end for day, end in ends.items()}
        return {day: (self._read(day, ledger.get(day), end), end) for day, end in sizes.items()}

    def _read(self, day: date, row: LedgerRow | None, end: int) -> int:
        """Say how far a day of ``end`` bytes was read; not at all, if it was another file that had more.

        Nothing waits of a day that the store does not keep.
        """
        if row and row.verdict == NOT_KEPT:
            return end
        stream = self.source.stream_of(day)
        read = row.read_until[stream].offset if row and stream in row.read_until else 0
        return read if read <= end else 0

    def deliver(self, day: date) -> LedgerRow:
        """Bring what is new of a day, at most `PORTION` bytes or hardly more; give its row of the ledger.

        Raises StoreError, LedgerError, OSError.
        """
        now = self.clock()
        ledger = self.store.ledger(self.asset)
        end = self.journal.size(self.source.stream_of(day))
        read = self._read(day, ledger.get(day), end)
        request = ask(self.source, ledger, (day,), now, whole=not read)
        more = end - read > PORTION
        delivery = Delivery(
            self.asset,
            "",
            (day,),
            whole=not request.since and not more,
            run=f"client {socket.gethostname()} {os.getpid()}",
            version=VERSION,
            stream_of=self.source.stream_of,
            gone=frozenset({day} if self.source.journal.pruned(day) else ()),
            by_receipt=True,
        )
        kept_since = self.store.kept_since(now)
        too_old = kept_since is not None and request.window.end <= kept_since
        given = Readings(iter(())) if too_old else self.source.read(request)
        if more:
            given = replace(given, batches=_some(given.batches))
        return Landing(self.store, delivery, now).land(given)[day]


def _some(batches: Iterator[Batch]) -> Iterator[Batch]:
    """Give the batches of about `PORTION` bytes of a day: all those of the last entries, or none of them."""
    first = reached = None
    for batch in batches:
        if first is None:
            first = batch.mark.offset
        if batch.mark.offset != reached and batch.mark.offset - first > PORTION:
            return
        reached = batch.mark.offset
        yield batch


def open_deliverer(journal: Journal, to: Destination, start: date) -> Deliverer:
    """Make the deliverer of a destination. Nothing is opened yet."""
    return Deliverer(journal, to.asset, InfluxStore(to.target), start, to.newest_first)
