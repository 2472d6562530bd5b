"""Which files of processing output were journalled: a view of the journal that can always be made anew."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path

from labmon_dagster.components.processing.entry import State, Taken
from labmon_dagster.components.processing.progress import PROGRESS, Progress
from labmon_dagster.journal import Damage, Entry, FileError, Journal
from labmon_dagster.sources.processing.folder import Found
from labmon_dagster.stores.sqlite.database import Database

_LOG = logging.getLogger(__name__)
_ONCE, _FILES, _BYTES = 2000, 500, 16 * 1024 * 1024
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_TABLES = f"""
CREATE TABLE IF NOT EXISTS files (
    name TEXT NOT NULL PRIMARY KEY, changed INTEGER NOT NULL, size INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS streams (stream TEXT NOT NULL PRIMARY KEY, made INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS entries (
    day TEXT NOT NULL, "offset" INTEGER NOT NULL, "end" INTEGER NOT NULL, name TEXT NOT NULL,
    changed INTEGER NOT NULL, size INTEGER NOT NULL, digest TEXT NOT NULL, stream TEXT NOT NULL,
    made INTEGER NOT NULL, records INTEGER NOT NULL, PRIMARY KEY (day, "offset")
) WITHOUT ROWID;
{PROGRESS}
CREATE TEMP TABLE seen (
    changed INTEGER NOT NULL, name TEXT NOT NULL, size INTEGER NOT NULL, PRIMARY KEY (changed, name)
) WITHOUT ROWID;
"""
_ADD_FILE = (
    "INSERT INTO files VALUES (?, ?, ?) "
    "ON CONFLICT (name) DO UPDATE SET changed = excluded.changed, size = excluded.size"
)
_ADD_STREAM = (
    "INSERT INTO streams VALUES (?, ?) ON CONFLICT (stream) DO UPDATE SET made = max(made, excluded.made)"
)
_ADD_ENTRY = "INSERT OR IGNORE INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_ADD_SEEN = (
    "INSERT INTO temp.seen SELECT ?1, ?2, ?3 "
    "WHERE NOT EXISTS (SELECT 1 FROM files WHERE name = ?2 AND changed = ?1 AND size = ?3) "
    "AND NOT EXISTS (SELECT 1 FROM aside WHERE name = ?2 AND changed = ?1 AND size = ?3 AND since > ?4)"
)


class Index(Progress):
    """The files that were journalled, the newest data of each stream, and which files are to be finished."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.connection.executescript(_TABLES)

    @classmethod
    @contextmanager
    def at(cls, path: Path) -> Iterator[Index]:
        """Open the index in a file, which may be removed at any time. Raises sqlite3.Error.

        A damaged one is removed: at once if it cannot be opened, and otherwise so that the next is made anew.
        """
        with closing(Database(path)) as database:
            try:
                index = cls(database)
            except sqlite3.DatabaseError as error:
                _remove_damaged(database, error)
                index = cls(database)
            try:
                yield index
            except sqlite3.DatabaseError as error:
                _remove_damaged(database, error)
                raise

    def behind(self, journal: Journal) -> bool:
        """Whether the journal holds entries that the index does not know, or has lost what it knows."""
        ends = self.ends()
        return self._lost(journal) or any(ends.get(day, 0) < journal.size(day) for day in journal.days())

    def _lost(self, journal: Journal) -> bool:
        """Whether days that are known were removed otherwise than by pruning: their files are new again."""
        return not {*journal.days(), *journal.pruned_days()}.issuperset(self.ends())

    def catch_up(self, journal: Journal) -> None:
        """Take in what was journalled since.

        What cannot be read of a damaged day is passed over: files of it that are still there are new again.
        """
        if self._lost(journal):
            _LOG.warning("days of the journal %s are gone; the index of files is made anew", journal.folder)
            self.forget()
        for day in journal.days():
            known, size = self.ends().get(day, 0), journal.size(day)
            if known == size:
                continue
            try:
                self._read(journal, day, known)
            except FileError as error:
                _LOG.warning("%s", error)
            except ValueError as error:
                _LOG.warning("%s; the index of files is made anew", error)
                self.forget()
                return self.catch_up(journal)
            self.reached(day, size)
        return None

    def _read(self, journal: Journal, day: str, known: int) -> None:
        entries = journal.read(day, known, _passed_over)
        while some := list(islice(entries, _FILES)):
            self.add(some)

    def add(self, entries: Iterable[Entry]) -> None:
        """Take in entries that follow on those known, in their order."""
        with self.database.transaction():
            for entry in entries:
                self._add(entry)
                self.reached(entry.day, entry.end)

    def _add(self, entry: Entry) -> None:
        try:
            taken = Taken.of(entry)
        except ValueError:
            return  # whoever reads the day tells of it
        found = taken.found
        self.connection.execute(_ADD_FILE, (found.name, found.changed, found.size))
        if taken.state is State.GOOD:
            self.connection.execute(_ADD_STREAM, (taken.stream, taken.made))
            place = (entry.day, entry.offset, entry.end)
            told = (found.name, found.changed, found.size, taken.digest, taken.stream, taken.made)
            self.connection.execute(_ADD_ENTRY, (*place, *told, taken.records))

    def knows(self, one: Found) -> bool:
        """Whether a file was journalled as it is."""
        sql = "SELECT 1 FROM files WHERE name = ? AND changed = ? AND size = ?"
        return self.connection.execute(sql, (one.name, one.changed, one.size)).fetchone() is not None

    def newest(self, stream: str) -> int | None:
        """Say of when the newest data of a stream are that were journalled (UTC ns)."""
        row = self.connection.execute("SELECT made FROM streams WHERE stream = ?", (stream,)).fetchone()
        return None if row is None else int(row[0])

    def has_unknown(self, listed: Iterable[Found], since: int) -> bool:
        """Whether a file is new, or another than before; not one that was put aside after ``since`` (ns)."""
        return any(self._gathered(listed, since))

    def unknown(self, listed: Iterable[Found]) -> Iterator[list[Found]]:
        """Give all files that are new, or others than before: some at a time, the oldest first."""
        for _ in self._gathered(listed, 2**63 - 1):
            pass
        rows = self.connection.execute("SELECT name, changed, size FROM temp.seen ORDER BY changed, name")
        some: list[Found] = []
        size = 0
        for row in rows:
            some.append(Found(*row))
            size += some[-1].size
            if len(some) == _FILES or size > _BYTES:
                yield some
                some, size = [], 0
        if some:
            yield some

    def _gathered(self, listed: Iterable[Found], since: int) -> Iterator[int]:
        """Put the unknown files into a table of this connection; give after each portion how many it had."""
        self.connection.execute("DELETE FROM temp.seen")
        waiting = iter(listed)
        while some := [(one.changed, one.name, one.size, since) for one in islice(waiting, _ONCE)]:
            self.connection.execute("BEGIN")
            try:
                yield self.connection.executemany(_ADD_SEEN, some).rowcount
            finally:
                self.connection.execute("COMMIT")


def _remove_damaged(database: Database, error: sqlite3.DatabaseError) -> None:
    """Remove the file of an index if it is damaged; otherwise raise the error."""
    if getattr(error, "sqlite_errorcode", None) not in _DAMAGED:
        raise error
    _LOG.warning("%s: %s; the index of files is made anew", database.path, error)
    database.close()
    for ending in ("", "-wal", "-shm"):
        Path(f"{database.path}{ending}").unlink(missing_ok=True)


def _passed_over(damage: Damage) -> None:
    """A damaged line names no file; whoever reads the day tells of it."""
