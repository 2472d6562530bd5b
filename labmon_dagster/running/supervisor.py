"""Several processes that run together and end together."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from labmon_dagster.running.child import GRACE, Child
from labmon_dagster.running.tree import adopt_orphans, descendants, send

_LOOK_SECONDS = 0.1
_SLACK_SECONDS = 8.0  # behind the grace, for the guards' own last steps


class Interrupted(Exception):  # noqa: N818 - nothing is wrong
    """The lab is to be stopped."""


class ChildFailedError(Exception):
    """A process ended though it should run, or ended with an error."""

    def __init__(self, child: Child) -> None:
        super().__init__(f"{child.name} ended with exit code {child.code}")
        self.child = child


class TookTooLongError(Exception):
    """Something that was waited for did not come."""


class StopSignals:
    """Counts the requests to stop: Ctrl-C, SIGTERM and the loss of the terminal."""

    def __init__(self) -> None:
        self.count = 0
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._heard)

    def _heard(self, *_: object) -> None:
        self.count += 1


class Supervisor:
    """Starts processes, watches them, and stops all of them and what they started."""

    def __init__(
        self,
        logs: Path,
        environ: Mapping[str, str],
        keep_open: Sequence[int] = (),
        requests: Callable[[], int] = lambda: 0,
    ) -> None:
        self.logs = logs
        self.environ = environ
        self.keep_open = keep_open
        self.requests = requests
        self.children: list[Child] = []
        adopt_orphans()

    def start(
        self, name: str, command: Sequence[str], *, passing: bool = False, grace: float = GRACE
    ) -> Child:
        """Start a process whose output goes to the log of that name."""
        child = Child(name, command, self.logs / f"{name}.log", passing, grace)
        self.children.append(child)
        child.start(self.environ, self.keep_open)
        return child

    def watch(self) -> None:
        """Raise Interrupted if the lab is to stop, ChildFailedError if a process has ended."""
        if self.requests():
            raise Interrupted
        for child in self.children:
            if child.failed:
                raise ChildFailedError(child)

    def wait(self, seconds: float, until: Callable[[], bool] = lambda: False) -> bool:
        """Watch for so long, or until something is so; say whether it is.

        Raises Interrupted and ChildFailedError as `watch` does.
        """
        end = time.monotonic() + seconds
        while True:
            self.watch()
            if until():
                return True
            if time.monotonic() >= end:
                return False
            time.sleep(_LOOK_SECONDS)

    def wait_for(self, what: str, until: Callable[[], bool], seconds: float) -> None:
        """Wait until something is so. Raises TookTooLongError besides what `wait` raises."""
        if not self.wait(seconds, until):
            raise TookTooLongError(f"{what} was not there within {seconds:g} s")

    def stop(self) -> None:
        """Stop everything, patiently; each further request to stop makes the guards less patient."""
        heard = self.requests()
        for child in self._running():
            child.stop()
        end = time.monotonic() + max((child.grace for child in self.children), default=0) + _SLACK_SECONDS
        while self._running() and time.monotonic() < end:
            if self.requests() > heard:
                heard = self.requests()
                for child in self._running():
                    child.hurry()
            time.sleep(_LOOK_SECONDS)
        self._sweep()

    def _running(self) -> list[Child]:
        return [child for child in self.children if child.guard and child.code is None]

    def _sweep(self) -> None:
        """Kill what is left: guards that hang, and what guards left that were killed themselves."""
        while left := descendants(os.getpid()):
            send(left, signal.SIGKILL)
            time.sleep(_LOOK_SECONDS)
        guards = {child.guard for child in self.children if child.code is not None}
        for pid in set(descendants(os.getpid(), ended=True)) - guards:
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
