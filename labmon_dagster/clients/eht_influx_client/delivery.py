"""The client's own delivery of its log, if it has one, and the points that tell of it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from datetime import date

from labmon_dagster.clients.eht_influx_client.config import Settings
from labmon_dagster.clients.eht_influx_client.metric import Metric
from labmon_dagster.clients.eht_influx_client.reporting import LOG, Errors
from labmon_dagster.station_log.courier import Courier
from labmon_dagster.station_log.delivery import Destination
from labmon_dagster.station_log.log import StationLog
from labmon_dagster.station_log.route import State

FIRST_DAY = date.min
"""All days of the log are delivered: a clock that is set back makes earlier ones than there were."""


class Delivery:
    """Brings a log to the servers of the configuration, or leaves that to Dagster (``deliver = dagster``).

    Raises ValueError that names the server and its key.
    """

    def __init__(self, settings: Settings, log: StationLog, errors: Errors) -> None:
        self._courier: Courier | None = None
        self._metric: Metric | None = None
        self._process = 0
        to = list(destinations(settings))
        if settings.deliver == "client":
            how = errors.of_a_server, settings.every, settings.longest_pause
            self._courier = Courier(log.journal, to, FIRST_DAY, *how)
        if settings.metric:
            self._metric = Metric(log, self.states, errors.count, settings.metric)

    def start(self) -> None:
        """Deliver from now on, if this process does not yet. A forked child leaves it to its parent."""
        if self._courier and self._process != os.getpid():
            self._process = os.getpid()
            self._courier.start()
            if self._metric:
                self._metric.start()

    def wait(self, timeout: float) -> bool:
        """Wait, for ``timeout`` s at most, until every server has all there is; gives whether it has.

        Raises RuntimeError in a forked child, which leaves the delivery to its parent.
        """
        self.start()
        return self._courier is not None and self._courier.wait(timeout)

    def states(self) -> Mapping[str, State]:
        """Say for each server what it has, what waits for it, and what is wrong; nothing of Dagster's."""
        return self._courier.states() if self._courier else {}

    def close(self, timeout: float) -> None:
        """Deliver what is there, for ``timeout`` s at most, and no longer to servers that are away; end."""
        if self._metric:
            self._metric.close()
        if self._courier is None:
            return
        if not self._courier.states():  # it never began, or the parent delivers
            self._courier.close(0.0)
            return
        self._courier.wait(timeout, unless_away=True)
        states = self._courier.states()
        if not self._courier.close(0.0):
            trouble = (f"{name}: {state.error}" for name, state in states.items() if state.error)
            LOG.warning(
                "what was not delivered stays in the log, for the next client (%s)",
                "; ".join(trouble) or f"{timeout:g} s were not enough",
            )


def destinations(settings: Settings) -> Iterator[Destination]:
    """Give the servers. Raises ValueError that names the server and its key."""
    for name, server in settings.servers.items():
        try:
            target = server.target(settings.patience)
        except ValueError as error:
            raise ValueError(f"server {name}: {error}") from error
        yield Destination(name, f"{settings.asset}_{name}", target, server.order == "newest")
