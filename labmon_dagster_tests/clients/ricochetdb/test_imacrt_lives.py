"""Collectors and dummies in programs with forks, threads and many files."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator, MutableSequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from labmon_dagster.clients.ricochetdb import (
    DummyImacrtServer,
    MMR3Device,
    UdpImacrtCollector,
    query_imacrt_udp,
)
from labmon_dagster.clients.ricochetdb.collector import Datagram
from labmon_dagster_tests.clients.ricochetdb.wire import emulated

_HERE = "127.0.0.1"


@pytest.fixture
def collector() -> Iterator[UdpImacrtCollector]:
    made = UdpImacrtCollector([], _HERE, 0)
    made.start()
    yield made
    made.stop()


def _asked(place: str, buffer: MutableSequence[Datagram]) -> dict[str, Any]:
    results: list[dict[str, Any]] = []
    MMR3Device(place, "udp", "imacrt").get_data(results, buffer)
    return results[0]


def test_who_asks_one_module_from_several_threads_gets_his_answers(collector: UdpImacrtCollector) -> None:
    with emulated("mmr3") as (place,), ThreadPoolExecutor(6) as pool:
        for buffer in (collector.data_buffer, []):
            asked = [pool.submit(_asked, place, buffer) for _ in range(10)]
            single = [pool.submit(query_imacrt_udp, place, "MMR3GET 5") for _ in range(10)]
            assert [one.result().get("missing") for one in asked] == [None] * 10
            assert all(float(one.result()) for one in single)


def test_a_device_that_is_asked_is_heard_out(collector: UdpImacrtCollector) -> None:
    with emulated("mmr3") as (place,):
        collector.stop_after_next_message()
        assert "missing" not in _asked(place, collector.data_buffer)
    collector.join(10)
    assert not collector.is_alive()


def test_a_forked_process_does_not_keep_the_port(collector: UdpImacrtCollector) -> None:
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(writing)
        os.read(reading, 1)  # until the parent is done
        os._exit(0)
    try:
        with emulated("mmr3") as (place,):
            assert "missing" not in _asked(place, collector.data_buffer)
        collector.stop()
        UdpImacrtCollector([], _HERE, collector.port).stop()
    finally:
        os.close(writing)
        os.close(reading)
        os.waitpid(child, 0)


def test_a_program_with_many_files_has_a_collector() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard if hard > 0 else 4096, hard))
    try:
        with ExitStack() as many, emulated("mmr3") as (place,):
            for _ in range(1100):
                many.enter_context(Path(os.devnull).open())
            collector = UdpImacrtCollector([], _HERE, 0)
            collector.start()
            assert "missing" not in _asked(place, collector.data_buffer)
            assert collector.is_alive()
            collector.stop()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_port_that_cannot_be_is_told() -> None:
    for made in (lambda: UdpImacrtCollector([], _HERE, 70_000), DummyImacrtServer(p=70_000).start):
        with pytest.raises(RuntimeError, match=r"UDP port 70000 at 127\.0\.0\.1 cannot be had: bind"):
            made()


def test_a_collector_starts_once(collector: UdpImacrtCollector) -> None:
    with pytest.raises(RuntimeError, match="once"):
        collector.start()
    with emulated("mmr3") as (place,):
        assert "missing" not in _asked(place, collector.data_buffer)
    assert collector.data_buffer == []
