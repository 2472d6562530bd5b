"""Documents in SQLite: one table per collection, the body as MongoDB's extended JSON (relaxed)."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import polars as pl

from labmon_dagster.model import Window
from labmon_dagster.model.documents import Document
from labmon_dagster.stores.base import StoreError
from labmon_dagster.stores.documents import extended
from labmon_dagster.stores.documents.admission import admit
from labmon_dagster.stores.documents.kept import Admitted, Kept, tallied
from labmon_dagster.stores.documents.names import OWN, check_collection
from labmon_dagster.stores.sqlite.books import Books
from labmon_dagster.stores.sqlite.database import OWNED, Database, quoted, start_of

# SQLite takes a billion bytes, and a text may be six times as long in JSON as in BSON.
LARGEST = 128 * 1024 * 1024
_COLUMNS = "_id, time, body, _order, _place, _read"
_WITHOUT_BODY = "_id, time, '{}', _order, _place, _read"
_UPSERT = (
    "INSERT INTO {} (_id, time, body, _order, _place, _read) VALUES (?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (_id) DO UPDATE SET time = excluded.time, body = excluded.body, "
    "_order = excluded._order, _place = excluded._place, _read = excluded._read"
)
_TABLES = """
CREATE TABLE {} (
    _id TEXT NOT NULL PRIMARY KEY, time INTEGER NOT NULL, body TEXT NOT NULL,
    _order INTEGER NOT NULL, _place INTEGER NOT NULL, _read INTEGER NOT NULL
)
"""
_BY_RECEIPT, _RECEIVED = "_order, _read", f"WHERE _order = ? AND {OWNED}"
_IDS, _PAGE = 500, 200


class SqliteDocuments(Books):
    """A `DocumentStore` in one SQLite file. Several processes may use the file at once."""

    def __init__(self, path: Path) -> None:
        super().__init__(Database(path))

    def transaction(self) -> AbstractContextManager[None]:
        """Everything written inside is committed together."""
        return self.database.transaction()

    def close(self) -> None:
        """Close the connection."""
        self.database.close()

    def clock(self) -> int | None:
        """The file is on this machine: there is no other clock."""
        return None

    def collections(self) -> list[str]:
        """Names of all collections."""
        if not self._has("labmon_collections"):
            return []
        rows = self._execute("SELECT name FROM labmon_collections ORDER BY 1")
        return [name for (name,) in rows]

    def admit(self, documents: Iterable[Document], read: int) -> Admitted:
        """Make documents ready to be written by the read of that token; some may be refused."""
        return admit(documents, read, LARGEST)

    def find(self, collection: str, ids: Iterable[str], *, bodies: bool = True) -> dict[str, Kept]:
        """Give those of some documents that are there, by id; without ``bodies`` these are empty."""
        columns = _COLUMNS if bodies else _WITHOUT_BODY
        return {row[0]: _kept(row) for row in self._rows(collection, ids, columns)}

    def there(self, collection: str, ids: Iterable[str]) -> set[str]:
        """Give the ids of those of some documents that are there."""
        return {known_by for (known_by,) in self._rows(collection, ids, "_id")}

    def _rows(self, collection: str, ids: Iterable[str], columns: str) -> Iterator[Sequence[Any]]:
        if collection not in self.collections():
            return
        wanted = list(dict.fromkeys(ids))
        for first in range(0, len(wanted), _IDS):
            some = wanted[first : first + _IDS]
            marks = ", ".join("?" * len(some))
            sql = f"SELECT {columns} FROM {quoted(collection)} WHERE _id IN ({marks})"  # noqa: S608
            yield from self._execute(sql, some)

    def fetch(
        self, collection: str, window: Window, owner: int | None = None, received: int | None = None
    ) -> Iterator[Kept]:
        """Give the documents of a window by time, then id, some at a time."""
        if collection not in self.collections():
            return
        chosen = {f" AND {OWNED}": owner, " AND _order = ?": received}
        asked = {condition: value for condition, value in chosen.items() if value is not None}
        behind: tuple[int, str] = (window.start, "")
        while True:
            rows = self._execute(
                f"SELECT {_COLUMNS} FROM {quoted(collection)} "  # noqa: S608
                f"WHERE (time, _id) > (?, ?) AND time < ?{''.join(asked)} ORDER BY time, _id LIMIT {_PAGE}",
                (*behind, window.end, *asked.values()),
            ).fetchall()
            yield from map(_kept, rows)
            if len(rows) < _PAGE:
                return
            behind = (rows[-1][1], rows[-1][0])

    def write(self, collection: str, documents: Sequence[Kept]) -> dict[str, str]:
        """Insert or replace documents by id; none is refused. Raises StoreError for an unfit collection."""
        if not documents:
            return {}
        with self.database.transaction():
            self._ensure(collection)
            rows = [
                (one.id, one.time, extended.text(one.body), one.order, one.place, one.read)
                for one in documents
            ]
            sql = _UPSERT.format(quoted(collection))
            done = self.database.connection.executemany(sql, rows).rowcount
            if done != len(rows):
                raise StoreError(f"{collection}: {len(rows)} documents to write, SQLite says {done}")
        return {}

    def delete(self, owner: int, window: Window) -> None:
        """Remove the documents an asset wrote in a window, in every collection."""
        with self.database.transaction():
            for collection in self.collections():
                self._execute(
                    f"DELETE FROM {quoted(collection)} WHERE time >= ? AND time < ? AND {OWNED}",  # noqa: S608
                    (window.start, window.end, owner),
                )

    def count(self, collection: str, window: Window, bucket: int, owner: int | None = None) -> dict[int, int]:
        """Documents per bucket of ``bucket`` ns, of one owner or of all."""
        if collection not in self.collections():
            return {}
        owned, values = ("", ()) if owner is None else (f" AND {OWNED}", (owner,))
        rows = self._execute(
            f"SELECT {start_of(bucket)}, count(*) FROM {quoted(collection)} "  # noqa: S608
            f"WHERE time >= ? AND time < ?{owned} GROUP BY 1",
            (window.start, window.end, *values),
        )
        return dict(rows.fetchall())

    def index(self, collection: str, keys: str) -> None:
        """See that a collection can be searched by some keys (words) of its documents."""
        with self.database.transaction():
            self._ensure(collection)
            self._index(collection, keys, ", ".join(map(_key, keys.split())))

    def count_received(self, collection: str, owner: int, day: int) -> int:
        """Count an asset's documents whose order is a day."""
        if collection not in self.collections():
            return 0
        self._index(collection, "receipt", _BY_RECEIPT)
        rows = self._execute(f"SELECT count(*) FROM {quoted(collection)} {_RECEIVED}", (day, owner))  # noqa: S608
        return int(rows.fetchone()[0])

    def delete_received(self, owner: int, day: int) -> None:
        """Remove an asset's documents whose order is a day, in every collection."""
        with self.database.transaction():
            for collection in self.collections():
                self._execute(f"DELETE FROM {quoted(collection)} {_RECEIVED}", (day, owner))  # noqa: S608

    def tally(
        self, collection: str, keys: Sequence[str], window: Window | None = None, bucket: int = 0
    ) -> pl.DataFrame:
        """Count documents by the values of some keys, and by bucket."""
        groups = [*([start_of(bucket)] if bucket else []), *map(_key, keys)]
        chosen = "WHERE time >= ? AND time < ?" if window else ""
        sql = (
            f"SELECT {', '.join(groups)}, count(*) FROM {quoted(collection)} {chosen} "  # noqa: S608
            f"GROUP BY {', '.join(map(str, range(1, len(groups) + 1)))}"
        )
        there = collection in self.collections()
        rows = self._execute(sql, (window.start, window.end) if window else ()) if there else ()
        return tallied(keys, bucket, rows)

    def numbers(self, collection: str, key: str, where: Mapping[str, int]) -> pl.Series:
        """Give the integers a key has in the documents of which others have some values, in order."""
        asked = " AND ".join(f"{_key(name)} = ?" for name in where)
        sql = (
            f"SELECT {_key(key)} FROM {quoted(collection)} "  # noqa: S608
            f"WHERE {asked} AND {_key(key)} IS NOT NULL ORDER BY 1"
        )
        rows = self._execute(sql, list(where.values())) if collection in self.collections() else ()
        return pl.Series(key, (number for (number,) in rows), dtype=pl.Int64)

    def _index(self, collection: str, name: str, columns: str) -> None:
        made = quoted(f"{OWN}{name} of {collection}")
        self._execute(f"CREATE INDEX IF NOT EXISTS {made} ON {quoted(collection)} ({columns})")

    def _ensure(self, collection: str) -> None:
        """Make the collection if it is new. Raises StoreError for a name it cannot have."""
        if collection in self.collections():
            return
        check_collection(collection)
        if self._has(collection):
            raise StoreError(f"collection {collection!r}: there is a table of this name, cases aside")
        self._execute("CREATE TABLE IF NOT EXISTS labmon_collections (name TEXT NOT NULL PRIMARY KEY)")
        self._execute(_TABLES.format(quoted(collection)))
        self._index(collection, "time", "time, _id, _read")
        self._execute("INSERT INTO labmon_collections VALUES (?)", (collection,))

    def _has(self, table: str) -> bool:
        rows = self._execute("SELECT 1 FROM sqlite_master WHERE name = ? COLLATE NOCASE", (table,))
        return rows.fetchone() is not None

    def _execute(self, sql: str, values: Sequence[object] = ()) -> sqlite3.Cursor:
        return self.database.connection.execute(sql, values)


def _key(name: str) -> str:
    """Give the expression for a key of a document; ``name`` is one of the house's own."""
    return "time" if name == "time" else f"json_extract(body, '$.{name}')"


def _kept(row: Sequence[Any]) -> Kept:
    known_by, time, text, order, place, read = row
    return Kept(known_by, time, extended.body(text), order, place, read)
