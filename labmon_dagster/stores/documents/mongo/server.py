"""The connection to a MongoDB: opened when first needed, tried again while it may come back."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeAlias, TypeVar

import stamina
from bson.codec_options import CodecOptions, DatetimeConversion, TypeDecoder, TypeRegistry
from bson.int64 import Int64
from pymongo import MongoClient
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import ConnectionFailure, OperationFailure, PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from labmon_dagster.stores.base import StoreError
from labmon_dagster.stores.documents.mongo.address import Address
from labmon_dagster.stores.documents.names import OWN

Record: TypeAlias = dict[str, Any]
Mongo: TypeAlias = Database[Record]
T = TypeVar("T")

_SELECTION_MS, _ANSWER_MS, _WRITTEN_MS = 5_000, 60_000, 30_000
_PASSING = frozenset({6, 7, 43, 64, 89, 91, 112, 134, 189, 262, 9001, 10107, 11600, 11602, 13435, 13436})
_BAD_USER = frozenset({11, 18, 8000})
_NO_RIGHT = 13
_INDEXED_ALREADY = 85  # another program has made the same index by a name of its own


class _Integers(TypeDecoder):
    """MongoDB's long integers as Python's."""

    bson_type = Int64

    def transform_bson(self, value: Any) -> int:
        """Give the plain integer."""
        return int(value)


_CODEC: CodecOptions[Record] = CodecOptions(
    tz_aware=True,
    tzinfo=UTC,
    type_registry=TypeRegistry([_Integers()]),
    datetime_conversion=DatetimeConversion.DATETIME_AUTO,
)


class UnacknowledgedError(Exception):
    """The server did not say that everything is safe; it is sent again."""


class Server:
    """A database that is asked through `do`. ``patience``: seconds it may be away once it was there.

    A client belongs to the process that made it: after a fork the child makes its own.
    """

    def __init__(self, address: Address, password: str | None, patience: float) -> None:
        self.address = address
        self.patience = patience
        self._password = password
        self._clients: dict[int, MongoClient[Record]] = {}
        self._met: set[int] = set()
        self._indexed: set[tuple[int, str, str]] = set()

    def do(self, work: Callable[[Mongo], T]) -> T:
        """Give what ``work`` does with the database, done again as long as the server is away.

        Raises StoreError; at the first contact after five seconds.
        """
        try:
            database = self._database()
            if os.getpid() not in self._met:
                database.command("ping")
                self._met.add(os.getpid())
            tries = stamina.retry_context(
                passes, attempts=None, timeout=self.patience, wait_initial=0.05, wait_max=2.0, wait_jitter=0.2
            )
            for attempt in tries:
                with attempt:
                    return work(database)
        except (PyMongoError, UnacknowledgedError, OSError) as error:
            raise StoreError(self.told(error)) from error
        raise AssertionError("stamina gives a result or raises")

    def ensure(self, collection: str, keys: str, name: str = "") -> None:
        """See that a collection has the index over some ``keys`` (words), once per process.

        It is called by its ``name``, or by its first key.
        """
        name, index = f"{OWN}{name or keys.split()[0]}", [(key, 1) for key in keys.split()]
        if (os.getpid(), collection, keys) not in self._indexed:
            self.do(lambda mongo: _index(mongo[collection], index, name))
            self._indexed.add((os.getpid(), collection, keys))

    def now(self) -> datetime:
        """Give the server's time in UTC, to the millisecond. Raises StoreError."""
        told: datetime = self.do(
            lambda mongo: mongo.command("hello", codec_options=mongo.codec_options)["localTime"]
        )
        return told

    def close(self) -> None:
        """Close the connections of this process."""
        self._met.discard(os.getpid())
        self._indexed.clear()
        client = self._clients.pop(os.getpid(), None)
        if client is not None:
            client.close()

    def _database(self) -> Mongo:
        client = self._clients.get(os.getpid())
        if client is None:
            client = self._clients.setdefault(os.getpid(), self._connected())
        return client.get_database(
            self.address.database,
            codec_options=_CODEC,
            read_concern=ReadConcern("majority"),
            write_concern=WriteConcern("majority", j=True, wtimeout=_WRITTEN_MS),
        )

    def _connected(self) -> MongoClient[Record]:
        options: dict[str, Any] = {
            "connect": False,
            "appname": "labmon",
            "serverSelectionTimeoutMS": _SELECTION_MS,
            "connectTimeoutMS": _SELECTION_MS,
            "socketTimeoutMS": _ANSWER_MS,
        }
        if self._password is not None:
            options["password"] = self._password
        try:
            return MongoClient(self.address.url, **options)
        except (ValueError, TypeError) as error:
            raise StoreError(self.told(error)) from error

    def told(self, error: BaseException) -> str:
        """Say what has happened and what to do."""
        where, code = f"MongoDB at {self.address.shown}", getattr(error, "code", None)
        why = str(error)
        for rest in (", Timeout:", " (configured timeouts", ", full error:"):
            why = why.partition(rest)[0]
        why = (why.replace(self._password, "***") if self._password else why)[:500]
        if code in _BAD_USER:
            return (
                f"{where} refuses the user {self.address.user!r}: check name and password; "
                "one that is defined in another database needs ?authSource=NAME in the URL"
            )
        if code == _NO_RIGHT:
            return f"{where}: the user needs the role readWrite on {self.address.database} ({why})"
        if passes(error):
            return (
                f"{where} is away: {why}. See that it runs and that the URL is right, and run again; "
                "what was reported as stored is safe"
            )
        return f"{where}: {why}"


def _index(collection: Collection[Record], keys: list[tuple[str, int]], name: str) -> None:
    try:
        collection.create_index(keys, name=name)
    except OperationFailure as error:
        if error.code != _INDEXED_ALREADY:
            raise


def passes(error: BaseException) -> bool:
    """Whether it may be well with the next try: connections lost, elections, servers that are going."""
    if isinstance(error, ConnectionFailure | UnacknowledgedError):
        return True
    return isinstance(error, OperationFailure) and (
        passes_code(error.code) or error.has_error_label("RetryableWriteError")
    )


def passes_code(code: int | None) -> bool:
    """Whether a server says by this code that it is going, electing, or too busy for now."""
    return code in _PASSING
