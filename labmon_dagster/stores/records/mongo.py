"""Records in MongoDB: one document each, its fields at the top, so that any program can read them.

Records that other programs made are found by their name and changed where they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import uuid4

from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError

from labmon_dagster.stores.base import StoreError
from labmon_dagster.stores.documents.mongo.address import Address
from labmon_dagster.stores.documents.mongo.records import HIDDEN
from labmon_dagster.stores.documents.mongo.server import Record as Stored
from labmon_dagster.stores.documents.mongo.server import Server
from labmon_dagster.stores.documents.names import check_collection
from labmon_dagster.stores.documents.plain import EXACT
from labmon_dagster.stores.records.base import NAME, Change, Record, fitting

_REVISION, _CHANGES = f"{HIDDEN}.revision", f"{HIDDEN}.changes"
# Of so many changes one can say afterwards that they were done, when the answer was lost.
_REMEMBERED = 16


class MongoRecords:
    """A `RecordStore` in one database of a MongoDB. ``server`` is closed with it."""

    def __init__(self, server: Server) -> None:
        self.server = server

    @classmethod
    def at(cls, url: str, password: str | None = None, *, patience: float = 30.0) -> MongoRecords:
        """Open those behind a URL (see `MongoDocuments`). Raises ValueError for one without database."""
        return cls(Server(Address.parse(url), password, patience))

    def find(self, collection: str, name: str) -> Record | None:
        """Give the record of that name. Raises StoreError where several have it."""
        found = self.server.do(lambda mongo: list(mongo[collection].find({NAME: name}).limit(2)))
        if len(found) > 1:
            raise StoreError(f"{collection}: {name!r} is the name of several records; only one may have it")
        return _record(found[0]) if found else None

    def select(self, collection: str, fields: tuple[str, ...] = ()) -> Iterator[Record]:
        """Give all records that have a name, by name."""
        named = {NAME: {"$type": "string"}}
        wanted = {one: 1 for field in (NAME, HIDDEN, *fields) for one in (field, f"{field}{EXACT}")}
        yield from map(
            _record,
            self.server.do(
                lambda mongo: list(mongo[collection].find(named, wanted if fields else None).sort(NAME, 1))
            ),
        )

    def insert(self, collection: str, name: str, body: Mapping[str, Any]) -> bool:
        """Make a record; False: there is one of that name."""
        check_collection(collection)
        token = uuid4().hex
        record = {"_id": name, **fitting(body), HIDDEN: {"revision": 1, "changes": [token]}}
        self.server.ensure(collection, NAME)
        return self.server.do(lambda mongo: _insert(mongo[collection], record, token))

    def change(self, collection: str, seen: Record, change: Change) -> bool:
        """Change a record if it is as it was seen; False: it is not."""
        token, fit = uuid4().hex, change.plain()
        asked = {"_id": seen.key, _REVISION: seen.revision or None}
        # Other programs do not count revisions: what is set must be as it was seen, too.
        asked |= {field: seen.body.get(field) for field in fit.sets}
        update: dict[str, Any] = {
            "$inc": {_REVISION: 1},
            "$push": {**fit.appends, _CHANGES: {"$each": [token], "$slice": -_REMEMBERED}},
        }
        if fit.sets:
            update["$set"] = fit.sets
        return self.server.do(lambda mongo: _change(mongo[collection], asked, update, token))

    def close(self) -> None:
        """Close the connections of this process."""
        self.server.close()


def _insert(collection: Collection[Stored], record: Stored, token: str) -> bool:
    if collection.find_one({NAME: record["_id"], _CHANGES: {"$ne": token}}, {"_id": 1}):
        return False
    try:
        collection.insert_one(record)
    except DuplicateKeyError:
        # It may be our own, if the answer to an earlier try was lost.
        return _done(collection, record["_id"], token)
    return True


def _change(collection: Collection[Stored], asked: Stored, update: Stored, token: str) -> bool:
    done = collection.update_one(asked, update)
    return bool(done.matched_count) or _done(collection, asked["_id"], token)


def _done(collection: Collection[Stored], key: object, token: str) -> bool:
    return collection.find_one({"_id": key, _CHANGES: token}, {"_id": 1}) is not None


def _record(stored: Stored) -> Record:
    key, hidden = stored.pop("_id"), stored.pop(HIDDEN, {})
    return Record(stored[NAME], stored, hidden.get("revision", 0), key)
