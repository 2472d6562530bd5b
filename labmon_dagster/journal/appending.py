"""A day's file while it is written to: all of a batch is kept, or none of it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from labmon_dagster.journal import disk, line
from labmon_dagster.journal.day import Day


@dataclass(frozen=True, slots=True)
class Uncut:
    """A file that should have been cut back to ``good`` bytes, and could not: it had ``size`` then."""

    inode: int
    good: int
    size: int


class Appending:
    """The plain file of a day while its journal is locked: lines are added, then written as one piece.

    Opening creates the file with its header, and ends a line that a crash has torn. What an earlier batch
    left behind (``uncut``) is cut away first, unless somebody has written since. Every method raises
    OSError; after one, `undo` takes back what was written.
    """

    def __init__(self, day: Day, source: str, uncut: Uncut | None = None) -> None:
        begin = day.begin()
        if begin is None or day.plain.stat().st_size == 0:
            begin = day.end_before(checked=True)
            disk.create(day.plain, line.header_line(source, begin))
        self.path: Path = day.plain
        self._fd = os.open(day.plain, os.O_RDWR | os.O_APPEND)
        try:
            if uncut is not None:
                self._cut(uncut)
            self._start = disk.mend(self._fd)
        except BaseException:
            self.close()
            raise
        self._lines: list[bytes] = []
        self.end = begin + self._start

    def _cut(self, uncut: Uncut) -> None:
        now = os.fstat(self._fd)
        if (now.st_ino, now.st_size) == (uncut.inode, uncut.size):
            os.ftruncate(self._fd, uncut.good)

    def add(self, raw: bytes) -> None:
        """Add a line with its newline; it is not written yet."""
        self._lines.append(raw)
        self.end += len(raw)

    def write(self) -> None:
        """Write the added lines behind the end of the file."""
        disk.write(self._fd, b"".join(self._lines))

    def sync(self) -> None:
        """Wait until the disk has what was written."""
        os.fsync(self._fd)

    def undo(self) -> Uncut | None:
        """Cut the file back to what it was; if that fails too, give what is to be cut by the next batch."""
        size = self._start
        try:
            size = os.fstat(self._fd).st_size
            if size > self._start:
                os.ftruncate(self._fd, self._start)
        except OSError:
            return Uncut(os.fstat(self._fd).st_ino, self._start, size)
        return None

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._fd)
