"""`labmon up`: the whole lab on one machine, from the first process to the last."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path

from labmon_dagster import settings
from labmon_dagster.model.window import instant_text
from labmon_dagster.running import commands, place
from labmon_dagster.running.answering import Answering
from labmon_dagster.running.child import Child
from labmon_dagster.running.detectors import SimulatedDetectors
from labmon_dagster.running.display import Display
from labmon_dagster.running.figures import Books, Figures, Reporter
from labmon_dagster.running.instruments import SIMULATED
from labmon_dagster.running.simulated import INSTRUMENTS, Simulated, SimulatedDevices
from labmon_dagster.running.supervisor import (
    ChildFailedError,
    Interrupted,
    StopSignals,
    Supervisor,
    TookTooLongError,
)
from labmon_dagster.running.ui import Ui

_START_SECONDS = 180.0
_REFUSED_SECONDS = 20.0  # how long the code location may have an error before it is believed
_CHECK, _DAEMON, _COLLECTOR = "check", "daemon", "collector"
_TAIL_LINES, _CHECK_LINES = 15, 500
_LOOK_SECONDS, _RUNS_SECONDS = 2.0, 10.0


class Lab:
    """The processes of one lab and the order they are started in."""

    def __init__(self, home: Path, port: int, display: Display, lock: int, signals: StopSignals) -> None:
        self.display = display
        self.folder = home / "dagster"
        self.workspace = self.folder / "workspace.yaml"
        self.devices = SimulatedDevices.choose(os.environ)
        self.detectors = SimulatedDetectors.choose(os.environ)
        simulated = {**self.devices.environ, **self.detectors.environ}
        environ = {**_environ(home, self.folder), **simulated}
        self.supervisor = Supervisor(home / "logs", environ, [lock], lambda: signals.count)
        self.wanted_port = port
        self.port = place.free_port(port)
        self.ui = Ui(self.port)
        self.began = time.time()
        place.announce(lock, self.ui.url)

    def start(self) -> None:
        """Start everything; gives back when the UI shows the lab.

        Raises Interrupted, ChildFailedError, TookTooLongError.
        """
        self._prepare()
        self._start_instruments()
        self.display.doing("checking the lab")
        check = self.supervisor.start(_CHECK, commands.check(), passing=True)
        if not place.has_storage(self.folder, self.workspace):
            self._await_check(check)  # it makes the storage, and nobody else may try at the same time
        self._start_dagster(check)
        self._await_ui()

    def _start_dagster(self, check: Child) -> None:
        server = place.code_server_port(self.workspace)
        self.supervisor.start("code-server", commands.code_server(server))
        self._await_check(check)
        for warning in (line for line in check.tail(100) if ": warning: " in line):
            self.display.note(warning)
        self.display.step("the lab's YAML is in order")
        place.write_workspace(self.workspace, server)
        self.supervisor.start("webserver", commands.webserver(self.port, self.workspace))
        self.display.doing("starting Dagster")
        self.supervisor.wait_for("the code server", lambda: place.answers(server), _START_SECONDS)
        self.display.step("code server has loaded the lab")
        self.supervisor.start(_DAEMON, commands.daemon(self.workspace))
        self.supervisor.start(_COLLECTOR, commands.collector())

    def _prepare(self) -> None:
        if self.port != self.wanted_port:
            self.display.note(f"port {self.wanted_port} is taken; the UI will be on {self.port}")
        if not place.configure_dagster(self.folder):
            self.display.note(f"there is no dagster.yaml beside the package: {self.folder} stays as it is")

    def _start_instruments(self) -> None:
        """Start the simulated instruments; gives back when they have caught up with the time."""
        for one in INSTRUMENTS:
            if name := one.named(os.environ):  # its value is not shown: a URL may hold a password
                self.display.note(f"{name} is set: {_told_of(one, name)}")
        simulated = [one for one in INSTRUMENTS if not one.named(os.environ)]
        for one, child in [(one, self.supervisor.start(one.process, one.command)) for one in simulated]:
            self._await_instrument(one, child)
        self._start_devices()
        self._start_detectors()

    def _start_devices(self) -> None:
        """Start the emulated devices; gives back when they can be asked."""
        real = [one.variable for one in SIMULATED if one.variable not in self.devices.environ]
        if real:
            self.display.note(f"{', '.join(map(str, real))} set: these devices are asked")
        if not self.devices.places:
            return
        self.display.doing("starting the emulated devices")
        self._start_speaking(self.devices.process, self.devices.command())
        named = ", ".join(at.emulated.name for at in self.devices.places)
        self.display.step(f"emulated devices answer: {named}")

    def _start_detectors(self) -> None:
        """Start the broker of the COSMIC detectors, then them; gives back when they publish."""
        if told := self.detectors.told:
            self.display.note(told)
            return
        self.display.doing("starting the simulated COSMIC detectors")
        self._start_speaking(self.detectors.broker_process, self.detectors.broker())
        self._start_speaking(self.detectors.process, self.detectors.detectors())
        self.display.step(f"simulated COSMIC detectors publish to {self.detectors.url}")

    def _start_speaking(self, process: str, command: commands.Command) -> None:
        """Start a process, and wait for its first line: then it does what it is there for."""
        child = self.supervisor.start(process, command)
        self.supervisor.wait_for(process, lambda: bool(child.tail(1)), _START_SECONDS)

    def _await_instrument(self, one: Simulated, child: Child) -> None:
        """Wait for its first line, which it writes when nothing is overdue."""
        self.display.doing(f"starting the simulated {one.instrument}")
        self.supervisor.wait_for(one.process, lambda: bool(child.tail(1)), _START_SECONDS)
        self.display.step(f"simulated {one.instrument} writes to {one.path}")

    def _await_check(self, check: Child) -> None:
        self.supervisor.wait_for("the check", lambda: check.code == 0, _START_SECONDS)

    def _await_ui(self) -> None:
        """Wait until the webserver has loaded the code location; an error that stays is the end of it."""
        self.display.doing("waiting for the UI")
        refused: float | None = None
        end = time.monotonic() + _START_SECONDS
        while not (location := self.ui.location(place.LOCATION)).loaded:
            now = time.monotonic()
            refused = (refused or now) if location.error else None
            if refused and now - refused > _REFUSED_SECONDS:
                raise TookTooLongError(f"Dagster cannot load the lab: {location.error}")
            if now > end:
                raise TookTooLongError(f"{self.ui.url} did not show the lab within {_START_SECONDS:g} s")
            self.supervisor.wait(0.2)
        self.display.step(self.ui.url, style="bold")

    def run(self) -> None:
        """Tell how it goes until it is to stop. Raises Interrupted, ChildFailedError."""
        reporter = Reporter(Books(int(self.began * 1e9)), lambda: self.ui.failed_runs(self.began))
        told: set[str] = set()
        answering = Answering(settings.collector_folder())
        while True:
            figures = reporter.latest
            for line in answering.news():
                self.display.note(line)
            if new := sorted(set(figures.assets) - told):
                told.update(new)
                self.display.step(f"first rows stored: {', '.join(new)}")
            if figures.rows_in_store or figures.trouble:
                self.display.status(in_words(figures))
            else:
                self.display.doing("the first rows are stored as soon as the sensors have seen what is new")
            self.supervisor.wait(_LOOK_SECONDS if told else 0.2)
            for child in self.supervisor.children:
                child.trim()

    def let_runs_end(self) -> None:
        """Start no more runs, and give those under way a little time: an interrupted run is a failed one."""
        daemons = [child for child in self.supervisor.children if child.name == _DAEMON]
        for daemon in daemons:
            daemon.stop()
        heard, end = self.supervisor.requests(), time.monotonic() + _RUNS_SECONDS
        while daemons and self.supervisor.requests() == heard and time.monotonic() < end:
            if not self.ui.runs_under_way():
                break
            time.sleep(0.2)


def in_words(figures: Figures) -> str:
    """One line that says how it goes."""
    if figures.trouble and not figures.rows_in_store:
        return f"no figures: {figures.trouble}"
    newest = f", newest reading {instant_text(figures.newest)[:19]}Z" if figures.newest is not None else ""
    failed = figures.failed_runs
    runs = "" if failed is None else f", {failed or 'no'} run{'s' * (failed != 1) if failed else ''} failed"
    told = f"{figures.rows:,} rows stored since the start, {figures.rows_in_store:,} in all{newest}{runs}"
    return f"{told}; {figures.trouble}" if figures.trouble else told


def _environ(home: Path, folder: Path) -> Mapping[str, str]:
    own = {settings.HOME: str(home), "DAGSTER_HOME": str(folder), "DAGSTER_DISABLE_TELEMETRY": "1"}
    return {**os.environ, **own}


def up(home: Path, port: int, display: Display) -> int:
    """Run the lab until Ctrl-C; gives the exit code. Raises AlreadyRunningError, OSError."""
    signals = StopSignals()
    with place.occupied(home) as lock:
        lab = Lab(home, port, display, lock, signals)
        try:
            return _run(lab, display)
        finally:
            lab.supervisor.stop()
            display.close()
            display.step("stopped; nothing of it runs any more")


def _told_of(one: Simulated, name: str) -> str:
    return "what it names is read" if name == one.real else f"the {one.instrument} is not simulated"


def _told(failure: ChildFailedError) -> tuple[str, list[str]]:
    """Say what went wrong, and give the lines that say why."""
    child = failure.child
    if child.name == _CHECK:
        return "the lab is not in order, it is not started:", child.tail(_CHECK_LINES)
    return f"{failure}; {child.log} ends with:", child.tail(_TAIL_LINES)


def _run(lab: Lab, display: Display) -> int:
    try:
        lab.start()
        display.note("Ctrl-C stops it; the next start goes on where this one stopped")
        lab.run()
    except Interrupted:
        display.doing("stopping; runs under way may end first, unless Ctrl-C is pressed again")
        lab.let_runs_end()
        return 0
    except ChildFailedError as failure:
        display.trouble(*_told(failure))
    except TookTooLongError as late:
        display.trouble(str(late), [f"more in {lab.supervisor.logs}"])
    return 1
