"""The emulated LoggerNet PC as a process: `python -m labmon_dagster.running.emulated_pc FOLDER`."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from labmon_dagster.sources.loggernet.emulator import TowerPC


def run_until_stopped(pc: TowerPC, began: Callable[[], None] = lambda: None) -> None:
    """Write rows until SIGINT or SIGTERM; ``began`` is called when the first are written. Raises OSError."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    pc.catch_up(time.time())
    began()
    pc.run(stop)


if __name__ == "__main__":
    run_until_stopped(TowerPC(Path(sys.argv[1])))
