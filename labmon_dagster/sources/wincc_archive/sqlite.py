"""An archive in an SQLite file: attached under the schema's name, so that the same SQL reads it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from labmon_dagster.model import SECOND, SourceError
from labmon_dagster.model.window import instant_text
from labmon_dagster.sources.wincc_archive.archive import BATCH, LostError
from labmon_dagster.sources.wincc_archive.statements import Bind, Dialect, Instant, Statement

_PASSING = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN}
_MINUTE_MS = 60_000


@dataclass(frozen=True)
class SqliteArchive:
    """An SQLite file with the tables of one schema. It is only read."""

    path: Path
    schema: str
    dialect: Dialect = Dialect.SQLITE

    @property
    def shown(self) -> str:
        """Name the file."""
        return f"archive {self.path}"

    def connect(self) -> SqliteConnection:
        """Open a session. Raises SourceError where there is no such file, LostError where it is busy."""
        if not self.path.is_file():
            raise SourceError(f"{self.shown}: there is no such file")
        connection = sqlite3.connect(":memory:", isolation_level=None, uri=True, check_same_thread=False)
        connection.text_factory = lambda raw: raw.decode(errors="backslashreplace")
        try:
            with _told(self.shown):
                connection.execute(f"PRAGMA busy_timeout={_MINUTE_MS}")
                uri = f"{self.path.absolute().as_uri()}?mode=ro"
                connection.execute(f"ATTACH DATABASE ? AS {self.schema}", (uri,))
                connection.execute("BEGIN")
        except BaseException:
            connection.close()
            raise
        return SqliteConnection(connection, self.shown)


@dataclass(frozen=True)
class SqliteConnection:
    """A read transaction on the file."""

    connection: sqlite3.Connection
    shown: str

    def frames(self, statement: Statement, size: int = BATCH) -> Iterator[pl.DataFrame]:
        """Give the result, ``size`` rows at a time."""
        with _told(self.shown):
            cursor = self.connection.execute(statement.text, bound(statement.binds))
            names = [column[0] for column in cursor.description]
            rows = cursor.fetchmany(size)
            yield _frame(names, rows)
            while rows := cursor.fetchmany(size):
                yield _frame(names, rows)

    def close(self) -> None:
        """End the session."""
        self.connection.close()


def bound(binds: Mapping[str, Bind]) -> dict[str, str]:
    """Give the binds as SQLite takes them: times are text."""
    return {name: _text(bind.ns) if isinstance(bind, Instant) else bind for name, bind in binds.items()}


def _text(ns: int) -> str:
    """Write a time as CHANGE_DATE is written.

    A whole second goes without its fraction: so written it comes before the same second with one, and text
    is compared letter by letter.
    """
    text = instant_text(ns)[:26].replace("T", " ")
    return text if ns % SECOND else text[:19]


@contextmanager
def _told(shown: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _PASSING:
            raise LostError(str(error)) from error
        raise SourceError(f"{shown}: {error}") from error
    except sqlite3.DatabaseError as error:
        raise SourceError(f"{shown}: {error}") from error


def _frame(names: Sequence[str], rows: Sequence[tuple[object, ...]]) -> pl.DataFrame:
    """Make a frame of numbers and text. A column may hold anything in SQLite: a mixed one becomes text."""
    kinds = {name: _kind(rows, number) for number, name in enumerate(names)}
    try:
        return pl.DataFrame(rows, schema=kinds, orient="row", strict=True)
    except (TypeError, OverflowError, pl.exceptions.PolarsError):
        columns = zip(names, zip(*rows, strict=True), strict=True)
        return pl.DataFrame([_mixed(name, values, kinds[name]) for name, values in columns])


def _kind(rows: Sequence[tuple[object, ...]], column: int) -> type[pl.DataType]:
    """Choose the type of a column by its first value. SQLite keeps 25 among 25.5 and 26.1 as an integer."""
    first = next((row[column] for row in rows if row[column] is not None), None)
    if isinstance(first, int) and not all(isinstance(row[column], int | None) for row in rows):
        return pl.Float64
    return {int: pl.Int64, float: pl.Float64, str: pl.String}.get(type(first), pl.Null)


def _mixed(name: str, values: Sequence[object], kind: type[pl.DataType]) -> pl.Series:
    try:
        return pl.Series(name, values, dtype=kind, strict=True)
    except (TypeError, OverflowError, pl.exceptions.PolarsError):
        return pl.Series(name, [None if value is None else str(value) for value in values], dtype=pl.String)
