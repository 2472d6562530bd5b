"""Stores that live only as long as one example, in every kind of database that lands readings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import pytest

from labmon_dagster.stores import InfluxStore, ReadingStore, SqliteStore
from labmon_dagster.stores.influxdb import Target
from labmon_dagster_tests.landing.rows import NewStore
from labmon_dagster_tests.servers.influx import Influxd


@contextmanager
def sqlite_store() -> Iterator[ReadingStore]:
    with TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder) / "readings.db")
        store.database.connection.execute("PRAGMA synchronous=OFF")
        try:
            yield store
        finally:
            store.close()


@contextmanager
def influx_store(influxd: Influxd) -> Iterator[ReadingStore]:
    name = f"t{uuid4().hex[:12]}"
    influxd.create_database(name)
    store = InfluxStore(Target.parse(f"influxdb1+{influxd.url}/{name}"))
    try:
        yield store
    finally:
        store.close()
        influxd.query(f'DROP DATABASE "{name}"')


@pytest.fixture(scope="session", params=["sqlite", "influxdb"])
def new_store(request: pytest.FixtureRequest) -> NewStore:
    """Makes a new store at each call."""
    if request.param == "sqlite":
        return sqlite_store
    influxd: Influxd = request.getfixturevalue("influxd")
    return lambda: influx_store(influxd)


@pytest.fixture
def store(new_store: NewStore) -> Iterator[ReadingStore]:
    """One of them."""
    with new_store() as one:
        yield one
