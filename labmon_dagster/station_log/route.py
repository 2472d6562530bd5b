"""The thread of a program that brings the station log to one server."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import date

from labmon_dagster.journal import Journal
from labmon_dagster.station_log.delivery import Deliverer, Destination, delivering, measured, open_deliverer
from labmon_dagster.stores import LedgerRow

_LOG = logging.getLogger(__name__)


@dataclass(slots=True)
class State:
    """How one server does: points ``delivered`` by this program, bytes that wait, what hinders, since when.

    ``since`` is in ns since 1970. ``waiting`` is None before the server has said what it has.
    """

    delivered: int = 0
    waiting: int | None = None
    error: str | None = None
    since: int | None = None


OnError = Callable[[str, Exception], None]
"""Takes the name of a server and what hinders it; called when trouble begins, and when it changes."""


class Route:
    """The thread that delivers to one server, or waits until nobody else does."""

    def __init__(
        self,
        journal: Journal,
        to: Destination,
        start: date,
        on_error: OnError | None,
        every: float,
        rest: float,
    ) -> None:
        self.journal, self.to, self.start = journal, to, start
        self.state = State()
        self.stop = threading.Event()
        self.wake = threading.Event()
        self._on_error, self._every, self._rest = on_error, every, rest
        self._reached: dict[str, int] = {}
        self._asked = False
        self._failures = 0
        self.thread = threading.Thread(target=self._run, name=f"station log to {to.name}", daemon=True)

    def has(self, ends: dict[str, int]) -> bool:
        """Whether the server is known to have each day up to an offset."""
        self._asked = True
        self.wake.set()
        return all(self._has(day, end) for day, end in ends.items())

    def _has(self, day: str, end: int) -> bool:
        reached = self._reached.get(day, 0)
        # More than there was: it has grown since, or somebody has begun it anew.
        return reached == end or (reached > end and self.journal.size(day) >= reached)

    def _run(self) -> None:
        while not self.stop.is_set():
            pause = self._every
            try:
                self._round()
                self._well()
            except Exception as error:  # a thread that ended would deliver nothing, and nobody would know
                pause = self._hindered(error)
            if not self.stop.is_set():
                self.wake.wait(pause)
                self.wake.clear()

    def _round(self) -> None:
        """Deliver what is new, as long as it is this program's turn."""
        with delivering(self.journal, self.to.asset) as mine:
            if not mine and not self._asked:
                return
            self._asked = False
            deliverer = open_deliverer(self.journal, self.to, self.start)
            with closing(deliverer.store):
                if not mine:
                    self._look(deliverer)
                while mine and not self.stop.is_set():
                    self._deliver(deliverer)
                    self._well()
                    self.wake.wait(self._every)
                    self.wake.clear()

    def _deliver(self, deliverer: Deliverer) -> None:
        trouble: list[str] = []
        if not self._news(trouble) and not trouble:
            return
        for day in self._look(deliverer):
            if self.stop.is_set():
                return
            row = deliverer.deliver(day)
            self.state.delivered += row.counts.stored
            self._refused(row)
            trouble += [row.trouble] if row.trouble else []
        self._look(deliverer)
        if trouble:  # a day that cannot be read keeps no other from being delivered
            raise OSError("; ".join(dict.fromkeys(trouble)))

    def _news(self, trouble: list[str]) -> bool:
        """Whether the log has something of which this program does not know that the server has it."""
        ends = measured(self.journal, self.start, trouble)
        return any(end != self._reached.get(day, 0) for day, end in ends.items())

    def _refused(self, row: LedgerRow) -> None:
        """Tell of points that were not stored; they are in quarantine, and are not tried again."""
        if many := row.counts.quarantined:
            where = f"they are in the quarantine of {self.to.asset}"
            why = f"{many} points received on {row.day} were not stored; {where}"
            _LOG.error("station log: %s: %s", self.to.name, why)
            self._tell(ValueError(why))

    def _tell(self, error: Exception) -> None:
        if self._on_error:
            self._on_error(self.to.name, error)

    def _look(self, deliverer: Deliverer) -> dict[date, int]:
        """Ask the server what it has read; give what waits."""
        ledger = deliverer.store.ledger(self.to.asset)
        standing = deliverer.standing(ledger)
        self._reached = {deliverer.source.stream_of(day): read for day, (read, _) in standing.items()}
        waiting = deliverer.waiting(ledger)
        self.state.waiting = sum(waiting.values())
        return waiting

    def _well(self) -> None:
        if self.state.error:
            _LOG.warning("station log: %s can be written again", self.to.name)
        self._failures, self.state.error, self.state.since = 0, None, None

    def _hindered(self, error: Exception) -> float:
        """Tell of trouble that is new; give how long to rest."""
        said = f"{type(error).__name__}: {error}"
        self._failures += 1
        if self.state.error != said:
            self.state.since = self.state.since or time.time_ns()
            self.state.error = said
            _LOG.error("station log: %s cannot be written: %s", self.to.name, said)
            self._tell(error)
        return float(min(self._every * 2 ** min(self._failures, 20), self._rest))
