"""An exclusive lock across processes and threads, which its holder may take again."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from labmon_dagster.journal import disk


class _Lock:
    """What this process knows of a lock file: the thread that holds it, how often, and through what."""

    def __init__(self) -> None:
        self.thread = threading.RLock()
        self.depth = 0
        self.fd = -1


# By process, because after a fork the child does not hold what its parent holds.
_locks: dict[tuple[int, Path], _Lock] = {}


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold the lock file at ``path`` (created when missing); waits for as long as another holds it.

    The kernel releases the lock of a process that dies. Raises OSError if the file cannot be opened.
    """
    lock = _known(path)
    with lock.thread:
        if lock.depth == 0:
            lock.fd = _locked_file(path)
        lock.depth += 1
        try:
            yield
        finally:
            lock.depth -= 1
            if lock.depth == 0:
                fcntl.flock(lock.fd, fcntl.LOCK_UN)
                os.close(lock.fd)


class Kept:
    """The lock of `exclusive`, through a descriptor that stays open: quick to take, again and again.

    It belongs to the process that made it. Entering creates file and folder when they are missing; it
    raises OSError if the file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known = _known(path)
        self._fd = -1

    @property
    def threads(self) -> threading.RLock:
        """What keeps out the other threads of this process, and no other process."""
        return self._known.thread

    def __enter__(self) -> None:
        known = self._known
        known.thread.acquire()
        try:
            if known.depth == 0:
                self._take()
        except BaseException:
            known.thread.release()
            raise
        known.depth += 1

    def _take(self) -> None:
        if self._fd >= 0:
            fcntl.flock(self._fd, fcntl.LOCK_EX)
            if os.fstat(self._fd).st_nlink:
                return
            self.close()  # it was removed, and others lock a new one
        disk.make_folder(self._path.parent)
        self._fd = _locked_file(self._path)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._known.depth -= 1
        if self._known.depth == 0:
            fcntl.flock(self._fd, fcntl.LOCK_UN)
        self._known.thread.release()

    def close(self) -> None:
        """Let go of the descriptor; entering opens the file of that name again."""
        with self._known.thread:
            self.close_in_child()

    def close_in_child(self) -> None:
        """Let go of the descriptor after a fork: none of the threads that may hold the lock is there."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


def _known(path: Path) -> _Lock:
    return _locks.setdefault((os.getpid(), path), _Lock())


def _locked_file(path: Path) -> int:
    try:
        fd = os.open(path, os.O_RDONLY)  # enough for flock, and all that a reader may be allowed
    except FileNotFoundError:
        fd = os.open(path, os.O_RDONLY | os.O_CREAT, 0o666)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
    except BaseException:
        os.close(fd)
        raise
    return fd
