"""Records in MongoDB: one document each, its fields at the top, so that any program can read them.

Records that other programs made are found by their name and changed where they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any
from uuid import uuid4

from pymongo import InsertOne, UpdateOne
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError, DuplicateKeyError, OperationFailure
from pymongo.read_concern import ReadConcern

from labmon_dagster.stores.base import StoreError
from labmon_dagster.stores.documents.mongo.address import Address
from labmon_dagster.stores.documents.mongo.bulk import Operation
from labmon_dagster.stores.documents.mongo.records import HIDDEN
from labmon_dagster.stores.documents.mongo.server import Mongo, Server
from labmon_dagster.stores.documents.mongo.server import Record as Stored
from labmon_dagster.stores.documents.names import check_collection
from labmon_dagster.stores.documents.plain import EXACT
from labmon_dagster.stores.records.base import NAME, Change, Record, findable, named

_REVISION, _MADE, _CHANGES = (f"{HIDDEN}.{name}" for name in ("revision", "made", "changes"))
# Of so many changes one can say afterwards that they were done, when the answer was lost.
REMEMBERED = 32
_AT_ONCE = 1000
_CONFIRMED_MS = 30_000
_NO_REPLICA_SET = 123  # a single server, whose state is the newest


class MongoRecords:
    """A `RecordStore` in one database of a MongoDB. ``server`` is closed with it."""

    def __init__(self, server: Server) -> None:
        self.server = server

    @classmethod
    def at(cls, url: str, password: str | None = None, *, patience: float = 30.0) -> MongoRecords:
        """Open those behind a URL (see `MongoDocuments`). Raises ValueError for one without database."""
        return cls(Server(Address.parse(url), password, patience))

    def find(self, collection: str, name: str, *, newest: bool = False) -> Record | None:
        """Give the record of that name. Raises StoreError where several have it."""
        if not findable(name):
            return None
        read = _newest if newest else _named
        found = self.server.do(lambda mongo: read(mongo[collection], name))
        if len(found) > 1:
            raise _several(collection, name)
        return _record(found[0]) if found else None

    def select(self, collection: str, fields: tuple[str, ...] = ()) -> Iterator[Record]:
        """Give all records that have a name, by name."""
        is_named = {NAME: {"$type": "string"}}
        wanted = {one: 1 for field in (NAME, *fields) for one in (field, f"{field}{EXACT}")} | {HIDDEN: 1}
        yield from map(
            _record,
            self.server.do(
                lambda mongo: list(mongo[collection].find(is_named, wanted if fields else None).sort(NAME, 1))
            ),
        )

    def insert(self, collection: str, name: str, body: Mapping[str, Any]) -> bool:
        """Make a record; False: there is one of that name."""
        check_collection(collection)
        record = _new(name, body)
        self.server.ensure(collection, NAME)
        return self.server.do(lambda mongo: _insert(mongo[collection], record))

    def change(self, collection: str, seen: Record, change: Change) -> bool:
        """Change a record if it is as it was seen; False: it is not."""
        return self.server.do(_Attempt(collection, seen, change.plain()))

    def find_many(self, collection: str, names: Iterable[str]) -> dict[str, Record]:
        """Give those of some records that are there, by name. Raises StoreError where several have one."""
        wanted = list(dict.fromkeys(filter(findable, names)))
        found: dict[str, Record] = {}
        for first in range(0, len(wanted), _AT_ONCE):
            some = {NAME: {"$in": wanted[first : first + _AT_ONCE]}}
            for one in map(_record, self.server.do(partial(_asked_for, collection, some))):
                if one.name in found:
                    raise _several(collection, one.name)
                found[one.name] = one
        return found

    def attempt(
        self, collection: str, fields: Mapping[str, Mapping[str, Any]], seen: Mapping[str, Record]
    ) -> None:
        """Set fields of some records, or make them, some at a time."""
        check_collection(collection)
        wanted: list[Operation] = [
            UpdateOne(*_update(seen[name], Change(sets).plain(), uuid4().hex))
            if name in seen
            else InsertOne(_new(name, sets))
            for name, sets in fields.items()
        ]
        self.server.ensure(collection, NAME)
        for first in range(0, len(wanted), _AT_ONCE):
            self.server.do(partial(_attempted, collection, wanted[first : first + _AT_ONCE]))

    def close(self) -> None:
        """Close the connections of this process."""
        self.server.close()


class _Attempt:
    """A change that may be tried again when the answer was lost: it is done once, and told truly."""

    def __init__(self, collection: str, seen: Record, fit: Change) -> None:
        self._collection, self._seen, self._token = collection, seen, uuid4().hex
        self._asked, self._update = _update(seen, fit, self._token)
        self._unsure = False

    def __call__(self, mongo: Mongo) -> bool:
        """Do it. Raises StoreError where nobody can say whether it was done."""
        records = mongo[self._collection]
        again, self._unsure = self._unsure, True
        if records.update_one(self._asked, self._update).matched_count:
            return True
        return again and self._was_done(records)

    def _was_done(self, records: Collection[Stored]) -> bool:
        seen = self._seen
        found = records.find_one({"_id": {"$eq": seen.key}}, {HIDDEN: 1}) or {}
        hidden = found.get(HIDDEN, {})
        if self._token in hidden.get("changes", []):
            return True
        if hidden.get("revision", 0) - seen.revision < REMEMBERED:
            return False
        raise StoreError(
            f"{self._collection}: {seen.name!r}: the answer to a change was lost, and too much was changed "
            "since to say whether it was done; look at the record before you try again"
        )


def _new(name: str, body: Mapping[str, Any]) -> Stored:
    """Give a new record as it is stored."""
    hidden = {"revision": 1, "made": uuid4().hex, "changes": []}
    return {"_id": name, **named(name, body), HIDDEN: hidden}


def _update(seen: Record, fit: Change, token: str) -> tuple[Stored, Stored]:
    """Give what says that a record is as it was seen, and how it is changed then; ``token``: by whom."""
    # Other programs do not count revisions: so the fields themselves are compared, too.
    empty = {name for name in fit.entries if name in seen.body and seen.body[name] is None}
    rests_on = {*fit.sets, *empty, *fit.holds, *(f"{field}{EXACT}" for field in fit.holds)}
    asked: Stored = {
        "_id": {"$eq": seen.key},
        _REVISION: seen.revision or None,
        **{field: {"$eq": seen.body.get(field)} for field in sorted(rests_on)},
    }
    tokens = {"$each": [token], "$slice": -REMEMBERED}
    pushes = {name: {"$each": several} for name, several in fit.entries.items() if name not in empty}
    sets = {**fit.sets, **{name: fit.entries[name] for name in empty}}
    update: Stored = {"$inc": {_REVISION: 1}, "$push": {**pushes, _CHANGES: tokens}}
    if sets:
        update["$set"] = sets
    return asked, update


def _attempted(collection: str, operations: Sequence[Operation], mongo: Mongo) -> None:
    # What a server refuses, or is not sure of, is seen by who looks again.
    with suppress(BulkWriteError):
        mongo[collection].bulk_write(operations, ordered=False)


def _asked_for(collection: str, asked: Stored, mongo: Mongo) -> list[Stored]:
    return list(mongo[collection].find(asked))


def _several(collection: str, name: str) -> StoreError:
    return StoreError(f"{collection}: {name!r} is the name of several records; only one may have it")


def _named(records: Collection[Stored], name: str) -> list[Stored]:
    return list(records.find({NAME: name}).limit(2))


def _newest(records: Collection[Stored], name: str) -> list[Stored]:
    """Find what a majority of the servers confirms, at the time, to be the newest."""
    sure = records.with_options(read_concern=ReadConcern("linearizable"))
    try:
        return list(sure.find({NAME: name}).limit(2).max_time_ms(_CONFIRMED_MS))
    except OperationFailure as error:
        if error.code != _NO_REPLICA_SET:
            raise
        return _named(records, name)


def _insert(records: Collection[Stored], record: Stored) -> bool:
    ours = {"_id": record["_id"], _MADE: record[HIDDEN]["made"]}
    others = {NAME: record[NAME], _MADE: {"$ne": ours[_MADE]}}
    if records.find_one(others, {"_id": 1}):
        return False
    try:
        records.insert_one(record)
    except DuplicateKeyError:
        # It may be our own, if the answer to an earlier try was lost.
        if records.find_one(ours, {"_id": 1}):
            return True
        if records.find_one(others, {"_id": 1}):
            return False
        raise
    return True


def _record(stored: Stored) -> Record:
    key, hidden = stored.pop("_id"), stored.pop(HIDDEN, None)
    revision = hidden.get("revision", 0) if isinstance(hidden, dict) else 0
    return Record(stored[NAME], stored, revision, key)
