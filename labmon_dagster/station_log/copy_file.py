"""One file that several processes append points to, so that header lines fit the lines that follow them."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from labmon_dagster.journal import disk
from labmon_dagster.journal.appending import cut_back
from labmon_dagster.model.points import Points


class Writer(Protocol):
    """Turns points into text; what was written before decides whether header lines come again."""

    def write(self, points: Points) -> bytes:
        """Write points. Raises ValueError for those that the form cannot hold."""


class CopyFile:
    """The file ``name``, which may have strftime fields ('%Y-%m-%d', UTC): then there is one a day.

    Header lines come again wherever somebody else has written since, or the file is new. Folders are made.
    """

    def __init__(self, name: Path, make: Callable[[], Writer]) -> None:
        self.name = name
        self._make = make
        self._writer = make()
        self._place: tuple[str, int, int] | None = None  # path, inode and size after the own last write

    def append(self, points: Sequence[Points], now: float) -> list[ValueError]:
        """Append points, by one write, to the file of ``now`` (s since 1970).

        Gives why points were left out that the form cannot hold. Raises OSError: then all were left out.
        """
        path = time.strftime(str(self.name), time.gmtime(now))
        fd = self._locked(path)
        place, self._place = self._place, None
        try:
            return self._append(fd, path, place, points)
        except OSError as error:
            raise OSError(error.errno, error.strerror, path) from error
        finally:
            os.close(fd)

    def _locked(self, path: str) -> int:
        """Open the file of that name and lock it; closing unlocks it."""
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        while True:
            fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX)
                if Path(path).exists() and os.path.samestat(os.fstat(fd), Path(path).stat()):
                    return fd
            except BaseException:
                os.close(fd)
                raise
            os.close(fd)  # it was moved away meanwhile

    def _append(
        self, fd: int, path: str, place: tuple[str, int, int] | None, points: Sequence[Points]
    ) -> list[ValueError]:
        found = os.fstat(fd)
        if place != (path, found.st_ino, found.st_size):
            self._writer = self._make()
        raw, refused = self._text(points)
        if raw and found.st_size and os.pread(fd, 1, found.st_size - 1) != b"\n":
            raw = b"\n" + raw  # a crash has torn the last line
        try:
            disk.write(fd, raw)
        except BaseException:
            cut_back(fd, found.st_size)
            raise
        self._place = path, found.st_ino, found.st_size + len(raw)
        return refused

    def _text(self, given: Sequence[Points]) -> tuple[bytes, list[ValueError]]:
        texts: list[bytes] = []
        refused: list[ValueError] = []
        for points in given:
            try:
                texts.append(self._writer.write(points))
            except ValueError as error:
                refused.append(error)
                self._writer = self._make()  # nobody knows what it takes for written
        return b"".join(texts), refused
