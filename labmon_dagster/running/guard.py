"""Runs one command, and sees to it that nothing of it is left behind.

`python -m labmon_dagster.running.guard GRACE command …` ends the command and all its descendants when it
gets SIGINT, SIGTERM or SIGHUP, or when its standard input closes: whoever started it holds the other end,
which the kernel closes also for one that was killed. First SIGINT, after GRACE seconds SIGTERM, then
SIGKILL; a further signal goes on to the next of these at once. The exit code is the command's.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress

from labmon_dagster.running.tree import adopt_orphans, descendants, die_with_parent, send

_STOP = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PARENT = 0  # standard input
_ORPHANS_GRACE = 4.0  # seconds: nobody waits for the command any more
_TERM_SECONDS, _KILL_SECONDS = 3.0, 2.0
_LOOK_SECONDS = 0.1
_NOT_FOUND = 127


class Guard:
    """One command and whatever it starts."""

    def __init__(self, command: Sequence[str], grace: float) -> None:
        self.command = list(command)
        self.grace = grace
        self.code: int | None = None
        self._child = 0
        self._requests = 0
        self._orphaned = False
        self._watched = [_PARENT]

    def run(self) -> int:
        """Run the command to its end, and give its exit code (128 + the signal that ended it)."""
        adopt_orphans()
        self._listen()
        self._start()
        while self._child_runs() and not self._requests and not self._orphaned:
            self._wait(None)
        self._end()
        code = self.code or 0
        return code if code >= 0 else 128 - code

    def _listen(self) -> None:
        """Have signals wake `_wait`. Python handlers, so that the command starts with the defaults."""
        ours, kernels = os.pipe()
        for end in (ours, kernels):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(kernels)
        self._watched.append(ours)
        for number in (*_STOP, signal.SIGCHLD, signal.SIGQUIT):
            signal.signal(number, lambda *_: None)

    def _start(self) -> None:
        self._child = subprocess.Popen(
            self.command, stdin=subprocess.DEVNULL, process_group=0, preexec_fn=die_with_parent
        ).pid

    def _child_runs(self) -> bool:
        """Bury the dead, adopted ones among them, and say whether the command itself still runs."""
        with suppress(ChildProcessError):
            while (found := os.waitpid(-1, os.WNOHANG))[0]:
                if found[0] == self._child:
                    self.code = os.waitstatus_to_exitcode(found[1])
        return self.code is None

    def _wait(self, seconds: float | None) -> None:
        for ready in select.select(self._watched, [], [], seconds)[0]:
            got = os.read(ready, 4096)
            if ready != _PARENT:
                self._requests += sum(number in _STOP for number in got)
            elif not got:
                self._orphaned = True
                self._watched.remove(_PARENT)

    def _end(self) -> None:
        """End what still runs, from polite to certain, wherever in the tree and in whatever group it is."""
        if not self._child_runs():
            steps = [(signal.SIGTERM, _TERM_SECONDS), (signal.SIGKILL, _KILL_SECONDS)]
        else:
            grace = min(self.grace, _ORPHANS_GRACE) if self._orphaned else self.grace
            steps = [(signal.SIGINT, grace), (signal.SIGTERM, _TERM_SECONDS), (signal.SIGKILL, _KILL_SECONDS)]
        for number, seconds in steps:
            if not descendants(os.getpid()):
                break
            send(descendants(os.getpid()), number)
            self._all_gone_within(seconds)
        self._child_runs()

    def _all_gone_within(self, seconds: float) -> None:
        before, orphaned, end = self._requests, self._orphaned, time.monotonic() + seconds
        while time.monotonic() < end and descendants(os.getpid()):
            self._wait(_LOOK_SECONDS)
            self._child_runs()
            if self._requests > before or self._orphaned > orphaned:
                return


def main(arguments: Sequence[str]) -> int:
    """Run the command after the grace period."""
    grace, *command = arguments
    try:
        return Guard(command, float(grace)).run()
    except OSError as error:
        sys.stderr.write(f"{command[0]} cannot be started: {error}\n")
        return _NOT_FOUND


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
