"""Records in SQLite: one table per collection, the body as MongoDB's extended JSON (relaxed)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from labmon_dagster.stores.base import StoreError
from labmon_dagster.stores.documents import extended
from labmon_dagster.stores.documents.names import check_collection
from labmon_dagster.stores.documents.plain import EXACT
from labmon_dagster.stores.records.base import NAME, Change, Record, changed, fitting
from labmon_dagster.stores.sqlite.database import Database, quoted

_COLLECTIONS = "labmon_record_collections"
_TABLE = "CREATE TABLE {} (name TEXT NOT NULL PRIMARY KEY, body TEXT NOT NULL, revision INTEGER NOT NULL)"


class SqliteRecords:
    """A `RecordStore` in one SQLite file. Several processes may use the file at once."""

    def __init__(self, path: Path) -> None:
        self.database = Database(path, durable=True)

    def find(self, collection: str, name: str) -> Record | None:
        """Give the record of that name."""
        if not self._known(collection):
            return None
        sql = f"SELECT name, body, revision FROM {quoted(collection)} WHERE name = ?"  # noqa: S608
        row = self.database.connection.execute(sql, (name,)).fetchone()
        return None if row is None else _record(row)

    def select(self, collection: str, fields: tuple[str, ...] = ()) -> Iterator[Record]:
        """Give all records by name."""
        if not self._known(collection):
            return
        sql = f"SELECT name, body, revision FROM {quoted(collection)} ORDER BY name"  # noqa: S608
        for row in self.database.connection.execute(sql):
            yield _record(row, fields)

    def insert(self, collection: str, name: str, body: Mapping[str, Any]) -> bool:
        """Make a record; False: there is one of that name. Raises StoreError for an unfit collection."""
        fit = fitting(body)
        with self.database.transaction():
            self._ensure(collection)
            sql = f"INSERT INTO {quoted(collection)} VALUES (?, ?, 1) ON CONFLICT DO NOTHING"  # noqa: S608
            return self._run(sql, name, extended.text(fit)) == 1

    def change(self, collection: str, seen: Record, change: Change) -> bool:
        """Change a record if it is as it was seen; False: it is not."""
        fit = extended.text(changed(seen, change.plain()))
        sql = f"UPDATE {quoted(collection)} SET body = ?, revision = revision + 1 "  # noqa: S608
        with self.database.transaction():
            return self._run(f"{sql} WHERE name = ? AND revision = ?", fit, seen.name, seen.revision) == 1

    def close(self) -> None:
        """Close the connection."""
        self.database.close()

    def _run(self, sql: str, *values: object) -> int:
        return self.database.connection.execute(sql, values).rowcount

    def _known(self, collection: str) -> bool:
        return self._has(_COLLECTIONS) and bool(
            self.database.connection.execute(
                f"SELECT 1 FROM {_COLLECTIONS} WHERE name = ?",  # noqa: S608
                (collection,),
            ).fetchone()
        )

    def _ensure(self, collection: str) -> None:
        if self._known(collection):
            return
        check_collection(collection)
        if self._has(collection):
            raise StoreError(f"collection {collection!r}: a table of this name holds no records")
        self._run(f"CREATE TABLE IF NOT EXISTS {_COLLECTIONS} (name TEXT NOT NULL PRIMARY KEY)")
        self._run(_TABLE.format(quoted(collection)))
        self._run(f"INSERT INTO {_COLLECTIONS} VALUES (?)", collection)  # noqa: S608

    def _has(self, table: str) -> bool:
        sql = "SELECT 1 FROM sqlite_master WHERE name = ? COLLATE NOCASE"
        return self.database.connection.execute(sql, (table,)).fetchone() is not None


def _record(row: Sequence[Any], fields: tuple[str, ...] = ()) -> Record:
    name, text, revision = row
    body = extended.body(text)
    if fields:
        wanted = {NAME, *fields, *(f"{field}{EXACT}" for field in fields)}
        body = {key: value for key, value in body.items() if key in wanted}
    return Record(name, body, revision, name)
