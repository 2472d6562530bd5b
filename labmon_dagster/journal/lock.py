"""An exclusive lock across processes and threads, which its holder may take again."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


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
    lock = _locks.setdefault((os.getpid(), path), _Lock())
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
