"""A process that does runs over a folder of processing output, and kills them at a step, on command.

Each line of standard input is the number of a step; the answer is the exit code of the run, a child that is
forked for it: 0 if it came to its end before. This process itself has no threads and no connections.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from labmon_dagster.components.processing.index import Index
from labmon_dagster.components.processing.progress import Progress
from labmon_dagster.journal import Journal
from labmon_dagster.records.processing import Heads
from labmon_dagster.stores.documents.mongo import MongoDocuments
from labmon_dagster.stores.documents.sqlite import SqliteDocuments
from labmon_dagster_tests.components.processing_lab import ProcessingLab

STEPS: tuple[tuple[type, str], ...] = (
    (Journal, "append_encoded"),
    (Index, "add"),
    (Index, "catch_up"),
    (Progress, "reopen"),
    (Progress, "finished"),
    (Progress, "settle"),
    (Heads, "advance_all"),
    (Path, "unlink"),
    *((SqliteDocuments, name) for name in ("write", "enter", "quarantine")),
    *((MongoDocuments, name) for name in ("write", "enter", "quarantine")),
)


class Kill:
    """Kills this process at the step of a number: a call of one of the functions begins one and ends one."""

    def __init__(self, at: int) -> None:
        self.left = at

    def step(self) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def called(*given: Any, **named: Any) -> Any:
            self.step()
            try:
                return function(*given, **named)
            finally:
                self.step()

        return called

    def set(self) -> None:
        for owner, name in STEPS:
            setattr(owner, name, self.around(getattr(owner, name)))


def run_and_die(folder: Path, at: int) -> int:
    """Do a run in a child that is killed at a step; give its exit code."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            Kill(at).set()
            ProcessingLab(folder).run()
            code = 0
        except BaseException:
            traceback.print_exc()
        os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main() -> None:
    """Obey until standard input ends."""
    for line in sys.stdin:
        sys.stdout.write(f"{run_and_die(Path(sys.argv[1]), int(line))}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
