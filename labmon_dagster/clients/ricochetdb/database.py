"""The connection to a MongoDB, as programs of the original module configure and use it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote, unquote, unquote_plus

from bson.codec_options import CodecOptions
from pymongo.collection import Collection
from stamina.instrumentation import LoggingOnRetryHook, set_on_retry_hooks

from labmon_dagster.records.uploads import upload
from labmon_dagster.stores import StoreError
from labmon_dagster.stores.documents.mongo.address import Address
from labmon_dagster.stores.documents.mongo.server import Mongo, Record, Server

# Where structlog is installed (Dagster brings it), each retry would be printed among a program's own lines.
set_on_retry_hooks([LoggingOnRetryHook])

R = TypeVar("R")
_FIRST = threading.Lock()  # so that threads that ask first at once get the same
_FORMS = "mongodb://<USER>:<PASSWORD>@HOST:PORT/<DB_NAME>?OPTIONS (user, password, database as wanted)"
_UNCONFIGURED = "no database is configured: call Database.get_database()"


class _Given(NamedTuple):
    """An address as it was given, its password apart: what is before and behind the name of the database."""

    hosts: str
    path: str
    options: str
    password: str | None

    @classmethod
    def parse(cls, address: str) -> _Given:
        """Part an address. Raises RuntimeError that repeats none of it: a password may be anywhere."""
        scheme, _, rest = address.partition("://")
        ends = [n for n in map(rest.find, "/?") if n >= 0]
        netloc, tail = rest[: min(ends, default=len(rest))], rest[min(ends, default=len(rest)) :]
        path, question, options = tail.partition("?")
        login, at, hosts = netloc.rpartition("@")
        user, colon, password = login.partition(":")
        if scheme not in {"mongodb", "mongodb+srv"} or not hosts:
            raise RuntimeError(f"set_address: this is no address of a MongoDB; write {_FORMS}")
        if ":" in password or "@" in login + path or (not at and "@" in tail) or (at and not user):
            quoted = "user and password are written with urllib.parse.quote_plus"
            raise RuntimeError(f"set_address: the address cannot be understood; {quoted}: {_FORMS}")
        secret = unquote_plus(password) if colon else None
        return cls(f"{scheme}://{user}{at}{hosts}", path, question + options, secret)

    @property
    def database(self) -> str:
        """The database that the address names; '' if none."""
        return unquote(self.path.removeprefix("/"))

    def address(self, database: str) -> Address:
        """Give the address of a database. Raises RuntimeError for a name it cannot have.

        What was given stays as it is: the database in it says where the user is defined.
        """
        try:
            found = Address.parse(f"{self.hosts}/{quote(database, safe='')}{self.options}")
        except ValueError as error:
            raise RuntimeError(f"{self.hosts}, database {database!r}: {error}") from error
        return replace(found, url=f"{self.hosts}{self.path or '/'}{self.options}")


_ANYWHERE = _Given("mongodb://HOST", "", "", None)


class Database:
    """Connection to a MongoDB server: one for all of a program, which `get_database` gives.

    `set_address` and `set_db_name` configure it, in any order. Nothing is opened before it is used; after
    `close` it is opened again when it is used. Threads may share it, and a process that was forked uses a
    connection of its own. ``patience``: seconds the server may be away once it was there. What goes wrong is
    a RuntimeError that shows no password.
    """

    handler: Database | None = None
    patience = 30.0

    def __init__(self) -> None:
        self._given: _Given | None = None
        self._name = ""
        self._server: Server | None = None

    @classmethod
    def get_database(cls) -> Database:
        """Give the database of this program."""
        if cls.handler is None:
            with _FIRST:
                cls.handler = cls.handler or cls()
        return cls.handler

    def set_address(self, address: str) -> None:
        """Set the address, as mongodb://<USER>:<PASSWORD>@HOST:PORT/<DB_NAME>, with pymongo's options."""
        if not isinstance(address, str):
            raise RuntimeError(f"set_address: a text is wanted, not a {type(address).__name__}: {_FORMS}")
        self._use(_Given.parse(address), self._name)

    def set_db_name(self, name: str) -> None:
        """Set the name of the database, in place of the one that the address may name."""
        if not isinstance(name, str) or not name:
            raise RuntimeError(f"set_db_name: a name is wanted, not {name!r}")
        (self._given or _ANYWHERE).address(name)
        self._use(self._given, name)

    def _use(self, given: _Given | None, name: str) -> None:
        server = given and Server(
            given.address(name or given.database or "admin"), given.password, self.patience
        )
        before, self._server = self._server, server
        self._given, self._name = given, name
        if before is not None:
            before.close()

    def is_configured(self) -> bool:
        """Whether the address and the name of the database are known; nobody is asked for it."""
        return self._given is not None and bool(self._name or self._given.database)

    @property
    def server(self) -> Server:
        """The connection. Raises RuntimeError that says what is to be configured."""
        if self._server is None:
            raise RuntimeError(f"{_UNCONFIGURED}.set_address(…) with {_FORMS}")
        if not self.is_configured():
            raise RuntimeError(f"{_UNCONFIGURED}.set_db_name(…): the address names no database")
        return self._server

    def get_collection(self, col: str) -> Collection[Record]:
        """Give pymongo's collection; what is read from it has times in UTC without a zone."""
        return self._told(lambda: self.server.do(lambda mongo: _collection(mongo, col)))

    def get_db_timestamp(self) -> datetime:
        """Give date and time by the server's clock, with the zone UTC."""
        server = self._server or self.server
        return self._told(server.now)

    def upload(self, data: Iterable[Mapping[str, Any]], collection: str, bulk_size: int = 1000) -> None:
        """Insert a list of dicts, ``bulk_size`` at a time: each once, on the server's disk in the end.

        All are looked at before any is sent. The dicts are not changed.
        """
        upload(self.server, collection, data, bulk_size)

    def close(self) -> None:
        """Close the connections of this process."""
        if self._server is not None:
            self._server.close()

    def __repr__(self) -> str:
        return f"Database({self._server.address.shown if self._server else 'not configured'!r})"

    @staticmethod
    def _told(work: Callable[[], R]) -> R:
        try:
            return work()
        except StoreError as error:
            raise RuntimeError(str(error)) from error


def _collection(mongo: Mongo, name: str) -> Collection[Record]:
    return mongo.get_collection(name, codec_options=CodecOptions())
