"""A day's file that stays open between appends, beside all others who write, compress or remove it."""

from __future__ import annotations

import os
from pathlib import Path

from labmon_dagster.journal import disk, line
from labmon_dagster.journal.appending import Uncut, begun, cut_back
from labmon_dagster.journal.day import Day


class OpenDay:
    """The plain file of ``day``, open for writing. The journal is locked while it is opened or written to."""

    def __init__(self, day: str, path: str, begin: int, header: bytes) -> None:
        self.day, self.path = day, path
        self._begin, self._header = begin, header
        self.fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
        found = os.fstat(self.fd)
        self._inode = found.st_ino, found.st_dev
        self._end = -1  # of the file, behind the own last write
        self._named = False

    @classmethod
    def open(cls, day: Day, source: str) -> OpenDay:
        """Open it, or create it: the header of a new day comes with the first write.

        Raises OSError; FileError for a file of another version or without its header.
        """
        # The header says where a day goes on that others hold in part: such a file is made durably first.
        alone = not (day.packed.exists() or day.stone.exists())
        empty = not day.plain.exists() or day.plain.stat().st_size == 0
        begin = 0 if alone and empty else begun(day, source)
        return cls(day.name, str(day.plain), begin, line.header_line(source, begin))

    def size(self) -> int | None:
        """Bytes it has now; None if another file has its name by now, or none. Raises OSError."""
        try:
            found = os.stat(self.path)  # noqa: PTH116 - a Path takes four times as long
        except FileNotFoundError:
            return None
        return found.st_size if (found.st_ino, found.st_dev) == self._inode else None

    def write(self, raw: bytes, size: int) -> int:
        """Append lines by one write to the ``size`` bytes there are; gives where in the day they end."""
        if size == 0:
            raw = self._header + raw
        elif size != self._end and os.pread(self.fd, 1, size - 1) != b"\n":
            raw = b"\n" + raw  # a crash has torn the last line
        disk.write(self.fd, raw)
        self._end = size + len(raw)
        return self._begin + self._end

    def undo(self, size: int) -> Uncut | None:
        """Cut it back to ``size`` bytes; if that fails too, give what is to be cut later."""
        self._end = -1
        return cut_back(self.fd, size)

    def sync(self) -> None:
        """Wait until the disk has what was written, and the first time its name too. Raises OSError."""
        os.fsync(self.fd)
        if not self._named:
            disk.sync_folder(Path(self.path).parent)
            self._named = True

    def close(self) -> None:
        """Let go of it, once or more often."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)
