"""Where things lie and which stores are used: the environment, read when it is needed, never at import.

A store has a name: `timeseries` (readings), `documents` and those of the lab's own YAML are files by default,
others are made by setting ``LABMON_<NAME>_URL``. Passwords and tokens are never part of a URL.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple, TypeVar

from labmon_dagster.secret import secret
from labmon_dagster.stores import DocumentStore, InfluxStore, ReadingStore, SqliteStore
from labmon_dagster.stores.documents.mongo import MongoDocuments
from labmon_dagster.stores.documents.mongo.address import FORMS as MONGO_FORMS
from labmon_dagster.stores.documents.sqlite import SqliteDocuments
from labmon_dagster.stores.influxdb import FORMS, OPTIONS, Target
from labmon_dagster.stores.records import MongoRecords, RecordStore, SqliteRecords

HOME = "LABMON_HOME"
RECORDS = "LABMON_RECORDS"
TIMESERIES, DOCUMENTS = "timeseries", "documents"
EHT_LOCAL, EHT_GLOBAL = "eht_local", "eht_global"
_FILES = {
    TIMESERIES: "readings.db",
    DOCUMENTS: "documents.db",
    EHT_LOCAL: "eht_local.db",
    EHT_GLOBAL: "eht_global.db",
}
_SQLITE = "sqlite:///PATH (sqlite:////absolute/path or sqlite:///relative/path)"
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_LOGIN = re.compile(r"//.*@")
_UNKNOWN = re.compile(r"([?&](?!(?:" + "|".join(OPTIONS) + r")=)[^=&]*=)[^&]*")
S = TypeVar("S")


class StoreKey(NamedTuple):
    """A store: its name among those of readings, or among those of documents."""

    name: str
    documents: bool = False


def home() -> Path:
    """The folder everything is written under (LABMON_HOME, default ./var)."""
    return Path(os.environ.get(HOME) or "var").absolute()


def lab_folder(name: str) -> str:
    """A folder or URL from a YAML file; relative paths lie under LABMON_HOME."""
    return name if "://" in name else str(home() / Path(name).expanduser())


def journal_root() -> Path:
    """The folder of the journals."""
    return home() / "journal"


def collector_folder() -> Path:
    """The folder of the collector's lock and health."""
    return home() / "collector"


def record_collection(kind: str) -> str:
    """The collection of the records of a kind: run, stream or detector (LABMON_RECORDS: its first word)."""
    first = os.environ.get(RECORDS) or "lio"
    if not _NAME.fullmatch(first):
        raise ValueError(f"{RECORDS}={first!r}: small letters, digits and _, please")
    return f"{first}_{kind}_info"


def url_variable(name: str) -> str:
    """The environment variable that says where a store is."""
    return f"LABMON_{name.upper()}_URL"


def store_url(name: str) -> str:
    """Where a store is. Raises ValueError for one that is neither set nor has a default."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a store: small letters, digits and _")
    url = os.environ.get(url_variable(name))
    if not url and name not in _FILES:
        raise ValueError(f"store {name!r}: {url_variable(name)} is not set")
    return url or f"sqlite:///{home() / _FILES[name]}"


def open_store(name: str = TIMESERIES) -> ReadingStore:
    """The store of readings of this name. Raises ValueError for a URL that names none.

    Nothing is opened yet: a store that is away shows when it is first used.
    """
    kinds: Mapping[str, Callable[[str], ReadingStore]] = {
        "sqlite": lambda url: SqliteStore(_file(url)),
        "influxdb": lambda url: InfluxStore(Target.parse(url, _token(name))),
        "influxdb1": lambda url: InfluxStore(Target.parse(url, _password(name, "INFLUXDB"))),
    }
    return _opened(name, store_url(name), kinds, (_SQLITE, *FORMS))


def open_documents(name: str = DOCUMENTS) -> DocumentStore:
    """The store of documents of this name. Raises ValueError for a URL that names none."""
    kinds: Mapping[str, Callable[[str], DocumentStore]] = {
        "sqlite": lambda url: SqliteDocuments(_file(url)),
        **dict.fromkeys(
            ("mongodb", "mongodb+srv"), lambda url: MongoDocuments(url, _password(name, "MONGODB"))
        ),
    }
    return _opened(name, store_url(name), kinds, (_SQLITE, MONGO_FORMS))


def open_records(name: str = DOCUMENTS) -> RecordStore:
    """The records in the store of documents of this name. Raises ValueError for a URL that names none."""
    kinds: Mapping[str, Callable[[str], RecordStore]] = {
        "sqlite": lambda url: SqliteRecords(_file(url)),
        **dict.fromkeys(
            ("mongodb", "mongodb+srv"), lambda url: MongoRecords.at(url, _password(name, "MONGODB"))
        ),
    }
    return _opened(name, store_url(name), kinds, (_SQLITE, MONGO_FORMS))


def open_any(key: StoreKey) -> ReadingStore | DocumentStore:
    """The store of either kind. Raises ValueError for a URL that names none."""
    return open_documents(key.name) if key.documents else open_store(key.name)


OWN_STORES = (StoreKey(TIMESERIES), StoreKey(DOCUMENTS, True), StoreKey(EHT_LOCAL), StoreKey(EHT_GLOBAL))


def keys_named(name: str) -> list[StoreKey]:
    """The stores of this name, by its URL: an SQLite file may hold readings, documents, or both.

    Raises ValueError for a name that is neither set nor has a default.
    """
    scheme = store_url(name).partition(":")[0]
    readings, documents = StoreKey(name), StoreKey(name, True)
    if name == DOCUMENTS or (name != TIMESERIES and scheme.startswith("mongodb")):
        return [documents]
    return [readings, documents] if name not in _FILES and scheme == "sqlite" else [readings]


def _opened(name: str, url: str, kinds: Mapping[str, Callable[[str], S]], forms: tuple[str, ...]) -> S:
    scheme = url.partition(":")[0]
    kind = scheme if scheme in kinds else scheme.partition("+")[0]
    try:
        if kind not in kinds:
            raise ValueError(f"no such kind of store; allowed: {'; '.join(forms)}")
        return kinds[kind](url)
    except ValueError as error:
        raise ValueError(f"{url_variable(name)}={_without_secrets(url)!r}: {error}") from error


def _without_secrets(url: str) -> str:
    """Hide all that may be a password or token in a URL, also where none belongs."""
    return _UNKNOWN.sub(r"\1…", _LOGIN.sub("//…@", url))


def _file(url: str) -> Path:
    _, separator, path = url.partition(":///")
    if not separator or not path:
        raise ValueError(f"no path; write {_SQLITE}")
    return Path(path)


def _token(name: str) -> str:
    return secret(f"LABMON_{name.upper()}_INFLUXDB_TOKEN", "LABMON_INFLUXDB_TOKEN") or ""


def _password(name: str, kind: str) -> str:
    return secret(f"LABMON_{name.upper()}_{kind}_PASSWORD", f"LABMON_{kind}_PASSWORD") or ""
