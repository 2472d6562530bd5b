"""Every store of readings there is: the suite runs against each. A new store is one more factory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from labmon_dagster.stores import InfluxStore, ReadingStore, SqliteStore
from labmon_dagster.stores.influxdb import Target
from labmon_dagster_tests.databases import TOKEN, influx_url
from labmon_dagster_tests.servers.influx import Influxd
from labmon_dagster_tests.servers.translator import Translator

STORES = ("sqlite", "influxdb1", "influxdb2")


@pytest.fixture(params=STORES)
def factory(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], ReadingStore]]:
    """Opens one and the same store, any number of times."""
    if request.param == "sqlite":
        yield lambda: SqliteStore(tmp_path / "deep" / "readings.db")
        return
    influxd: Influxd = request.getfixturevalue("influxd")
    database: str = request.getfixturevalue("influx_database")
    with ExitStack() as stack:
        api = int(request.param[-1])
        base = influxd.url
        if api == 2:
            base = stack.enter_context(Translator(influxd, token=TOKEN)).url
        target = Target.parse(influx_url(api, base, database), TOKEN if api == 2 else "")
        yield lambda: InfluxStore(target)


@pytest.fixture
def store(factory: Callable[[], ReadingStore]) -> Iterator[ReadingStore]:
    one = factory()
    yield one
    one.close()
