"""Stores behind the lab's names, wherever they lie."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from labmon_dagster_tests.cli.databases import APIS, TOKEN, Url, dropped, urls
from labmon_dagster_tests.servers.influx import Influxd


@pytest.fixture(params=APIS, ids=["influxdb1", "influxdb2"])
def influx(
    request: pytest.FixtureRequest, influxd: Influxd, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Url]:
    """The URLs of stores in the shared server, by each of its APIs; the token is in the environment."""
    monkeypatch.setenv("LABMON_INFLUXDB_TOKEN", TOKEN)
    with urls(influxd, request.param) as found:
        yield found


@pytest.fixture
def fresh(influxd: Influxd) -> Iterator[str]:
    """The name of a database that is not there yet."""
    with dropped(influxd) as name:
        yield name
