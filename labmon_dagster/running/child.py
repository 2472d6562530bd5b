"""A process of the lab: started under a guard, its output in a log file."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

GRACE = 15.0
_LOG_LIMIT = 20_000_000
_TAIL = 64 * 1024
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(slots=True)
class Child:
    """One process; a ``passing`` one is expected to end by itself, with exit code 0."""

    name: str
    command: Sequence[str]
    log: Path
    passing: bool = False
    grace: float = GRACE
    _guard: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    _asked: bool = False

    def start(self, environ: Mapping[str, str], keep_open: Sequence[int] = ()) -> None:
        """Start it in a session of its own, with an empty log; the previous log is kept beside it.

        The guard, not the process itself, inherits the files of ``keep_open``.
        """
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists():
            self.log.replace(self._previous)
        guard = [sys.executable, "-m", "labmon_dagster.running.guard", str(self.grace)]
        with self.log.open("ab") as output:
            self._guard = subprocess.Popen(
                [*guard, *self.command],
                stdin=subprocess.PIPE,  # never written to: it closes when this process ends, however it ends
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=environ,
                pass_fds=keep_open,
            )

    @property
    def _previous(self) -> Path:
        return self.log.with_suffix(".log.1")

    @property
    def guard(self) -> int:
        """The number of the guard's process; 0 before the start."""
        return self._guard.pid if self._guard else 0

    @property
    def code(self) -> int | None:
        """The exit code; None while it runs."""
        return self._guard.poll() if self._guard else None

    @property
    def failed(self) -> bool:
        """Whether it ended though it should run, or ended with an error."""
        return self.code is not None and not (self.passing and self.code == 0)

    def stop(self) -> None:
        """Ask the process to end, once."""
        if not self._asked:
            self._asked = True
            self.hurry()

    def hurry(self) -> None:
        """Have the guard go on to the next means of ending the process."""
        if self._guard and self.code is None:
            self._guard.send_signal(signal.SIGINT)

    def tail(self, lines: int) -> list[str]:
        """Give the last lines of its log, without colours."""
        with self.log.open("rb") as file:
            file.seek(max(0, self.log.stat().st_size - _TAIL))
            text = file.read().decode(errors="replace")
        return _COLOUR.sub("", text).splitlines()[-lines:]

    def trim(self, limit: int = _LOG_LIMIT) -> None:
        """Begin the log anew where it has grown too long; what is in it becomes the previous log."""
        if self.log.exists() and self.log.stat().st_size > limit:
            shutil.copyfile(self.log, self._previous)
            self.log.open("wb").close()  # the process appends: it goes on at the new end
