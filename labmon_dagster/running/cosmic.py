"""Simulated COSMIC detectors: they publish to an MQTT broker, or write dump files.

An event is noted in a log only when the broker has acknowledged it. What it has not, is published again after
every reconnect, as long as it takes; until then no more than `_WINDOW` further ones are.
"""

from __future__ import annotations

import json
import logging
import math
import queue
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import IO, Any

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from labmon_dagster.model.devices import Address
from labmon_dagster.sources.cosmic.emulator import Damage, Detectors, Made

_LOG = logging.getLogger(__name__)
_PORT = 1883
_WINDOW, _IN_FLIGHT = 2000, 200
_KEEP_ALIVE, _RETRY = 20, (1, 2)  # s
_LOOK = 0.05  # s
PATIENCE, HURRY = 60.0, 3.0  # s that the last acknowledgements may take
_SLOT = 0.02  # s of events that are published together


def topic(detector: int) -> str:
    """Give where a detector publishes its events."""
    return f"cosmic/{detector}/events"


@dataclass
class Publisher:
    """Publishes events with QoS 1. ``broker`` is mqtt://HOST:PORT; ``log`` gets a JSON line for each PUBACK.

    A line has detector, run, number, serial, content (a hash), and acknowledged (UTC ns).
    """

    broker: str
    log: IO[str] | None = None
    client_id: str = ""
    done: Counter[str] = field(default_factory=Counter, init=False)
    connected: threading.Event = field(default_factory=threading.Event, init=False)
    _pending: dict[int, Made] = field(default_factory=dict, init=False, repr=False)
    _acknowledged: queue.SimpleQueue[int] = field(default_factory=queue.SimpleQueue, init=False, repr=False)
    _client: Client = field(init=False, repr=False)

    def __post_init__(self) -> None:
        address = Address.parse(self.broker)
        if address.scheme != "mqtt" or address.path:
            raise ValueError(f"{address} is no broker to publish to; write mqtt://HOST or mqtt://HOST:PORT")
        self._client = Client(CallbackAPIVersion.VERSION2, self.client_id)
        self._client.max_inflight_messages_set(_IN_FLIGHT)
        self._client.reconnect_delay_set(*_RETRY)
        self._client.on_connect = self._on_connect
        self._client.on_connect_fail = self._on_connect_fail
        self._client.on_disconnect = lambda *_: self.connected.clear()
        # Its thread only passes the number on: it holds a lock that publish() wants.
        self._client.on_publish = lambda client, data, mid, *_: self._acknowledged.put(mid)
        self._client.connect_async(address.host, address.port or _PORT, _KEEP_ALIVE)

    def start(self) -> None:
        """Connect in the background, and again whenever the connection is lost."""
        self._client.loop_start()

    def publish(self, events: Iterable[Made], stop: threading.Event) -> None:
        """Publish them, at the speed the broker takes them, until ``stop`` is set."""
        for one in events:
            while len(self._pending) >= _WINDOW and not stop.is_set():
                self._note(_LOOK)
            if stop.is_set():
                return
            self._pending[self._client.publish(topic(one.detector), one.text, qos=1).mid] = one
            self.done["published"] += 1
            self._note()

    def finish(self, patience: float = PATIENCE) -> Counter[str]:
        """Wait until all is acknowledged, disconnect, and say how many were published and acknowledged."""
        end = time.monotonic() + patience
        while self._pending and time.monotonic() < end:
            self._note(_LOOK)
        self._client.disconnect()
        self._client.loop_stop()
        self._note()
        return self.done

    def _on_connect(self, client: Client, data: Any, flags: Any, reason: Any, properties: Any) -> None:
        if reason.is_failure:
            _LOG.warning("%s refuses the detectors: %s", self.broker, reason)
            return
        self.done["connects"] += 1
        self.connected.set()

    def _on_connect_fail(self, client: Client, data: Any) -> None:
        self.done["failed connects"] += 1
        if self.done["failed connects"] == 1:
            _LOG.warning("%s cannot be reached; it is tried again", self.broker)

    def _note(self, wait: float = 0.0) -> None:
        """Note what has been acknowledged; wait up to ``wait`` s for the first of it."""
        try:
            mid = self._acknowledged.get(timeout=wait) if wait else self._acknowledged.get_nowait()
            while True:
                self._noted(self._pending.pop(mid))
                mid = self._acknowledged.get_nowait()
        except queue.Empty:
            return

    def _noted(self, one: Made) -> None:
        self.done["acknowledged"] += 1
        if self.log:
            told = {
                "detector": one.detector,
                "run": one.run,
                "number": one.number,
                "serial": one.serial,
                "content": one.content,
                "acknowledged": time.time_ns(),
            }
            self.log.write(json.dumps(told) + "\n")


def paced(detectors: Detectors, first: int, count: int | None, stop: threading.Event) -> Iterator[Made]:
    """Give events when they are due, until ``stop`` is set or so many were given."""
    serial, end = first, math.inf if count is None else first + count
    while serial < end and not stop.wait(max(_SLOT, detectors.moment(serial) - time.time())):
        until = min(end, detectors.due(time.time()))
        while serial < until:
            yield detectors.event(serial)
            serial += 1


def write_dumps(folder: Path, detectors: Detectors, serials: range, damage: Damage) -> dict[Path, int]:
    """Write a dump file for each detector and run, and give how many events each has.

    Raises FileExistsError where there is such a file already.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written: Counter[Path] = Counter()
    for detector in range(detectors.count):
        own = (detectors.event(one) for one in serials if one % detectors.count == detector)
        for run, events in groupby(own, lambda one: one.run):
            path = folder / f"cosmic_{detector}_{run}.dat"
            with path.open("xb") as file:
                for part in damage.dump(events):
                    file.write(part)
                    written[path] += 1
    return dict(written)
