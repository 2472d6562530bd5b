"""Finishes files whose documents are delivered: the stream's head is set, then the file is deleted.

Every step may be done again, so that after a crash at any moment the next run ends what was begun.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from labmon_dagster.components.feed import Tell
from labmon_dagster.components.processing.index import Index
from labmon_dagster.components.processing.progress import Journalled
from labmon_dagster.components.processing.told import Few
from labmon_dagster.journal import Journal
from labmon_dagster.model import Position
from labmon_dagster.records.processing import ProcessingRecords
from labmon_dagster.sources.processing.folder import Folder

_EVERY = 5


@dataclass(frozen=True)
class Finisher:
    """Finishes the good files of a journal. ``deleting``: they are removed from the folder."""

    folder: Folder
    journal: Journal
    index: Index
    records: ProcessingRecords
    deleting: bool
    now: Callable[[], int] = time.time_ns

    def finish(self, marks: dict[str, int], tell: Tell) -> None:
        """Finish what is delivered up to the ``marks`` of the days, and what was left before.

        Raises StoreError where the database is away.
        """
        with self.journal.locked():
            self.index.catch_up(self.journal)
        done, number, failed = 0, 0, Few(tell)
        for some in self.index.left():
            done += self._finish([one for one in some if one.end <= marks.get(one.day, 0)], failed)
        for day, begin, until in self.index.spans(marks, deleting=self.deleting):
            for some in self.index.entries(day, begin, until):
                done, number = done + self._finish(some, failed), number + 1
                self.index.finished(day, some[-1].end, deleting=self.deleting)
                if number % _EVERY == 0:
                    tell(f"{done} files finished so far")
            self.index.finished(day, until, deleting=self.deleting)
        failed.end("and {} more files that cannot be finished")
        if done:
            tell(f"{done} files finished{', and deleted if they were there' if self.deleting else ''}")

    def _finish(self, some: Sequence[Journalled], tell: Tell) -> int:
        lacking = {(one.stream, one.made) for one in self.records.missing([one.version for one in some])}
        stored = [one for one in some if (one.version.stream, one.version.made) not in lacking]
        failed = [one for one in some if (one.version.stream, one.version.made) in lacking]
        for one in failed:
            tell(f"{one.found.name} stays: not all of its records are in the store; see the quarantine")
        self.records.heads.advance_all(one.version for one in stored)
        done = [one for one in stored if not self.deleting or self._deleted(one, tell)]
        self.index.settle(done, [*failed, *(one for one in stored if one not in done)], self.now())
        return len(done)

    def _deleted(self, one: Journalled, tell: Tell) -> bool:
        """See that a file is gone, if it is the one that was journalled; False: it cannot be removed."""
        try:
            self.folder.remove(one.found, one.digest)
        except OSError as error:
            tell(f"{one.found.name} cannot be deleted: {error.strerror}")
            return False
        return True


def marks_of(known: Position) -> dict[str, int]:
    """Say how far each day is delivered, from the marks of its streams."""
    return {stream: mark.offset for stream, mark in known.items()}
