"""Where no Dagster is: threads of a program that bring the station log to its servers by themselves.

Of all programs of a host one delivers to each server; the others take over when it ends or is killed.
"""

from __future__ import annotations

import logging
import os
import time
import weakref
from collections.abc import Sequence
from datetime import date

from labmon_dagster.journal import Journal
from labmon_dagster.journal.worker import look_after
from labmon_dagster.station_log import polars_runs, polars_works
from labmon_dagster.station_log.delivery import Destination, measured
from labmon_dagster.station_log.forked import left_alone
from labmon_dagster.station_log.route import OnError, Route, State

_MOMENT = 0.2  # s
_LOG = logging.getLogger(__name__)
_all: weakref.WeakSet[Courier] = weakref.WeakSet()


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
        self._routes: list[Route] = []
        self._closed = False
        look_after(self)
        _all.add(self)

    def start(self) -> None:
        """Begin, if it has not begun. A child whose parent is gone says that nobody delivers for it."""
        if left_alone():
            self._tell_alone()
        if not self._routes and polars_works():
            to, start, on_error, every, longest = self._making
            self._routes = [Route(self.journal, one, start, on_error, every, longest) for one in to]
            for route in self._routes:
                route.thread.start()

    def _tell_alone(self) -> None:
        destinations, _, on_error, *_ = self._making
        error = RuntimeError(
            "what this process writes stays in the log until another program of the log delivers it: it was "
            "forked from one that has delivered and has ended; a daemon makes its client after it has forked"
        )
        _LOG.error("station log: %s", error)
        if on_error:
            for one in destinations:
                on_error(one.name, error)

    def states(self) -> dict[str, State]:
        """How each server does."""
        return {route.to.name: route.state for route in self._routes}

    def wait(self, timeout: float, *, unless_away: bool = False) -> bool:
        """Wait until every server has all that is in the log now; gives whether they have.

        ``unless_away``: no longer than a moment for servers of which it is known that they take nothing.
        Raises RuntimeError in a forked child that leaves this to its parent.
        """
        if not polars_works():
            raise RuntimeError(
                "this process was forked from one that brings the log to the servers, and cannot do so "
                "itself: it only writes (a process started by `spawn` can do both)"
            )
        _, start, _, every, _ = self._making
        ends = measured(self.journal, start, [])
        begun = time.monotonic()
        while lacking := [route for route in self._routes if not route.has(ends)]:
            away = unless_away and all(route.state.error for route in lacking)
            if time.monotonic() >= begun + (min(_MOMENT, timeout) if away else timeout):
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
