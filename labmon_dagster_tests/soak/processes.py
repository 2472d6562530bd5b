"""The processes of a soak: emulated devices, the collector, Dagster. All of them can be killed."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import msgspec

from labmon_dagster.running import commands, place
from labmon_dagster.running.child import Child
from labmon_dagster.running.simulated import SimulatedDevices
from labmon_dagster.running.tree import descendants, send
from labmon_dagster_tests.servers.mongo import Mongod
from labmon_dagster_tests.servers.process import HOST
from labmon_dagster_tests.soak.emulators import Settings

DATABASE, POLL = "soak", "1s"
REPLIES, REQUESTS = "replies.jsonl", "requests.jsonl"
_PATIENCE = 120.0
UNDER_WAY = ("STARTING", "STARTED")
_EMULATORS, _COLLECTOR, _CODE_SERVER, _DAEMON = "emulators", "collector", "code-server", "daemon"
_NOT_THERE = ("AMERIFLUX_UMBS_DIR", "CMS_MTD_ARCHIVE_URL", "LABMON_TIMESERIES_URL")


class NotReadyError(Exception):
    """A process did not come up, or did not end as it should."""


def mongo_url(server: Mongod) -> str:
    """The store of documents, as LABMON_DOCUMENTS_URL names it."""
    return f"mongodb://{HOST}:{server.port}/{DATABASE}?replicaSet=rs0"


class Lab:
    """A lab under ``home``, whose devices are emulated with faults."""

    def __init__(self, home: Path, documents: str, seed: int, rate: float) -> None:
        self.home = home
        self.devices = SimulatedDevices.choose({})
        self.environ = {
            **{name: value for name, value in os.environ.items() if name not in _NOT_THERE},
            **self.devices.environ,
            "RICOCHET_POLL": POLL,
            "LABMON_HOME": str(home),
            "LABMON_DOCUMENTS_URL": documents,
            "DAGSTER_HOME": str(home / "dagster"),
            "DAGSTER_DISABLE_TELEMETRY": "1",
        }
        self.replies, self.requests = home / REPLIES, home / REQUESTS
        self._seed, self._rate = seed, rate
        self._children: dict[str, Child] = {}
        self._starts = 0

    def start_devices(self) -> None:
        """Emulate the devices; gives back when they can be asked."""
        settings = Settings(
            [f"{at.emulated.name}={at.host}:{at.port}" for at in self.devices.places],
            self._rate,
            self._seed,
            str(self.replies),
            str(self.requests),
        )
        module = "labmon_dagster_tests.soak.emulators"
        command = (commands.check()[0], "-m", module, msgspec.json.encode(settings).decode())
        child = self._start(_EMULATORS, command)
        self._wait("the emulated devices", lambda: bool(child.tail(1)))

    def calm(self) -> None:
        """End the faults of the devices."""
        send(descendants(self._children[_EMULATORS].guard)[:1], signal.SIGUSR1)

    def start_collector(self) -> None:
        """Ask the devices from now on."""
        self._start(_COLLECTOR, commands.collector())

    def stop_collector(self) -> None:
        """End the collector as an operator does. Raises NotReadyError if it says that messages were lost."""
        child = self._children.pop(_COLLECTOR)
        child.stop()
        self._wait_for_end(child)
        if child.code:
            raise NotReadyError(f"the collector ended with {child.code}:\n" + "\n".join(child.tail(20)))

    def prepare_dagster(self) -> None:
        """Check the lab and make Dagster's storage, as `labmon up` does."""
        self.home.mkdir(parents=True, exist_ok=True)
        place.configure_dagster(self.home / "dagster")
        check = self._start("check", commands.check())
        self._wait_for_end(check)
        if check.code:
            raise NotReadyError("the lab is not in order:\n" + "\n".join(check.tail(50)))

    def start_dagster(self) -> None:
        """Start code server, then daemon."""
        workspace = self.home / "dagster" / "workspace.yaml"
        port = place.code_server_port(workspace)
        self._start(_CODE_SERVER, commands.code_server(port))
        self._wait("the code server", lambda: place.answers(port))
        place.write_workspace(workspace, port)
        self._start(_DAEMON, commands.daemon(workspace))

    def kill_collector(self) -> int:
        """SIGKILL, and start it again at once; gives the time of the kill (UTC ns)."""
        at = self._kill(_COLLECTOR)
        self.start_collector()
        return at

    def kill_dagster(self) -> int:
        """SIGKILL code server, daemon and the runs under way; start again. Gives the time (UTC ns)."""
        at = self._kill(_DAEMON, _CODE_SERVER)
        self.start_dagster()
        return at

    def runs(self) -> list[str]:
        """The states of the runs that are neither waiting nor over, as Dagster's own database has them."""
        file = self.home / "dagster" / "history" / "runs.db"
        with suppress(sqlite3.Error), closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as runs:
            return [state for (state,) in runs.execute("SELECT status FROM runs") if state in UNDER_WAY]
        return []

    def watch(self) -> None:
        """Raise NotReadyError if a process has ended by itself."""
        for name, child in self._children.items():
            if child.code is not None and name in {_EMULATORS, _COLLECTOR, _CODE_SERVER, _DAEMON}:
                tail = "\n".join(child.tail(20))
                raise NotReadyError(f"{child.name} has ended with {child.code}:\n{tail}")

    def stop(self) -> None:
        """End everything."""
        for child in self._children.values():
            child.stop()
        end = time.monotonic() + _PATIENCE
        while any(child.code is None for child in self._children.values()) and time.monotonic() < end:
            time.sleep(0.1)

    def _start(self, name: str, command: commands.Command) -> Child:
        self._starts += 1
        child = Child(name, command, self.home / "logs" / f"{self._starts:02d}-{name}.log", grace=5.0)
        child.start(self.environ)
        self._children[name] = child
        return child

    def _kill(self, *names: str) -> int:
        guards = [self._children[name].guard for name in names]
        at = time.time_ns()
        end = time.monotonic() + _PATIENCE
        while left := [pid for guard in guards for pid in descendants(guard)]:
            send(left, signal.SIGKILL)
            if time.monotonic() > end:
                raise NotReadyError(f"cannot be killed: {left}")
            time.sleep(0.01)
        for name in names:
            self._wait_for_end(self._children.pop(name))
        return at

    def _wait_for_end(self, child: Child) -> None:
        end = time.monotonic() + _PATIENCE
        while child.code is None:
            if time.monotonic() > end:
                raise NotReadyError(f"{child.name} did not end within {_PATIENCE:g} s")
            time.sleep(0.02)

    def _wait(self, what: str, until: Callable[[], bool]) -> None:
        end = time.monotonic() + _PATIENCE
        while not until():
            self.watch()
            if time.monotonic() > end:
                raise NotReadyError(f"{what}: not within {_PATIENCE:g} s; see {self.home / 'logs'}")
            time.sleep(0.05)
