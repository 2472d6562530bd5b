"""Documents in MongoDB: an ordinary collection each, written by ``_id``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain
from typing import Any

import polars as pl
from pymongo import InsertOne, ReplaceOne
from pymongo.collection import Collection
from pymongo.errors import PyMongoError

from labmon_dagster.model import Window
from labmon_dagster.model.documents import Document
from labmon_dagster.stores.base import StoreError
from labmon_dagster.stores.documents.admission import admit
from labmon_dagster.stores.documents.kept import Admitted, Kept, tallied
from labmon_dagster.stores.documents.mongo.bulk import Operation, is_taken, said, write_all
from labmon_dagster.stores.documents.mongo.records import (
    BY_RECEIPT,
    BY_TIME,
    SORTED,
    WITHOUT_BODY,
    behind,
    counting,
    kept_of,
    on_day,
    record_of,
    tallying,
    within,
)
from labmon_dagster.stores.documents.mongo.server import Mongo, Record, Server, passes
from labmon_dagster.stores.documents.names import OWN, check_collection

LARGEST = 16 * 1024 * 1024
_INDEX = f"{OWN}time"  # as `Server.ensure` calls it
_IDS, _CHUNK, _SENDERS = 1000, 4000, 2


class Collections:
    """The collections of one database that have labmon's index."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._seem_new: dict[str, bool] = {}

    def collections(self) -> list[str]:
        """Names of all collections labmon writes."""
        return self.server.do(_names)

    def admit(self, documents: Iterable[Document], read: int) -> Admitted:
        """Make documents ready to be written by the read of that token; some may be refused."""
        return admit(documents, read, LARGEST)

    def find(self, collection: str, ids: Iterable[str], *, bodies: bool = True) -> dict[str, Kept]:
        """Give those of some documents that are there, by id; without ``bodies`` these are empty."""
        wanted = list(dict.fromkeys(ids))
        shown = None if bodies else WITHOUT_BODY
        found: dict[str, Kept] = {}
        for first in range(0, len(wanted), _IDS):
            some = self.server.do(partial(_found, collection, wanted[first : first + _IDS], shown))
            found.update((one.id, one) for one in some)
        return found

    def there(self, collection: str, ids: Iterable[str]) -> set[str]:
        """Give the ids of those of some documents that are there."""
        wanted = list(dict.fromkeys(ids))
        found: set[str] = set()
        for first in range(0, len(wanted), _CHUNK):
            some = wanted[first : first + _CHUNK]
            found |= self.server.do(partial(_present, collection, some))
        return found

    def fetch(
        self, collection: str, window: Window, owner: int | None = None, received: int | None = None
    ) -> Iterator[Kept]:
        """Give the documents of a window by time, then id, as they come from the server."""
        last: Kept | None = None
        while True:
            asked = within(window if last is None else Window(last.time, window.end), owner)
            asked |= {} if received is None else on_day(received)
            asked |= behind(last) if last else {}
            records = self.server.do(partial(_begun, collection, asked))
            try:
                for record in records:
                    last = kept_of(record)
                    yield last
                return
            except PyMongoError as error:
                # The connection was lost on the way: what is left is asked for again.
                if not passes(error):
                    raise StoreError(self.server.told(error)) from error

    def write(self, collection: str, documents: Sequence[Kept]) -> dict[str, str]:
        """Insert or replace documents by id; give those the server refused, with what it said.

        Raises StoreError unless all others are on the disks of a majority.
        """
        if not documents:
            return {}
        check_collection(collection)
        self.server.ensure(collection, BY_TIME)
        unique = list({one.id: one for one in documents}.values())
        chunks = [unique[first : first + _CHUNK] for first in range(0, len(unique), _CHUNK)]
        if len(chunks) < _SENDERS:
            refused = [self._send(collection, chunk) for chunk in chunks]
        else:
            # While the server works on one chunk the next is made ready.
            with ThreadPoolExecutor(_SENDERS) as senders:
                refused = list(senders.map(lambda chunk: self._send(collection, chunk), chunks))
        return dict(chain.from_iterable(one.items() for one in refused))

    def delete(self, owner: int, window: Window) -> None:
        """Remove the documents an asset wrote in a window, in every collection."""
        self.server.do(partial(_delete, within(window, owner)))

    def count(self, collection: str, window: Window, bucket: int, owner: int | None = None) -> dict[int, int]:
        """Documents per bucket of ``bucket`` ns, of one owner or of all."""
        steps = counting(window, bucket, owner)
        found = self.server.do(lambda mongo: list(mongo[collection].aggregate(steps)))
        return {one["start"]: one["count"] for one in found}

    def index(self, collection: str, keys: str) -> None:
        """See that a collection can be searched by some keys (words) of its documents."""
        check_collection(collection)
        self.server.ensure(collection, keys, name=keys)

    def count_received(self, collection: str, owner: int, day: int) -> int:
        """Count an asset's documents whose order is a day."""
        self.server.ensure(collection, BY_RECEIPT, name="receipt")
        return self.server.do(lambda mongo: mongo[collection].count_documents(on_day(day, owner)))

    def delete_received(self, owner: int, day: int) -> None:
        """Remove an asset's documents whose order is a day, in every collection."""
        self.server.do(partial(_delete, on_day(day, owner)))

    def tally(
        self, collection: str, keys: Sequence[str], window: Window | None = None, bucket: int = 0
    ) -> pl.DataFrame:
        """Count documents by the values of some keys, and by bucket."""
        steps = tallying(keys, window, bucket)
        found = self.server.do(lambda mongo: list(mongo[collection].aggregate(steps, allowDiskUse=True)))
        return tallied(keys, bucket, [(*one["values"], one["count"]) for one in found])

    def numbers(self, collection: str, key: str, where: Mapping[str, int]) -> pl.Series:
        """Give the integers a key has in the documents of which others have some values, in order."""
        asked, shown = {**where, key: {"$type": "number"}}, {"_id": 0, key: 1}
        return self.server.do(
            lambda mongo: pl.Series(
                key, (one[key] for one in mongo[collection].find(asked, shown).sort(key)), dtype=pl.Int64
            )
        )

    def _send(self, name: str, documents: Sequence[Kept]) -> dict[str, str]:
        left = list(map(record_of, documents))
        refused: dict[str, str] = {}
        self.server.do(lambda mongo: self._upsert(mongo[name], left, refused))
        return refused

    def _upsert(self, collection: Collection[Record], left: list[Record], refused: dict[str, str]) -> None:
        """Write the records of ``left`` and take them out of it, so that it can be called again.

        An upsert of what is not there costs MongoDB five times an insert, and an insert of what is there
        as much: so they are inserted while they seem new, and otherwise it is asked first.
        """
        there = set() if self._seem_new.get(collection.name, True) else _there(collection, left)
        while left:
            outcome = write_all(collection, _operations(left, there))
            refused |= {left[n]["_id"]: said(error) for n, error in outcome.items() if not is_taken(error)}
            left[:] = [left[n] for n, error in outcome.items() if is_taken(error)]
            self._seem_new[collection.name] = not (there or left)
            there |= {record["_id"] for record in left}


