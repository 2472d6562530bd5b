"""A station for tests: a real InfluxDB, spoken to as 1 and as 2, and the client's configuration for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TypeAlias
from uuid import uuid4

import pytest

from labmon_dagster_tests.databases import TOKEN, InfluxDB2
from labmon_dagster_tests.servers.influx import Influxd

Section: TypeAlias = Callable[[str], str]
"""From the name of a server to its section in the configuration file."""


@pytest.fixture
def bucket(influxd: Influxd) -> Iterator[str]:
    """A bucket that the client may write under pytest."""
    name = f"vlbimon_{uuid4().hex[:8]}_test"
    influxd.create_database(name)
    yield name
    influxd.query(f'DROP DATABASE "{name}"')


@pytest.fixture(params=[1, 2], ids=["influxdb1", "influxdb2"])
def section(request: pytest.FixtureRequest, influxd: Influxd, bucket: str) -> Iterator[Section]:
    """The section of a server, by each of its APIs."""
    with ExitStack() as stack:
        url, secret = influxd.url, "user = lab"
        if request.param == 2:
            url, secret = (
                stack.enter_context(InfluxDB2(influxd, token=TOKEN)).url,
                f"org = lab\ntoken = {TOKEN}",
            )
        yield (
            lambda name: f"[server {name}]\napi = {request.param}\nurl = {url}\nbucket = {bucket}\n{secret}\n"
        )


@pytest.fixture
def config(tmp_path: Path, section: Section) -> Path:
    """The configuration of a station with one server."""
    path = tmp_path / "influx_config.ini"
    path.write_text(f"[eht_influx]\nevery = 50ms\npatience = 1s\ntimeout = 30s\n{section('local')}")
    return path


def away(name: str) -> str:
    """The section of a server that nobody runs."""
    return f"[server {name}]\nurl = http://127.0.0.1:9\nbucket = nowhere_test\n"
