"""Every store of records there is: the suite runs against each. A new store is one more factory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from labmon_dagster.stores.records import MongoRecords, RecordStore, SqliteRecords
from labmon_dagster_tests.servers.mongo import Mongod
from labmon_dagster_tests.stores.documents.records import mongo_url


@pytest.fixture(params=["sqlite", "mongodb"])
def factory(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], RecordStore]:
    """Opens one and the same store, any number of times."""
    if request.param == "sqlite":
        return lambda: SqliteRecords(tmp_path / "deep" / "records.db")
    server: Mongod = request.getfixturevalue("mongod")
    url = mongo_url(server, request.getfixturevalue("mongo_database"))
    return lambda: MongoRecords.at(url, patience=5)


@pytest.fixture
def store(factory: Callable[[], RecordStore]) -> Iterator[RecordStore]:
    one = factory()
    yield one
    one.close()
