"""Databases behind the names of the lab's stores, and fixtures of them: what differs is the environment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TypeAlias
from uuid import uuid4

import pytest

from labmon_dagster_tests.servers.influx import Influxd
from labmon_dagster_tests.servers.translator import Translator
from labmon_dagster_tests.servers.web import Answer, Request

Url: TypeAlias = Callable[[str], str]
"""From the name of a database to the URL of a store in it."""
TOKEN = "t0ken"
_POLICIES = (
    '{"results":[{"statement_id":0,"series":[{'
    '"columns":["name","duration","shardGroupDuration","replicaN","default"],'
    '"values":[["autogen","0s","168h0m0s",1,true]]}]}]}\n'
)


class InfluxDB2(Translator):
    """Answers SHOW RETENTION POLICIES as InfluxDB 2 does: with 0s, whatever a bucket's retention is."""

    def answer(self, request: Request) -> Answer:
        if b"SHOW+RETENTION+POLICIES" in request.body:
            return Answer(200, _POLICIES, {"Content-Type": "application/json"})
        return super().answer(request)


def influx_url(api: int, base: str, database: str, **options: object) -> str:
    """The URL of a store; options as in `Target`."""
    scheme = "influxdb1" if api == 1 else "influxdb"
    asked = {"patience": 2, **({"org": "lab"} if api == 2 else {}), **options}
    return f"{scheme}+{base}/{database}?{'&'.join(f'{name}={value}' for name, value in asked.items())}"


@contextmanager
def urls(influxd: Influxd, api: int) -> Iterator[Url]:
    """The URLs of stores in a server, spoken to by one of its APIs."""
    with ExitStack() as stack:
        base = influxd.url
        if api == 2:
            base = stack.enter_context(InfluxDB2(influxd, token=TOKEN)).url
        yield lambda name: influx_url(api, base, name)


@contextmanager
def dropped(influxd: Influxd) -> Iterator[str]:
    """The name of a database that is not there yet; in the end it is gone, and its books with it."""
    name = f"test_{uuid4().hex[:12]}"
    yield name
    for one in (name, f"{name}_labmon"):
        influxd.query(f'DROP DATABASE "{one}"')


@pytest.fixture(params=[1, 2], ids=["influxdb1", "influxdb2"])
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
