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

    def cut(self, fd: int) -> None:
        """Cut it now, unless somebody has written since, or it is another file. Raises OSError."""
        now = os.fstat(fd)
        if (now.st_ino, now.st_size) == (self.inode, self.size):
            os.ftruncate(fd, self.good)


def cut_back(fd: int, good: int) -> Uncut | None:
    """Cut a file back to ``good`` bytes; if that fails too, give what is to be cut by the next batch."""
    size = good
    try:
        size = os.fstat(fd).st_size
        if size > good:
            os.ftruncate(fd, good)
    except OSError:
        return Uncut(os.fstat(fd).st_ino, good, size)
    return None


def begun(day: Day, source: str) -> int:
    """Where in its day the plain file begins; it is created durably, with its header, if there is none."""
    begin = day.begin()
    if begin is None or day.plain.stat().st_size == 0:
        begin = day.end_before(checked=True)
        disk.create(day.plain, line.header_line(source, begin))
    return begin


class Appending:
    """The plain file of a day while its journal is locked: lines are added, then written as one piece.

    Opening creates the file with its header, and ends a line that a crash has torn. What an earlier batch
    left behind (``uncut``) is cut away first, unless somebody has written since. Every method raises
    OSError; after one, `undo` takes back what was written.
    """

    def __init__(self, day: Day, source: str, uncut: Uncut | None = None) -> None:
        begin = begun(day, source)
        self.path: Path = day.plain
        self._fd = os.open(day.plain, os.O_RDWR | os.O_APPEND)
        try:
            if uncut is not None:
                uncut.cut(self._fd)
            self._start = disk.mend(self._fd)
        except BaseException:
            self.close()
            raise
        self._lines: list[bytes] = []
        self.end = begin + self._start

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
        return cut_back(self._fd, self._start)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._fd)
