"""Databases behind the names of the lab's stores, for tests: what differs is the environment alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TypeAlias
from uuid import uuid4

from labmon_dagster_tests.servers.influx import Influxd
from labmon_dagster_tests.servers.translator import Translator
from labmon_dagster_tests.servers.web import Answer, Request

Url: TypeAlias = Callable[[str], str]
"""From the name of a database to the URL of a store in it."""
TOKEN = "t0ken"
APIS = (1, 2)
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


@contextmanager
def urls(influxd: Influxd, api: int) -> Iterator[Url]:
    """The URLs of stores in a server, spoken to by one of its APIs."""
    with ExitStack() as stack:
        base = influxd.url
        if api == 2:
            base = stack.enter_context(InfluxDB2(influxd, token=TOKEN)).url
        scheme, more = ("influxdb1", "") if api == 1 else ("influxdb", "&org=lab")
        yield lambda name: f"{scheme}+{base}/{name}?patience=2{more}"


@contextmanager
def dropped(influxd: Influxd) -> Iterator[str]:
    """The name of a database that is not there yet; in the end it is gone, and its books with it."""
    name = f"test_{uuid4().hex[:12]}"
    yield name
    for one in (name, f"{name}_labmon"):
        influxd.query(f'DROP DATABASE "{one}"')
