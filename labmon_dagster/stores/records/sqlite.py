"""Records in SQLite: one table per collection, the body as MongoDB's extended JSON (relaxed)."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from labmon_dagster.stores.base import StoreError
from labmon_dagster.stores.documents import extended
from labmon_dagster.stores.documents.names import check_collection
from labmon_dagster.stores.documents.plain import EXACT
from labmon_dagster.stores.records.base import NAME, Change, Record, changed, findable, named
from labmon_dagster.stores.sqlite.database import Database, quoted

_COLLECTIONS = "labmon_record_collections"
_TABLE = "CREATE TABLE {} (name TEXT NOT NULL PRIMARY KEY, body TEXT NOT NULL, revision INTEGER NOT NULL)"


class SqliteRecords:
    """A `RecordStore` in one SQLite file. Several processes and threads may use it at once."""

    def __init__(self, path: Path) -> None:
        self.database = Database(path, durable=True)
        self._one_by_one = threading.RLock()

    def find(self, collection: str, name: str, *, newest: bool = False) -> Record | None:
        """Give the record of that name; it is the newest always."""
        with self._asked():
            if not findable(name) or not self._known(collection):
                return None
            sql = f"SELECT name, body, revision FROM {quoted(collection)} WHERE name = ?"  # noqa: S608
            row = self._run(sql, name).fetchone()
            return None if row is None else _record(row)

    def select(self, collection: str, fields: tuple[str, ...] = ()) -> Iterator[Record]:
        """Give all records by name."""
        with self._asked():
            sql = f"SELECT name, body, revision FROM {quoted(collection)} ORDER BY name"  # noqa: S608
            rows = self._run(sql).fetchall() if self._known(collection) else []
        for row in rows:
            yield _record(row, fields)

    def insert(self, collection: str, name: str, body: Mapping[str, Any]) -> bool:
        """Make a record; False: there is one of that name. Raises StoreError for an unfit collection."""
        fit = extended.text(named(name, body))
        with self._asked(), self.database.transaction():
            self._ensure(collection)
            sql = f"INSERT INTO {quoted(collection)} VALUES (?, ?, 1) ON CONFLICT DO NOTHING"  # noqa: S608
            return self._run(sql, name, fit).rowcount == 1

    def change(self, collection: str, seen: Record, change: Change) -> bool:
        """Change a record if it is as it was seen; False: it is not."""
        fit = extended.text(changed(seen, change.plain()))
        sql = f"UPDATE {quoted(collection)} SET body = ?, revision = revision + 1 "  # noqa: S608
        with self._asked(), self.database.transaction():
            asked = "WHERE name = ? AND revision = ?"
            return self._run(sql + asked, fit, seen.name, seen.revision).rowcount == 1

    def find_many(self, collection: str, names: Iterable[str]) -> dict[str, Record]:
        """Give those of some records that are there, by name."""
        return {name: seen for name in dict.fromkeys(names) if (seen := self.find(collection, name))}

    def attempt(
        self, collection: str, fields: Mapping[str, Mapping[str, Any]], seen: Mapping[str, Record]
    ) -> None:
        """Set fields of some records, or make them, in one transaction."""
        with self._asked(), self.database.transaction():
            for name, sets in fields.items():
                if name in seen:
                    self.change(collection, seen[name], Change(sets))
                else:
                    self.insert(collection, name, sets)

    def close(self) -> None:
        """Close the connection."""
        self.database.close()

    @contextmanager
    def _asked(self) -> Iterator[None]:
        """One thread at a time: they share the connection, and with it the transaction."""
        with self._one_by_one:
            try:
                yield
            except (sqlite3.Error, OSError) as error:
                raise StoreError(f"{self.database.path}: {error}") from error

    def _run(self, sql: str, *values: object) -> sqlite3.Cursor:
        return self.database.connection.execute(sql, values)

    def _known(self, collection: str) -> bool:
        sql = f"SELECT 1 FROM {_COLLECTIONS} WHERE name = ?"  # noqa: S608
        return self._has(_COLLECTIONS) and self._run(sql, collection).fetchone() is not None

    def _ensure(self, collection: str) -> None:
        """Make the collection if it is new. Raises StoreError for a name it cannot have."""
        check_collection(collection)
        if self._known(collection):
            return
        if self._has(collection):
            raise StoreError(f"collection {collection!r}: there is another table of this name, cases aside")
        self._run(f"CREATE TABLE IF NOT EXISTS {_COLLECTIONS} (name TEXT NOT NULL PRIMARY KEY)")
        self._run(_TABLE.format(quoted(collection)))
        self._run(f"INSERT INTO {_COLLECTIONS} VALUES (?)", collection)  # noqa: S608

    def _has(self, table: str) -> bool:
        sql = "SELECT 1 FROM sqlite_master WHERE name = ? COLLATE NOCASE"
        return self._run(sql, table).fetchone() is not None


def _record(row: Sequence[Any], fields: tuple[str, ...] = ()) -> Record:
    name, text, revision = row
    body = extended.body(text)
    if fields:
        wanted = {NAME, *fields, *(f"{field}{EXACT}" for field in fields)}
        body = {key: value for key, value in body.items() if key in wanted}
    return Record(name, body, revision, name)
