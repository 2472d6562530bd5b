"""The servers as fixtures: one of each per process of the tests, and some of a test's own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

import pytest
from pymongo import MongoClient

from labmon_dagster_tests.servers.influx import Influxd
from labmon_dagster_tests.servers.mongo import Mongod
from labmon_dagster_tests.servers.mosquitto import Mosquitto
from labmon_dagster_tests.servers.process import Server

S = TypeVar("S", bound=Server)
_SHARED: list[Server] = []


@pytest.fixture(autouse=True)
def shared_servers_run() -> None:
    """Start the shared servers again where a test ended them: the supervisor ends all it finds below it."""
    for server in _SHARED:
        server.start()


@pytest.fixture(scope="session")
def influxd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influxd]:
    """An InfluxDB that tests share: each takes a database of its own."""
    with _shared(Influxd(tmp_path_factory.mktemp("influxd"))) as server:
        yield server


@pytest.fixture(scope="session")
def mongod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mongod]:
    """A MongoDB that tests share: each takes a database of its own."""
    with _shared(Mongod(tmp_path_factory.mktemp("mongod"))) as server:
        yield server


@pytest.fixture(scope="session")
def mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    """An MQTT broker that tests share: each takes topics and client ids of its own."""
    with _shared(Mosquitto(tmp_path_factory.mktemp("mosquitto"))) as server:
        yield server


@pytest.fixture
def influx_database(influxd: Influxd) -> Iterator[str]:
    """The name of a fresh database in the shared InfluxDB."""
    name = _fresh_name()
    influxd.create_database(name)
    yield name
    influxd.query(f'DROP DATABASE "{name}"')


@pytest.fixture
def mongo_database(mongod: Mongod) -> Iterator[str]:
    """The name of a fresh database in the shared MongoDB."""
    name = _fresh_name()
    yield name
    with MongoClient[dict[str, object]](mongod.url) as client:
        client.drop_database(name)


@pytest.fixture
def own_influxd(tmp_path: Path) -> Iterator[Influxd]:
    """An InfluxDB that the test may stop and kill."""
    with _running(Influxd(tmp_path / "influxd")) as server:
        yield server


@pytest.fixture
def own_mongod(tmp_path: Path) -> Iterator[Mongod]:
    """A MongoDB that the test may stop and kill."""
    with _running(Mongod(tmp_path / "mongod")) as server:
        yield server


@pytest.fixture
def own_mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    """An MQTT broker that the test may stop and kill."""
    with _running(Mosquitto(tmp_path / "mosquitto")) as server:
        yield server


@contextmanager
def _shared(server: S) -> Iterator[S]:
    with _running(server):
        _SHARED.append(server)
        yield server
        _SHARED.remove(server)


@contextmanager
def _running(server: S) -> Iterator[S]:
    """The server, started; afterwards it is gone, and so are its files, which are large."""
    try:
        with server:
            yield server
    finally:
        server.kill()
        shutil.rmtree(server.folder, ignore_errors=True)


def _fresh_name() -> str:
    return f"test_{uuid4().hex[:12]}"
