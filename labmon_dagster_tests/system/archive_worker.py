"""labmon or the original over a test archive, as a process that is told what time it is and can be killed.

`python -m labmon_dagster_tests.system.archive_worker labmon|original SETTINGS`, where the settings are
JSON: `archive` (file), `folder` (of what the program saves) and `port` (of the InfluxDB). Commands come on
standard input, one a line, with the time: ``tick TIME``, and for labmon ``audit TIME`` and ``recount TIME``,
which are what its schedules start. Each answer is one line of JSON: what was done, or what failed.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any, TypeAlias

from labmon_dagster.model import SourceError
from labmon_dagster.stores import LedgerError, StoreError
from labmon_dagster_tests.system.bench import Worker

LABMON, ORIGINAL = "labmon", "original"
# Each process imports only its own program: they take seconds to import.
_PROGRAMS = {LABMON: "archive_labmon", ORIGINAL: "original_loop"}
Answer: TypeAlias = dict[str, Any]
Command: TypeAlias = Callable[[datetime], Answer]


class LandingError(StoreError):
    """The store went away while readings were landed."""


class Program(Worker):
    """One of the programs in a process of its own."""

    def __init__(self, name: str, settings: dict[str, Any], log: Path) -> None:
        self.name = name
        super().__init__(settings, log)

    def _start(self) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", __spec__.name, self.name, json.dumps(self.settings)]
        with self.log.open("ab") as errors:
            return subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
            )

    def begin(self, command: str, now: datetime) -> None:
        """Tell it what to do, and when; one that was killed is started again."""
        if self.process.poll() is not None:
            self.restart()
        self.say(f"{command} {now.isoformat()}")

    def end(self) -> Answer:
        """Wait for the answer."""
        answer = self.hear()
        assert isinstance(answer, dict), self.log.read_text()[-2000:]
        return answer


def main() -> None:
    """Obey until standard input ends."""
    program = import_module(f"{__package__}.{_PROGRAMS[sys.argv[1]]}")
    commands: dict[str, Command] = program.commands(json.loads(sys.argv[2]))
    for line in sys.stdin:
        command, time = line.split()
        try:
            answer: Answer = {"done": commands[command](datetime.fromisoformat(time))}
        except (LedgerError, SourceError, StoreError) as error:
            answer = {"failed": type(error).__name__, "why": str(error)}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
