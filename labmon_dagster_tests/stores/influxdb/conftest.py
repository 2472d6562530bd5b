"""An InfluxDB by each of its APIs, opened as often as a test likes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TypeAlias

import pytest

from labmon_dagster.stores import InfluxStore
from labmon_dagster.stores.influxdb import Target
from labmon_dagster_tests.databases import TOKEN, influx_url
from labmon_dagster_tests.servers.influx import Influxd
from labmon_dagster_tests.servers.translator import Translator
from labmon_dagster_tests.stores.influxdb.wire import counting

Open: TypeAlias = Callable[..., InfluxStore]


@pytest.fixture(params=["1", "2", "2 as 2.7"])
def open_store(request: pytest.FixtureRequest, influxd: Influxd, influx_database: str) -> Iterator[Open]:
    """Opens a store in the test's database; options as in its URL. Its link counts the requests."""
    with ExitStack() as stack:
        base, api = influxd.url, int(request.param[0])
        if api == 2:
            partial = 422 if request.param == "2 as 2.7" else 400
            base = stack.enter_context(Translator(influxd, token=TOKEN, partial=partial)).url

        def opened(**options: object) -> InfluxStore:
            target = Target.parse(influx_url(api, base, influx_database, **options), TOKEN)
            store = InfluxStore(target, counting(target))
            stack.callback(store.close)
            return store

        yield opened


@pytest.fixture
def open_one(influxd: Influxd, influx_database: str) -> Iterator[Open]:
    """Opens a store in the test's database by the 1.x API only."""
    with ExitStack() as stack:

        def opened(**options: object) -> InfluxStore:
            store = InfluxStore(Target.parse(influx_url(1, influxd.url, influx_database, **options)))
            stack.callback(store.close)
            return store

        yield opened
