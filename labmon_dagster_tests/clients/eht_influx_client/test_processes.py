"""One client in many processes: made in the parent, used in children that are forked or spawned."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from labmon_dagster.clients.eht_influx_client import (
    SYNCHRONOUS,
    EHTInfluxDBClient,
    NotDeliveredError,
    WriteApi,
)
from labmon_dagster.journal import Entry, Journal
from labmon_dagster_tests.clients.eht_influx_client.written import NOW
from labmon_dagster_tests.servers.influx import Influxd

_PROCESSES, _WRITES = 4, 25


def write_some(api: WriteApi, worker: int) -> int:
    """Write points of a worker; give the process that did."""
    for number in range(_WRITES):
        api.write(record=f"pps,worker={worker} number={number}i {1617672549204824064 + number}")
    return os.getpid()


def found(influxd: Influxd, bucket: str) -> dict[str, list[int]]:
    """The numbers of each worker, as the server has them."""
    rows = influxd.query("SELECT number, worker FROM pps", db=bucket)
    numbers: dict[str, list[int]] = {}
    for row in rows:
        numbers.setdefault(row["worker"], []).append(row["number"])
    return {worker: sorted(some) for worker, some in numbers.items()}


def expected(workers: int) -> dict[str, list[int]]:
    return {str(worker): list(range(_WRITES)) for worker in range(workers)}


@pytest.mark.slow
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_pool_writes_with_the_client_of_its_parent(
    method: str, config: Path, bucket: str, influxd: Influxd
) -> None:
    with EHTInfluxDBClient.from_config_file(config) as client:
        api = client.write_api()
        write_some(api, 0)  # so that the parent's threads run when it forks
        with multiprocessing.get_context(method).Pool(_PROCESSES) as pool:
            pool.starmap(write_some, [(api, worker) for worker in range(1, 9)])
        assert client.delivered(timeout=60)
    assert found(influxd, bucket) == expected(9)


def _child(work: Callable[[], object]) -> int:
    """Run work in a forked child that ends without any clearing up."""
    child = os.fork()
    if child == 0:
        try:
            work()
            os.kill(os.getpid(), signal.SIGKILL)
        finally:
            os._exit(1)
    return child


def test_what_a_killed_child_wrote_is_delivered_by_its_parent(
    config: Path, bucket: str, influxd: Influxd
) -> None:
    with EHTInfluxDBClient.from_config_file(config) as client:
        api = client.write_api()
        write_some(api, 0)
        _, ended = os.waitpid(_child(lambda: write_some(api, 1)), 0)
        assert os.WTERMSIG(ended) == signal.SIGKILL
        assert client.delivered(timeout=60)
    assert found(influxd, bucket) == expected(2)


def test_a_parent_that_has_not_written_delivers_for_its_child(
    config: Path, bucket: str, influxd: Influxd
) -> None:
    with EHTInfluxDBClient.from_config_file(config) as client:
        os.waitpid(_child(lambda: write_some(client.write_api(), 0)), 0)
    assert found(influxd, bucket) == expected(1)


def test_a_child_leaves_to_its_parent_what_would_hang(config: Path, bucket: str, influxd: Influxd) -> None:
    """A large frame is written, and no server asked."""
    with EHTInfluxDBClient.from_config_file(config) as client:
        write_some(client.write_api(), 0)
        assert client.delivered(timeout=60)

        def work() -> None:
            frame = pd.DataFrame({"number": range(300), "timestamp": NOW + np.arange(300)})
            client.write_api().write(record=frame, data_frame_measurement_name="large")
            with pytest.raises(
                NotDeliveredError, match="safe in the station log, but this process was forked"
            ):
                client.write_api(write_options=SYNCHRONOUS).write(record=f"large number=300i {NOW + 300}")

        _, ended = os.waitpid(_child(work), 0)
        assert os.WIFSIGNALED(ended)
        assert client.delivered(timeout=60)
    assert len(influxd.query("SELECT number FROM large", db=bucket)) == 301


def test_a_daemon_whose_parent_has_ended_says_that_nobody_delivers(
    config: Path, bucket: str, influxd: Influxd, tmp_path: Path
) -> None:
    told = tmp_path / "told"

    def on_error(server: str, error: Exception) -> None:
        told.write_text(f"{server}: {error}")

    with EHTInfluxDBClient.from_config_file(config, on_error=on_error) as client:
        write_some(client.write_api(), 0)
        assert client.delivered(timeout=60)

        def work() -> None:
            parent = os.getpid()
            if os.fork():
                return
            while os.getppid() == parent:
                time.sleep(0.01)
            write_some(client.write_api(), 1)

        os.waitpid(_child(work), 0)
        while not told.exists() or not told.read_text():
            time.sleep(0.01)
        while sum(line.payload.count(b"worker=1 ") for line in _entries(client)) < _WRITES:
            time.sleep(0.01)
    assert told.read_text().startswith("local: ") and "a daemon makes its client after" in told.read_text()
    assert found(influxd, bucket) == expected(2)


def _entries(client: EHTInfluxDBClient) -> list[Entry]:
    assert client.settings.log
    journal = Journal(client.settings.log, client.settings.asset)
    return [entry for day in journal.days() for entry in journal.read(day)]
