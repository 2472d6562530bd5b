"""The processes of the soak: detectors that publish, the collector that hears them, runs that store."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from labmon_dagster.running import commands
from labmon_dagster.running.child import Child
from labmon_dagster_tests.servers.mongo import Mongod
from labmon_dagster_tests.servers.mosquitto import Mosquitto
from labmon_dagster_tests.soak.cosmic.lander import ASSET
from labmon_dagster_tests.soak.processes import Lab, NotReadyError, mongo_url

_DETECTORS, _COLLECTOR, _LANDER = "detectors", "collector", "lander"
_RESTART_EVERY = 500  # events of a detector, until it counts from 1 again
_DUPLICATES = _REORDER = 0.01


class CosmicLab(Lab):
    """A lab under ``home`` that listens to a broker."""

    def __init__(self, home: Path, mongod: Mongod, broker: Mosquitto) -> None:
        super().__init__(home, mongo_url(mongod), 0, 0.0)
        self.environ |= {"COSMIC_MQTT": broker.url, "COSMIC_DUMPS": "lab/cosmic"}
        self.log, self.notes, self.enough = home / "published.jsonl", home / "runs.jsonl", home / "enough"
        self.broker = broker
        home.mkdir(parents=True, exist_ok=True)

    def start_collector(self) -> None:
        """Listen to the broker from now on."""
        self._start(_COLLECTOR, (*commands.collector(), ASSET))

    def await_collector(self) -> None:
        """Start it, and wait until the broker was asked for the events: from then on it keeps them for it."""
        self.start_collector()
        self._wait("a subscription", lambda: "cosmic/+/events" in self.broker.log.read_text())

    def kill_collector(self, pause: float = 0.0) -> int:
        """SIGKILL, and start it again after a pause (s); gives the time of the kill (UTC ns)."""
        at = self._kill(_COLLECTOR)
        time.sleep(pause)
        self.start_collector()
        return at

    def publish(self, rate: float, count: int, seed: int) -> Child:
        """Start the detectors; they end when all they publish is acknowledged."""
        words = {"broker": self.broker.url, "rate": rate, "count": count, "seed": seed, "log": self.log}
        words |= {"duplicates": _DUPLICATES, "reorder": _REORDER, "restart-every": _RESTART_EVERY}
        given = (f"--{name}={value}" for name, value in words.items())
        return self._start(_DETECTORS, commands.emulator("cosmic", *given))

    def land(self, every: float) -> Child:
        """Have the asset materialized every so many seconds, until `enough` is there."""
        module = "labmon_dagster_tests.soak.cosmic.lander"
        child = self._start(
            _LANDER, (sys.executable, "-m", module, str(every), str(self.notes), str(self.enough))
        )
        self._wait("the runs", lambda: "landing" in child.tail(5))
        return child

    def end_of(self, child: Child, within: float) -> None:
        """Wait until a process has ended. Raises NotReadyError if it did not, or with an error."""
        end = time.monotonic() + within
        while child.code is None and time.monotonic() < end:
            self.watch()
            time.sleep(0.1)
        if child.code != 0:
            tail = "\n".join(child.tail(20))
            raise NotReadyError(f"{child.name}: exit code {child.code} after {within:g} s at most\n{tail}")

    def said(self, child: Child) -> dict[str, Any]:
        """Give what the detectors say at their end."""
        return dict(json.loads(child.tail(1)[0]))

    def runs_noted(self) -> list[dict[str, Any]]:
        """Give what is noted of the runs."""
        return [json.loads(line) for line in self.notes.read_text().splitlines()]
