"""The folder of dump files: what is new in them goes into the journal, at every look. They are only read."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from labmon_dagster.collector.occupied import occupied
from labmon_dagster.components.cosmic.dump_file import read_on
from labmon_dagster.components.cosmic.notes import Notes, State
from labmon_dagster.events.entries import message_of
from labmon_dagster.journal import Journal
from labmon_dagster.model import SECOND, SourceError
from labmon_dagster.sources.processing.folder import Folder, Found

MOST = 64 * 1024 * 1024  # bytes of text in one look, so that it takes seconds
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
        left = self.most
        for found in sorted(listed, key=lambda one: (_lacking(one, notes), one.name)):
            if left > 0 and self._is_due(found, notes):
                try:
                    left -= self._take(found, notes, left)
                except SourceError as error:
                    troubles.append(str(error))
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

    def _take(self, found: Found, notes: Notes, most: int) -> int:
        """Journal what is new in a file, about ``most`` bytes of it; give how many there were."""
        taken = 0
        path, before = self.folder.path / found.name, notes.of(found.name)
        for read in read_on(path, before, most, still=self._stands_still(found)):
            self.journal.append_many(message_of(one, self.shown, found.name) for one in read.found)
            notes.note(found.name, read.noted)
            taken += read.size
        return taken


def _lacking(found: Found, notes: Notes) -> int:
    noted = notes.of(found.name)
    return found.size - (noted.offset if noted else 0)
