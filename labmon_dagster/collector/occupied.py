"""A device is asked by one process at a time: who holds the lock of its asset asks it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import quote

COLLECTOR = "collector"


@contextmanager
def occupied(folder: Path, name: str = COLLECTOR) -> Iterator[bool]:
    """Hold the lock of an asset (or that of the one collector) if it is free, and say whether it is held.

    The kernel frees that of a killed process.
    """
    folder.mkdir(parents=True, exist_ok=True)
    fd = os.open(folder / f"{quote(name, safe='')}.lock", os.O_RDWR | os.O_CREAT, 0o666)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(fd)


@contextmanager
def all_occupied(folder: Path, assets: Iterable[str]) -> Iterator[str]:
    """Hold the locks of some assets; give the first that is not free, '' if all are held."""
    with ExitStack() as held:
        for asset in sorted(set(assets)):
            if not held.enter_context(occupied(folder, asset)):
                yield asset
                return
        yield ""
