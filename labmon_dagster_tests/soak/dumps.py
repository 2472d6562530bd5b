"""All documents and pieces of quarantine of a store as bytes, without what names the read that wrote them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

import bson
from pymongo import MongoClient

_OWN, _HIDDEN = "labmon_", "_labmon"
_OF_THE_READ = ("run", "met")  # of a piece: by which run, and when


class Dump(Protocol):
    """A store that is read by another reader than labmon."""

    def content(self) -> bytes:
        """Everything, in order of names."""
        ...

    def counts(self) -> tuple[dict[str, int], int]:
        """Documents by collection, and pieces in quarantine."""
        ...

    def drop(self) -> None:
        """Remove everything, also the ledger."""
        ...


class MongoDump:
    """A database of a MongoDB: documents as the BSON they are."""

    def __init__(self, url: str, database: str) -> None:
        self.url, self.database = url, database

    def content(self) -> bytes:
        """Everything, in order of names."""
        with MongoClient[dict[str, Any]](self.url) as client:
            mongo = client[self.database]
            parts = [b"".join(map(_of_mongo, mongo[name].find().sort("_id"))) for name in self._names(client)]
            pieces = mongo[f"{_OWN}quarantine"].find({}, dict.fromkeys(_OF_THE_READ, 0)).sort("_id")
            return b"\0".join([*parts, b"".join(map(bson.encode, pieces))])

    def counts(self) -> tuple[dict[str, int], int]:
        """Documents by collection, and pieces in quarantine."""
        with MongoClient[dict[str, Any]](self.url) as client:
            mongo = client[self.database]
            found = {name: mongo[name].count_documents({}) for name in self._names(client)}
            return found, mongo[f"{_OWN}quarantine"].count_documents({})

    def drop(self) -> None:
        """Remove everything, also the ledger."""
        with MongoClient[dict[str, Any]](self.url) as client:
            client.drop_database(self.database)

    def _names(self, client: MongoClient[dict[str, Any]]) -> list[str]:
        names = client[self.database].list_collection_names()
        return sorted(name for name in names if not name.startswith((_OWN, "system.")))


def _of_mongo(document: dict[str, Any]) -> bytes:
    document[_HIDDEN].pop("read")
    return bson.encode(document)


class SqliteDump:
    """The file of an SQLite store: rows as their JSON."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def content(self) -> bytes:
        """Everything, in order of names."""
        with closing(sqlite3.connect(self.path)) as connection:
            return "\n".join(self._lines(connection)).encode()

    def counts(self) -> tuple[dict[str, int], int]:
        """Documents by collection, and pieces in quarantine."""
        if not self.path.exists():
            return {}, 0
        with closing(sqlite3.connect(self.path)) as connection:
            sizes = {
                name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]
                for name in self._names(connection)
            }
            pieces = connection.execute(f"SELECT count(*) FROM {_OWN}quarantine").fetchone()[0]
        return sizes, int(pieces)

    def drop(self) -> None:
        """Remove everything, also the ledger."""
        for path in self.path.parent.glob(f"{self.path.name}*"):
            path.unlink()

    def _names(self, connection: sqlite3.Connection) -> list[str]:
        rows = connection.execute("SELECT name FROM labmon_collections ORDER BY 1")
        return [name for (name,) in rows]

    def _lines(self, connection: sqlite3.Connection) -> Iterator[str]:
        for name in [*self._names(connection), f"{_OWN}quarantine"]:
            rows = connection.execute(f'SELECT * FROM "{name}" ORDER BY 1')
            names = [column[0] for column in rows.description]
            kept = [n for n, one in enumerate(names) if one not in {"_read", *_OF_THE_READ}]
            yield name
            for row in rows:
                yield json.dumps([row[n] for n in kept])