def _operations(records: Sequence[Record], there: set[str]) -> list[Operation]:
    if not there:
        return [InsertOne(record) for record in records]
    return [
        ReplaceOne({"_id": record["_id"]}, record, upsert=True)
        if record["_id"] in there
        else InsertOne(record)
        for record in records
    ]


def _there(collection: Collection[Record], records: Iterable[Record]) -> set[str]:
    return _ids_in(collection, [record["_id"] for record in records])


def _present(collection: str, ids: list[str], mongo: Mongo) -> set[str]:
    return _ids_in(mongo[collection], ids)


def _ids_in(collection: Collection[Record], ids: list[str]) -> set[str]:
    return {record["_id"] for record in collection.find({"_id": {"$in": ids}}, {"_id": 1})}


def _names(mongo: Mongo) -> list[str]:
    names = mongo.list_collection_names(filter={"type": "collection"})
    others = [name for name in names if not name.startswith((OWN, "system."))]
    return sorted(name for name in others if _INDEX in mongo[name].index_information())


def _found(collection: str, ids: list[str], shown: Mapping[str, int] | None, mongo: Mongo) -> list[Kept]:
    return [kept_of(record) for record in mongo[collection].find({"_id": {"$in": ids}}, shown)]


def _begun(collection: str, asked: Mapping[str, Any], mongo: Mongo) -> Iterator[Record]:
    """Give the records asked for, by time and id, once the first of them are there."""
    cursor = mongo[collection].find(asked).sort(SORTED)
    first = next(cursor, None)
    return iter(()) if first is None else chain([first], cursor)


def _delete(asked: Mapping[str, Any], mongo: Mongo) -> None:
    for name in _names(mongo):
        mongo[name].delete_many(asked)
