"""How far journalled files are *finished* (heads set, files deleted), and which were put aside for a while.

None of this is the truth of anything: what is lost of it is only done again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from labmon_dagster.records.processing import Version
from labmon_dagster.sources.processing.folder import Found
from labmon_dagster.stores.sqlite.database import Database

PROGRESS = """
CREATE TABLE IF NOT EXISTS days (
    day TEXT NOT NULL PRIMARY KEY, "end" INTEGER NOT NULL,
    finished INTEGER NOT NULL DEFAULT 0, deleting INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS unfinished (
    day TEXT NOT NULL, "offset" INTEGER NOT NULL, since INTEGER NOT NULL, PRIMARY KEY (day, "offset")
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS aside (
    name TEXT NOT NULL PRIMARY KEY, changed INTEGER NOT NULL, size INTEGER NOT NULL, since INTEGER NOT NULL
) WITHOUT ROWID;
"""
_COLUMNS = 'day, "offset", "end", name, changed, size, digest, stream, made, records'
_ENTRIES = f'SELECT {_COLUMNS} FROM entries WHERE day = ? AND "offset" >= ? AND "end" <= ? '  # noqa: S608
_LEFT = f'SELECT {_COLUMNS} FROM entries NATURAL JOIN unfinished WHERE (day, "offset") > (?, ?) '  # noqa: S608
_SOME = 2000


class Journalled(NamedTuple):
    """A good file in the journal: the place of its entry, which file it was, the version it holds."""

    day: str
    offset: int
    end: int
    found: Found
    digest: str
    version: Version


class Progress:
    """How far the days of the journal are known and finished."""

    def __init__(self, database: Database) -> None:
        self.database = database

    @property
    def connection(self) -> sqlite3.Connection:
        """The connection to the file."""
        return self.database.connection

    def ends(self) -> dict[str, int]:
        """Say how far each day of the journal is known."""
        return dict(self.connection.execute('SELECT day, "end" FROM days'))

    def reached(self, day: str, end: int) -> None:
        """Note that a day is known up to ``end``."""
        self.connection.execute(
            'INSERT INTO days (day, "end") VALUES (?, ?) '
            'ON CONFLICT (day) DO UPDATE SET "end" = max("end", excluded."end")',
            (day, end),
        )

    def forget(self) -> None:
        """Begin anew."""
        with self.database.transaction():
            for table in ("files", "streams", "entries", "days", "unfinished", "aside"):
                self.connection.execute(f"DELETE FROM {table}")  # noqa: S608

    def has_unfinished(self, marks: Mapping[str, int], since: int, *, deleting: bool) -> bool:
        """Whether delivered files wait to be finished. ``marks``: how far each day is delivered.

        What was tried in vain after ``since`` (ns) does not count.
        """
        if any(self.spans(marks, deleting=deleting)):
            return True
        sql = "SELECT 1 FROM unfinished WHERE since <= ? LIMIT 1"
        return self.connection.execute(sql, (since,)).fetchone() is not None

    def spans(self, marks: Mapping[str, int], *, deleting: bool) -> Iterator[tuple[str, int, int]]:
        """Give the day, begin and end of all that is delivered and not finished."""
        rows = self.connection.execute('SELECT day, "end", finished, deleting FROM days').fetchall()
        for day, end, finished, deleted in rows:
            begin, until = (0 if deleting > deleted else finished), min(end, marks.get(day, 0))
            if begin < until:
                yield day, begin, until

    def entries(self, day: str, begin: int, until: int) -> Iterator[list[Journalled]]:
        """Give the good files of a part of a day, some at a time."""
        while some := self._some(f'{_ENTRIES} ORDER BY "offset"', day, begin, until):
            yield some
            begin = some[-1].end

    def left(self) -> Iterator[list[Journalled]]:
        """Give the files that could not be finished, some at a time."""
        place: tuple[str, int] = ("", -1)
        while some := self._some(f'{_LEFT} ORDER BY day, "offset"', *place):
            yield some
            place = some[-1].day, some[-1].offset

    def _some(self, sql: str, *values: object) -> list[Journalled]:
        return [_journalled(row) for row in self.connection.execute(f"{sql} LIMIT {_SOME}", values)]

    def finished(self, day: str, end: int, *, deleting: bool) -> None:
        """Note that a day is finished up to ``end``."""
        sql = "UPDATE days SET finished = ?, deleting = ? WHERE day = ?"
        self.connection.execute(sql, (end, deleting, day))

    def reopen(self, marks: Mapping[str, int]) -> None:
        """Note that nothing is finished beyond what is delivered: the store may have been emptied."""
        with self.database.transaction():
            for day in self.ends():
                sql = "UPDATE days SET finished = min(finished, ?) WHERE day = ?"
                self.connection.execute(sql, (marks.get(day, 0), day))

    def settle(self, done: Sequence[Journalled], failed: Sequence[Journalled], now: int) -> None:
        """Note which of some files could be finished, and which not (ns)."""
        with self.database.transaction():
            sql = 'DELETE FROM unfinished WHERE day = ? AND "offset" = ?'
            self.connection.executemany(sql, [(one.day, one.offset) for one in done])
            sql = "INSERT OR REPLACE INTO unfinished VALUES (?, ?, ?)"
            self.connection.executemany(sql, [(one.day, one.offset, now) for one in failed])

    def put_aside(self, found: Found, now: int) -> None:
        """Note that a file could not be read (ns)."""
        sql = "INSERT OR REPLACE INTO aside VALUES (?, ?, ?, ?)"
        self.connection.execute(sql, (found.name, found.changed, found.size, now))


def _journalled(row: Sequence[object]) -> Journalled:
    day, offset, end, name, changed, size, digest, stream, made, records = row
    found = Found(name, changed, size)  # type: ignore[arg-type]
    version = Version(stream, made, records, name)  # type: ignore[arg-type]
    return Journalled(day, offset, end, found, digest, version)  # type: ignore[arg-type]
