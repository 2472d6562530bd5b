"""Every store of documents there is: the suite runs against each. A new store is one more factory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from labmon_dagster.stores.documents.base import DocumentStore
from labmon_dagster.stores.documents.mongo import MongoDocuments
from labmon_dagster.stores.documents.sqlite import SqliteDocuments
from labmon_dagster_tests.servers.mongo import Mongod
from labmon_dagster_tests.stores.documents.records import mongo_url

STORES = ("sqlite", "mongodb")


@pytest.fixture(params=STORES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where one and the same store lies."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'deep' / 'documents.db'}"
    server: Mongod = request.getfixturevalue("mongod")
    return mongo_url(server, request.getfixturevalue("mongo_database"))


def opened(url: str) -> DocumentStore:
    """Open the store behind a URL."""
    scheme, _, path = url.partition(":///")
    return SqliteDocuments(Path(path)) if scheme == "sqlite" else MongoDocuments(url, patience=5)


@pytest.fixture
def factory(url: str) -> Callable[[], DocumentStore]:
    """Opens it, any number of times."""
    return lambda: opened(url)


@pytest.fixture
def store(factory: Callable[[], DocumentStore]) -> Iterator[DocumentStore]:
    one = factory()
    yield one
    one.close()
