"""Reading on in a station log where a copy of it ends, as the one process that does."""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import time
from collections.abc import Callable
from contextlib import suppress

import msgspec

from labmon_dagster.journal import Entry, FileError, Journal, disk
from labmon_dagster.model.window import DAY, day_of
from labmon_dagster.sources.line_protocol.parser import parse
from labmon_dagster.station_log.copy_file import CopyFile

DAYS = 8
PORTION = 4 * 1024 * 1024  # bytes of the log that are copied by one write, about
_FOLDER, _LENGTH = ".copies", 500
_LOG = logging.getLogger(__name__)


class _Reached(msgspec.Struct):
    """How far a log was copied: of its latest UTC days, the end of an entry of each."""

    days: dict[str, int]


class Copying:
    """Brings one copy of a log up to date, if no other process does.

    How far it is stands in a file, which is locked by whoever copies. A copy that never was begins with the
    day on which this is made. A clock that is set back makes days grow that were copied: so it is known of
    the last `DAYS` days, and of those before the first of them nothing is copied any more.
    """

    def __init__(self, journal: Journal, file: CopyFile, tell: Callable[[Exception], None]) -> None:
        self.trouble: str | None = None
        """Why the copy could not be written the last time."""
        self._journal, self._file, self._tell = journal, file, tell
        digest = hashlib.blake2b(os.fsencode(file.name.absolute()), digest_size=8).hexdigest()
        self._path = journal.folder / _FOLDER / digest
        self._begin = _beginning(journal)
        self._fd = -1
        self._reached: _Reached | None = None

    def copy(self) -> None:
        """Copy what the log has more, if nobody else does. Errors are told when they are new."""
        try:
            if self._mine():
                self._copy()
        except (OSError, FileError) as error:
            if self.trouble != str(error):
                self._tell(error)
            self.trouble = str(error)
            return
        if self.trouble:
            _LOG.warning("%s can be written again", self._file.name)
        self.trouble = None

    def leave(self) -> None:
        """Let others copy."""
        if self._fd >= 0:
            fcntl.flock(self._fd, fcntl.LOCK_UN)
        self.close_in_child()

    def close_in_child(self) -> None:
        """Close the file of the place after a fork; the parent keeps its lock."""
        fd, self._fd, self._reached = self._fd, -1, None
        if fd >= 0:
            os.close(fd)

    def _mine(self) -> bool:
        if self._reached:
            return True
        if self._fd < 0:
            disk.make_folder(self._path.parent)
            self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        self._reached = _Reached(self._begin)
        with suppress(msgspec.MsgspecError):  # it is new, or a crash of the machine has spoilt it
            self._reached = msgspec.json.decode(os.pread(self._fd, _LENGTH, 0), type=_Reached)
        return True

    def _copy(self) -> None:
        assert self._reached
        first, damaged = min(self._reached.days), list[str]()
        for day in self._journal.days():
            try:
                if day >= first:
                    self._copy_day(day, self._reached.days.get(day, 0))
            except FileError as error:  # it keeps no other day from being copied
                damaged.append(str(error))
        if damaged:
            raise FileError("; ".join(damaged))

    def _copy_day(self, day: str, offset: int) -> None:
        size = self._journal.size(day)
        if offset == size:
            return
        if offset > size:
            offset = 0  # the log is another one
        some: list[Entry] = []
        for entry in self._journal.read(day, offset):
            some.append(entry)
            if entry.end - offset >= PORTION:
                self._write(day, some)
                some, offset = [], entry.end
        self._write(day, some)
        if (some[-1].end if some else offset) < size:
            self._note(day, size)  # damage, or what was pruned

    def _write(self, day: str, entries: list[Entry]) -> None:
        if not entries:
            return
        text = b"".join(e.payload if e.payload.endswith(b"\n") else e.payload + b"\n" for e in entries)
        parsed = parse(text)
        for refused in self._file.append(parsed.points, time.time()):
            self._tell(refused)
        for bad in parsed.bad:
            self._tell(
                ValueError(f"{self._file.name} lacks a line that is no point: {bad.reason}: {bad.raw}")
            )
        self._note(day, entries[-1].end)

    def _note(self, day: str, offset: int) -> None:
        assert self._reached
        days = sorted({**self._reached.days, day: offset}.items())[-DAYS:]
        self._reached = reached = _Reached(dict(days))
        # One write of one length: what a killed process leaves is the place before, or this one.
        os.pwrite(self._fd, msgspec.json.encode(reached).ljust(_LENGTH), 0)


def _beginning(journal: Journal) -> dict[str, int]:
    """Say where a copy begins: with today, and behind what there is of the days before."""
    today, *before = (day_of(journal.now() - n * DAY).isoformat() for n in range(DAYS))
    found = {today: 0}
    for day in before:
        with suppress(FileError):
            found[day] = journal.size(day)
    return found
