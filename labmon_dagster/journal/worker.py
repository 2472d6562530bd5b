"""A thread that works soon after it is woken, lives on in forked children, and ends with its process."""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
import weakref
from collections.abc import Callable
from multiprocessing import util
from typing import Protocol

EXIT_SECONDS = 10.0
IDLE = 60.0  # s without work, after which `rest` is called
_LOG = logging.getLogger(__name__)


class Lasting(Protocol):
    """What `look_after` takes care of: it has a worker."""

    def after_fork(self) -> None:
        """Be as new, in a child that was forked a moment ago: it has neither threads nor their work."""

    def at_exit(self) -> None:
        """Wait until what is under way is done, a few seconds at most: the process ends."""


class Worker:
    """A daemon thread that calls ``work`` after `wake`, every ``pause`` s at most; ``rest`` when it is idle.

    The process that made it starts it when it is first needed. Errors of ``work`` are logged.
    """

    def __init__(self, name: str, work: Callable[[], None], pause: float, rest: Callable[[], None]) -> None:
        self._name, self._work, self._pause, self._rest = name, work, pause, rest
        self._starting = threading.Lock()
        self._awake = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def stopping(self) -> bool:
        """Whether `stop` was called."""
        return self._stopping.is_set()

    def start(self) -> None:
        """Start the thread, unless it is there. Raises RuntimeError where the system has none to give."""
        if self._thread:
            return
        with self._starting:
            if not self._thread:
                thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                thread.start()
                self._thread = thread

    def wake(self) -> None:
        """Have it work: at once, or when its pause is over."""
        self._awake.set()

    def stop(self, timeout: float) -> bool:
        """Have it work a last time and end; gives whether it did within ``timeout`` s, or never ran."""
        self._stopping.set()
        self._awake.set()
        if self._thread:
            self._thread.join(timeout)
        return not (self._thread and self._thread.is_alive())

    def anew(self) -> Worker:
        """The same worker for a forked child."""
        made = Worker(self._name, self._work, self._pause, self._rest)
        if self.stopping:
            made._stopping.set()
        return made

    def _run(self) -> None:
        while not self._stopping.is_set():
            if not self._awake.wait(IDLE):
                self._do(self._rest)
                continue
            begun = time.monotonic()
            self._awake.clear()
            self._do(self._work)
            self._stopping.wait(begun + self._pause - time.monotonic())
        self._do(self._work)

    def _do(self, what: Callable[[], None]) -> None:
        try:
            what()
        except Exception:
            _LOG.exception("%s: went wrong", self._name)


_lasting: weakref.WeakSet[Lasting] = weakref.WeakSet()


def look_after(one: Lasting) -> None:
    """Call its methods in every forked child, and when this process or a child of it ends."""
    _lasting.add(one)


def _after_fork() -> None:
    for one in list(_lasting):
        one.after_fork()


def _at_exit() -> None:
    for one in list(_lasting):
        one.at_exit()


def _at_exit_of_a_child(_: object) -> None:
    # Processes of multiprocessing leave without atexit, and forget the finalizers there were before.
    util.Finalize(None, _at_exit, exitpriority=100)


os.register_at_fork(after_in_child=_after_fork)
atexit.register(_at_exit)
util.register_after_fork(_at_exit_of_a_child, _at_exit_of_a_child)
_at_exit_of_a_child(None)
