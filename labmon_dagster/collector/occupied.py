"""A device is asked by one process at a time: who holds the lock of its asset asks it."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import quote

COLLECTOR = "collector"
_LOOK = 0.1  # s
_open: set[int] = set()


@contextmanager
def occupied(folder: Path, name: str = COLLECTOR) -> Iterator[bool]:
    """Hold the lock of an asset (or that of the one collector) if it is free, and say whether it is held.

    The kernel frees that of a killed process.
    """
    folder.mkdir(parents=True, exist_ok=True)
    fd, process = os.open(folder / f"{quote(name, safe='')}.lock", os.O_RDWR | os.O_CREAT, 0o666), os.getpid()
    _open.add(fd)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        if process == os.getpid():
            _open.discard(fd)
            os.close(fd)


def _let_go() -> None:
    """Close what a forked child has of its parent's locks: it would hold them on when that is killed."""
    while _open:
        os.close(_open.pop())


os.register_at_fork(after_in_child=_let_go)


@contextmanager
def patiently(folder: Path, name: str, timeout: float) -> Iterator[bool]:
    """Hold the lock of an asset as soon as it is free; wait for ``timeout`` s at most."""
    deadline = time.monotonic() + timeout
    while True:
        with occupied(folder, name) as mine:
            if mine or time.monotonic() >= deadline:
                yield mine
                return
        time.sleep(_LOOK)


@contextmanager
def all_occupied(folder: Path, assets: Iterable[str]) -> Iterator[str]:
    """Hold the locks of some assets; give the first that is not free, '' if all are held."""
    with ExitStack() as held:
        for asset in sorted(set(assets)):
            if not held.enter_context(occupied(folder, asset)):
                yield asset
                return
        yield ""
