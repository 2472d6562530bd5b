"""Where no Dagster is: threads of a program that bring the station log to its servers by themselves.

Of all programs of a host one delivers to each server; the others take over when it ends or is killed.
"""

from __future__ import annotations

import logging
import os
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date

from labmon_dagster.journal import Journal
from labmon_dagster.journal.worker import look_after
from labmon_dagster.station_log import polars_runs, polars_works
from labmon_dagster.station_log.delivery import Deliverer, Destination, delivering, open_deliverer

_LOG = logging.getLogger(__name__)
_all: weakref.WeakSet[Courier] = weakref.WeakSet()


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


class _Route:
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
        return all(self._reached.get(day, 0) >= end for day, end in ends.items())

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
        if not self._news():
            return
        for day in self._look(deliverer):
            if self.stop.is_set():
                return
            row = deliverer.deliver(day)
            self.state.delivered += row.counts.stored
            if row.trouble:
                raise OSError(row.trouble)
        self._look(deliverer)

    def _news(self) -> bool:
        """Whether the log has something of which this program does not know that the server has it."""
        return any(self.journal.size(day) > self._reached.get(day, 0) for day in self._days())

    def _days(self) -> list[str]:
        return [day for day in self.journal.days() if day >= self.start.isoformat()]

    def _look(self, deliverer: Deliverer) -> dict[date, int]:
        """Ask the server what it has read; give what waits."""
        ledger = deliverer.store.ledger(self.to.asset)
        waiting = deliverer.waiting(ledger)
        for day, row in ledger.items():
            stream = deliverer.source.stream_of(day)
            if stream in row.read_until:
                self._reached[stream] = row.read_until[stream].offset
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
            if self._on_error:
                self._on_error(self.to.name, error)
        return float(min(self._every * 2 ** min(self._failures, 20), self._rest))


class Courier:
    """Brings a station log to its servers, each in a thread of its own, until it is closed.

    ``every``: seconds from one look to the next. ``longest``: seconds that it rests at most while a server
    is away. A child that was forked leaves the delivery to its parent where that has used polars.
    """

    def __init__(
        self,
        journal: Journal,
        destinations: Sequence[Destination],
        start: date,
        on_error: OnError | None = None,
        every: float = 1.0,
        longest: float = 30.0,
    ) -> None:
        self.journal = journal
        self._making = (destinations, start, on_error, every, longest)
        self._routes: list[_Route] = []
        self._closed = False
        look_after(self)
        _all.add(self)

    def start(self) -> None:
        """Begin, if it has not begun."""
        if not self._routes and polars_works():
            to, start, on_error, every, longest = self._making
            self._routes = [_Route(self.journal, one, start, on_error, every, longest) for one in to]
            for route in self._routes:
                route.thread.start()

    def states(self) -> dict[str, State]:
        """How each server does."""
        return {route.to.name: route.state for route in self._routes}

    def wait(self, timeout: float) -> bool:
        """Wait until every server has all that is in the log now; gives whether they have.

        Raises RuntimeError in a forked child that leaves this to its parent.
        """
        if not polars_works():
            raise RuntimeError(
                "this process was forked from one that brings the log to the servers, and cannot do so "
                "itself: it only writes (a process started by `spawn` can do both)"
            )
        _, start, _, every, _ = self._making
        days = [day for day in self.journal.days() if day >= start.isoformat()]
        ends = {day: self.journal.size(day) for day in days}
        deadline = time.monotonic() + timeout
        while sum(route.has(ends) for route in self._routes) < len(self._routes):  # each of them is asked
            if time.monotonic() >= deadline:
                return False
            time.sleep(min(0.05, every))
        return bool(self._routes) or not ends

    def close(self, timeout: float = 10.0) -> bool:
        """Wait until every server has everything, ``timeout`` s at most, then stop; say whether they have.

        What they do not have stays in the log, and is delivered by the next program that writes into it.
        """
        self._closed = True
        done = polars_works() and self.wait(timeout)
        for route in self._routes:
            route.stop.set()
            route.wake.set()
        for route in self._routes:
            route.thread.join(1.0)
        self._routes = []
        return done

    def after_fork(self) -> None:
        """Be as new: the child has no threads."""
        self._routes = []

    def beside_fork(self) -> None:
        """Begin in a parent whose child cannot: what the child writes is delivered here."""
        if not self._closed and polars_runs():
            self.start()

    def at_exit(self) -> None:
        """Stop without waiting: the log has everything."""
        for route in self._routes:
            route.stop.set()
            route.wake.set()


def _beside_fork() -> None:
    for courier in list(_all):
        courier.beside_fork()


os.register_at_fork(after_in_parent=_beside_fork)
