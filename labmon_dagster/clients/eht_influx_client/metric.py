"""The client's own measurement: what waits for each server, what was delivered, how often it failed."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Mapping

from labmon_dagster.clients.eht_influx_client.body import Body
from labmon_dagster.clients.eht_influx_client.reporting import LOG
from labmon_dagster.clients.eht_influx_client.values import fields_text, series_text
from labmon_dagster.station_log.log import StationLog
from labmon_dagster.station_log.route import State

MEASUREMENT = "eht_influx_client"


class Metric:
    """A thread that writes ``eht_influx_client`` into the log every ``interval`` s, a point for each server.

    Tags: host, server. Fields, all whole numbers: waiting (bytes), delivered (points, by this process),
    errors (of this process), away (1 while the server cannot be written, else 0), process (its id). A process
    that has not heard of a server, since another one delivers, writes nothing.
    """

    def __init__(
        self,
        log: StationLog,
        states: Callable[[], Mapping[str, State]],
        errors: Mapping[str, int],
        interval: float,
    ) -> None:
        self._log, self._states, self._errors, self._interval = log, states, errors, interval
        self._stop = threading.Event()

    def start(self) -> None:
        """Begin, in this process."""
        self._stop = threading.Event()
        threading.Thread(target=self._run, args=(self._stop,), name=MEASUREMENT, daemon=True).start()

    def close(self) -> None:
        """End."""
        self._stop.set()

    def _run(self, stop: threading.Event) -> None:
        while not stop.wait(self._interval):
            try:
                if lines := self.lines():
                    self._log.write(lines)
            except OSError:
                LOG.exception("the client's own measurement could not be written")

    def lines(self) -> bytes:
        """Give the points of now."""
        body = Body(time.time_ns())
        for server, state in self._states().items():
            if state.waiting is None and state.error is None:
                continue
            tags = {"host": socket.gethostname(), "server": server}
            fields = {
                "waiting": state.waiting,
                "delivered": state.delivered,
                "errors": self._errors.get(server, 0),
                "away": int(state.error is not None),
                "process": os.getpid(),
            }
            body.add(series_text(MEASUREMENT, tags), fields_text(fields.items(), tags, {}), None)
        return body.data()
