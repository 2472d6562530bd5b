"""Every store of records there is: the suite runs against each. A new store is one more URL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from labmon_dagster.stores.records import RecordStore
from labmon_dagster_tests.servers.mongo import Mongod
from labmon_dagster_tests.stores.documents.records import mongo_url
from labmon_dagster_tests.stores.records.worker import opened


@pytest.fixture(params=["sqlite", "mongodb"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where one and the same store lies."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'deep' / 'records.db'}"
    server: Mongod = request.getfixturevalue("mongod")
    return mongo_url(server, request.getfixturevalue("mongo_database"))


@pytest.fixture
def factory(url: str) -> Callable[[], RecordStore]:
    """Opens it, any number of times."""
    return lambda: opened(url)


@pytest.fixture
def store(factory: Callable[[], RecordStore]) -> Iterator[RecordStore]:
    one = factory()
    yield one
    one.close()
