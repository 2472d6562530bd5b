"""One SQLite file in WAL mode, shared by several processes, and the tables labmon keeps in it."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from labmon_dagster.model import TIME
from labmon_dagster.stores.base import OWNER_SHIFT, OWNERS, READ

FORMAT = 1
OWNED = f"({READ} >> {OWNER_SHIFT}) & {OWNERS - 1} = ?"
_BUSY_SECONDS = 60
_CACHE_KIB = 16_384
_CHECKPOINT_PAGES = 1000
_PAGE_BYTES = 16_384  # writing a wide table takes a quarter less time than with SQLite's 4096

_TABLES = """
CREATE TABLE IF NOT EXISTS labmon_format (version INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS labmon_columns (
    measurement TEXT NOT NULL, name TEXT NOT NULL, kind TEXT NOT NULL, type TEXT NOT NULL,
    unit TEXT NOT NULL DEFAULT '', description TEXT NOT NULL DEFAULT '', PRIMARY KEY (measurement, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS labmon_ledger (
    asset TEXT NOT NULL, day TEXT NOT NULL, read_until TEXT NOT NULL, covered TEXT NOT NULL,
    read INTEGER NOT NULL, stored INTEGER NOT NULL, repeated INTEGER NOT NULL, collided INTEGER NOT NULL,
    empty INTEGER NOT NULL, quarantined INTEGER NOT NULL, first INTEGER, last INTEGER,
    in_store INTEGER NOT NULL, stale INTEGER NOT NULL, proven INTEGER NOT NULL, verdict TEXT NOT NULL,
    tries INTEGER NOT NULL, trouble TEXT NOT NULL, run TEXT NOT NULL, version TEXT NOT NULL,
    written INTEGER NOT NULL, PRIMARY KEY (asset, day)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS labmon_quarantine (
    id TEXT NOT NULL PRIMARY KEY, asset TEXT NOT NULL, day TEXT NOT NULL, kind TEXT NOT NULL,
    reason TEXT NOT NULL, raw TEXT NOT NULL, place TEXT NOT NULL, context TEXT NOT NULL,
    identity TEXT NOT NULL, run TEXT NOT NULL, met INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS labmon_quarantine_day ON labmon_quarantine (asset, day);
INSERT INTO labmon_format SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM labmon_format);
"""


class Database:
    """A connection to the file, made when first needed. A transaction takes the write lock at once.

    ``durable``: what is committed outlives a power cut too, and not only a killed process; for what could
    not be read again.
    """

    def __init__(self, path: Path, *, durable: bool = False) -> None:
        self.path = path
        self._durable = durable
        self._connection: sqlite3.Connection | None = None

    @property
    def connection(self) -> sqlite3.Connection:
        """The open connection. Raises sqlite3.Error where the file cannot be opened."""
        if self._connection is None:
            self._connection = self._open()
        return self._connection

    def _open(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(
            self.path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            _prepare(connection)
            connection.execute(f"PRAGMA synchronous={'FULL' if self._durable else 'NORMAL'}")
            (version,) = connection.execute("SELECT max(version) FROM labmon_format").fetchone()
            if version != FORMAT:
                raise sqlite3.DatabaseError(
                    f"{self.path} has format {version}; this labmon reads format {FORMAT}"
                )
        except BaseException:
            connection.close()
            raise
        return connection

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside is committed together, or nothing is. May be nested: the outermost commits."""
        connection = self.connection
        if connection.in_transaction:
            yield
            return
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _prepare(connection: sqlite3.Connection) -> None:
    """Set the connection up, and make labmon's own tables in a new file."""
    connection.execute(f"PRAGMA page_size={_PAGE_BYTES}")
    _write_ahead(connection)
    connection.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")
    connection.execute(f"PRAGMA wal_autocheckpoint={_CHECKPOINT_PAGES}")
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'labmon_format'").fetchone():
        connection.executescript(f"BEGIN IMMEDIATE;{_TABLES}COMMIT;")


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Put the file into WAL mode, once for all time.

    Where two processes do so at once, SQLite refuses one of them without waiting.
    """
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def quoted(name: str) -> str:
    """Quote an SQL identifier, whatever characters it has."""
    return '"' + name.replace('"', '""') + '"'


def start_of(bucket: int) -> str:
    """Give the expression for where a row's bucket of ``bucket`` ns begins, before 1970 too.

    SQLite divides towards 0, buckets are cut downwards.
    """
    return f"({TIME} - (({TIME} % {bucket:d}) + {bucket:d}) % {bucket:d})"
