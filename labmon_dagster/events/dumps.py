"""The folder of dump files: what is new in them goes into the journal, at every look. They are only read."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from labmon_dagster.collector.occupied import occupied
from labmon_dagster.events.dump_file import AT_ONCE, Read, read_on
from labmon_dagster.events.entries import message_of
from labmon_dagster.events.notes import Noted, Notes, State
from labmon_dagster.journal import Journal, Message
from labmon_dagster.model import SECOND, SourceError
from labmon_dagster.sources.processing.folder import Folder, Found

MOST = 64 * 1024 * 1024  # bytes of text in one look, so that it takes seconds
FILES_AT_ONCE = 500  # that are brought to the disk together, if they are small
STILL = 600 * SECOND  # after that long the end of an event is not waited for any more


@dataclass(frozen=True)
class DumpFolder:
    """Takes the files of a folder into a journal; ``notes`` is the file that says how far each was read.

    ``shown`` is what the folder is called, ``locks`` the folder of the lock of who looks, ``most`` the bytes
    of one look.
    """

    folder: Folder
    shown: str
    journal: Journal
    notes: Path
    locks: Path
    most: int = MOST
    now: Callable[[], int] = time.time_ns

    def look(self) -> list[str]:
        """Journal what is new; give what cannot be read. Raises OSError if the journal cannot be written.

        What goes beyond ``most`` bytes is left for the next look; the files with the least to read come
        first. While another process looks, nothing is done.
        """
        with occupied(self.locks, f"dumps of {self.journal.source}") as mine:
            try:
                return self._look_at(list(self.folder.look())) if mine else []
            except SourceError as error:
                return [str(error)]

    def _look_at(self, listed: list[Found]) -> list[str]:
        notes = Notes(self.notes)
        notes.keep(one.name for one in listed)
        troubles: list[str] = []
        taken = _Taken(self.shown, self.journal, notes)
        for found in sorted(listed, key=lambda one: (_lacking(one, notes), one.name)):
            if taken.size < self.most and self._is_due(found, notes):
                try:
                    self._take(found, notes, taken)
                except SourceError as error:
                    troubles.append(str(error))
        taken.save()
        return troubles

    def _is_due(self, found: Found, notes: Notes) -> bool:
        """Whether there is anything to do about a file, which is not opened to say so."""
        noted = notes.of(found.name)
        if noted is None or (noted.size, noted.changed) != (found.size, found.changed):
            # A compressed file is read when all of it is there.
            return not found.name.endswith(".gz") or found.settled(self.now())
        return noted.state is State.MORE or (noted.state is State.WAITING and self._stands_still(found))

    def _stands_still(self, found: Found) -> bool:
        return abs(self.now() - found.changed) >= STILL

    def _take(self, found: Found, notes: Notes, taken: _Taken) -> None:
        """Take what is new in a file, as far as a look goes."""
        path, before, most = self.folder.path / found.name, notes.of(found.name), self.most - taken.size
        for read in read_on(path, before, most, still=self._stands_still(found)):
            taken.add(found.name, read)


class _Taken:
    """What one look reads, of ``size`` bytes. Small files are brought to the disk together."""

    def __init__(self, shown: str, journal: Journal, notes: Notes) -> None:
        self._shown, self._journal, self._notes = shown, journal, notes
        self._messages: list[Message] = []
        self._noted: dict[str, Noted] = {}
        self.size = self._unsaved = 0

    def add(self, name: str, read: Read) -> None:
        """Take what was read of a file."""
        self._messages += [message_of(one, self._shown, name) for one in read.found]
        self._noted[name] = read.noted
        self.size += read.size
        self._unsaved += read.size
        if self._unsaved >= AT_ONCE or len(self._noted) >= FILES_AT_ONCE:
            self.save()

    def save(self) -> None:
        """Journal it, and then note that it is."""
        self._journal.append_many(self._messages)
        self._notes.note(self._noted)
        self._messages, self._noted, self._unsaved = [], {}, 0


def _lacking(found: Found, notes: Notes) -> int:
    noted = notes.of(found.name)
    return found.size - (noted.offset if noted else 0)
