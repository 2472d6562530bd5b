"""Looks at folders whose files are overwritten, every few seconds, each in a thread of its own."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from labmon_dagster.collector.health import LookHealth

_LOG = logging.getLogger(__name__)
LOOK_SECONDS = 5.0


@dataclass
class Looker:
    """Calls ``look`` again and again; it lands what is new and gives what could not be looked at."""

    asset: str
    look: Callable[[], list[str]]
    seconds: float = LOOK_SECONDS
    health: LookHealth = field(init=False)
    _stop: threading.Event = field(default_factory=threading.Event, init=False)
    _thread: threading.Thread | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.health = LookHealth(self.asset)

    def start(self) -> None:
        """Look from now on, in a daemon thread: a share that hangs does not keep the process from ending."""
        self._thread = threading.Thread(target=self._run, name=f"look {self.asset}", daemon=True)
        self._thread.start()

    def stop(self, timeout: float) -> None:
        """Look no more; wait for a look under way."""
        self._stop.set()
        if self._thread:
            self._thread.join(timeout)

    def _run(self) -> None:
        while not self._stop.is_set():
            self._once()
            self._stop.wait(self.seconds)

    def _once(self) -> None:
        try:
            trouble = "; ".join(self.look())
        except Exception as error:  # whatever it is, the next look may succeed, and the rest must go on
            trouble = f"{type(error).__name__}: {error}"
        if trouble and trouble != self.health.trouble:
            _LOG.warning("%s: %s", self.asset, trouble)
        self.health.trouble = trouble
        self.health.looks += 1
        self.health.last_look = time.time_ns()
