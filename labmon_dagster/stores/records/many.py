"""Many records at once: what there is of some names, and fields set in all of them with one write.

An attempt does what it can and says nothing of single records: who makes it looks again, and does what was
not done one by one.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any
from uuid import uuid4

from pymongo import InsertOne, UpdateOne
from pymongo.errors import BulkWriteError

from labmon_dagster.stores.base import StoreError
from labmon_dagster.stores.documents.mongo.bulk import Operation
from labmon_dagster.stores.documents.mongo.records import HIDDEN
from labmon_dagster.stores.documents.mongo.server import Mongo
from labmon_dagster.stores.documents.names import check_collection
from labmon_dagster.stores.records.base import NAME, Change, Record, RecordStore, findable, named
from labmon_dagster.stores.records.mongo import REMEMBERED, MongoRecords
from labmon_dagster.stores.records.sqlite import SqliteRecords

_AT_ONCE = 1000


def find_many(store: RecordStore, collection: str, names: Iterable[str]) -> dict[str, Record]:
    """Give those of some records that are there, by name. Raises StoreError where several have one."""
    wanted = list(dict.fromkeys(filter(findable, names)))
    if not isinstance(store, MongoRecords):
        return {name: seen for name in wanted if (seen := store.find(collection, name))}
    found: list[dict[str, Any]] = []
    for first in range(0, len(wanted), _AT_ONCE):
        found += store.server.do(partial(_found, collection, wanted[first : first + _AT_ONCE]))
    records = {one[NAME]: _record(one) for one in found}
    if len(records) < len(found):  # the store says which
        return {name: seen for name in wanted if (seen := store.find(collection, name))}
    return records


def attempt_many(
    store: RecordStore,
    collection: str,
    fields: Mapping[str, Mapping[str, Any]],
    seen: Mapping[str, Record],
) -> None:
    """Set fields of some records, by name, that are as they were ``seen``; make those that were not.

    What was done is safe when this returns. Raises StoreError, UnfitError.
    """
    if isinstance(store, MongoRecords):
        _attempt(store, collection, fields, seen)
    elif isinstance(store, SqliteRecords):
        try:
            with store.database.transaction():
                _one_by_one(store, collection, fields, seen)
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"{store.database.path}: {error}") from error
    else:
        _one_by_one(store, collection, fields, seen)


def _one_by_one(
    store: RecordStore,
    collection: str,
    fields: Mapping[str, Mapping[str, Any]],
    seen: Mapping[str, Record],
) -> None:
    for name, sets in fields.items():
        if name in seen:
            store.change(collection, seen[name], Change(sets))
        else:
            store.insert(collection, name, sets)


def _attempt(
    store: MongoRecords,
    collection: str,
    fields: Mapping[str, Mapping[str, Any]],
    seen: Mapping[str, Record],
) -> None:
    check_collection(collection)
    wanted = [
        _update(seen[name], Change(sets)) if name in seen else _insert(name, sets)
        for name, sets in fields.items()
    ]
    store.server.ensure(collection, NAME)
    for first in range(0, len(wanted), _AT_ONCE):
        store.server.do(partial(_written, collection, wanted[first : first + _AT_ONCE]))


def _insert(name: str, body: Mapping[str, Any]) -> Operation:
    hidden = {"revision": 1, "made": uuid4().hex, "changes": []}
    return InsertOne({"_id": name, **named(name, body), HIDDEN: hidden})


def _update(seen: Record, change: Change) -> Operation:
    """Set fields as `MongoRecords.change` does: the fields are compared too, as others do not count."""
    sets = dict(change.plain().sets)
    as_seen = {field: {"$eq": seen.body.get(field)} for field in sets}
    asked = {"_id": {"$eq": seen.key}, f"{HIDDEN}.revision": seen.revision or None, **as_seen}
    token = {"$each": [uuid4().hex], "$slice": -REMEMBERED}
    counted = {"$inc": {f"{HIDDEN}.revision": 1}, "$push": {f"{HIDDEN}.changes": token}}
    return UpdateOne(asked, {"$set": sets, **counted})


def _written(collection: str, operations: Sequence[Operation], mongo: Mongo) -> None:
    # What a server refuses, or is not sure of, is seen by who looks again.
    with contextlib.suppress(BulkWriteError):
        mongo[collection].bulk_write(operations, ordered=False)


def _found(collection: str, names: list[str], mongo: Mongo) -> list[dict[str, Any]]:
    return list(mongo[collection].find({NAME: {"$in": names}}))


def _record(stored: dict[str, Any]) -> Record:
    key, hidden = stored.pop("_id"), stored.pop(HIDDEN, None)
    revision = hidden.get("revision", 0) if isinstance(hidden, dict) else 0
    return Record(stored[NAME], stored, revision, key)
