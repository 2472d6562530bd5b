"""Lines on their way to servers that answer as they please, and links that count."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from itertools import accumulate

import numpy as np
import urllib3

from labmon_dagster.stores.influxdb import Target
from labmon_dagster.stores.influxdb.lines import Lines
from labmon_dagster.stores.influxdb.link import Link1, Link2, Place, connect
from labmon_dagster.stores.influxdb.sender import Sender
from labmon_dagster_tests.databases import influx_url
from labmon_dagster_tests.servers.influx import Influxd
from labmon_dagster_tests.servers.web import Answer, Request, Site

PLACE = Place("lab")


class Counting:
    """Counts the writes of a link; ``before`` each it does what a test wants."""

    writes = 0
    before: Callable[[bytes], object] = bytes

    def write(self, body: bytes, place: Place, precision: str, *, gzipped: bool) -> None:
        self.writes += 1
        self.before(body)
        super().write(body, place, precision, gzipped=gzipped)  # type: ignore[misc]


class Counting1(Counting, Link1):
    """One that speaks 1.x."""


class Counting2(Counting, Link2):
    """One that speaks the v2 API."""


def counting(target: Target) -> Counting:
    """The link that a target needs."""
    return Counting1(target) if target.api == 1 else Counting2(target)


class Judging(Site):
    """A server whose answers follow from the lines it gets."""

    def __init__(self, judge: Callable[[list[bytes]], Answer]) -> None:
        super().__init__()
        self.taken: list[bytes] = []
        """Lines answered with 204."""
        self.requests = 0
        self._judge = judge
        self._one_by_one = threading.Lock()

    def answer(self, request: Request) -> Answer:
        with self._one_by_one:
            self.requests += 1
            lines = request.body.splitlines()
            answer = self._judge(lines)
            self.taken += lines if answer.status == 204 else []
            return answer


def lines(*texts: str) -> Lines:
    bodies = [f"{text}\n".encode() for text in texts]
    return Lines(memoryview(b"".join(bodies)), np.array([0, *accumulate(map(len, bodies))]))


def sent(
    api: int, base: str, texts: Sequence[str], secret: str = "", **options: object
) -> list[tuple[int, str]]:
    """Send lines; give the numbers of those refused, and why."""
    refusals: list[tuple[int, str]] = []
    link = connect(Target.parse(influx_url(api, base, "lab", **options), secret))
    with closing(link), closing(Sender(link)) as sender:
        sender.send(lines(*texts), PLACE, "ns", lambda some, why: refusals.extend((n, why) for n in some))
        sender.settle()
    return sorted(refusals)


def write(influxd: Influxd, database: str, *texts: str, policy: str = "") -> None:
    """Write lines as another program does."""
    with urllib3.PoolManager(retries=False) as pool:
        url = f"{influxd.url}/write?db={database}&rp={policy}"
        answer = pool.request("POST", url, body="\n".join(texts).encode())
    assert answer.status == 204, answer.data
