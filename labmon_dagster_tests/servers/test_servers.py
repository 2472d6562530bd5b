"""The servers of the tests: they start, keep their data when killed, and end with the tests."""

from __future__ import annotations

import random
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import urllib3
from pymongo import MongoClient

from labmon_dagster_tests.servers import found, process
from labmon_dagster_tests.servers.influx import Influxd, InfluxError
from labmon_dagster_tests.servers.mongo import Mongod
from labmon_dagster_tests.servers.process import HOST, Server, ServerError


class Silly(Server):
    """Says something and ends."""

    def command(self) -> list[str]:
        return [sys.executable, "-c", "print('no such disk')"]

    def ready(self) -> bool:
        return False


@pytest.fixture
def http() -> Iterator[urllib3.PoolManager]:
    with urllib3.PoolManager(retries=False) as pool:
        yield pool


def write(
    http: urllib3.PoolManager, server: Influxd, *lines: str, database: str = "lab"
) -> tuple[int, bytes]:
    answer = http.request("POST", f"{server.url}/write?db={database}", body="\n".join(lines).encode())
    return answer.status, answer.data


def count(server: Influxd) -> int:
    return sum(row["count"] for row in server.query("SELECT count(v) FROM m", db="lab"))


def fill(http: urllib3.PoolManager, server: Influxd) -> tuple[int, bytes]:
    """Write lines that no one can compress until a write is refused: how many lines were taken, and why."""
    for batch in range(100):
        times = range(batch * 2000, batch * 2000 + 2000)
        status, said = write(http, server, *(f'm v=1,s="{random.randbytes(150).hex()}" {t}' for t in times))
        if status != 204:
            return batch * 2000, said
    raise AssertionError("nothing was refused")


@pytest.mark.parametrize(("required", "outcome"), [("", pytest.skip.Exception), ("1", pytest.fail.Exception)])
def test_what_cannot_be_had_skips_the_test_or_fails_it(
    required: str, outcome: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(found.REQUIRED, required)
    monkeypatch.setattr(found, "_influxd", lambda: "no influxd")
    with pytest.raises(outcome, match="no influxd"):
        found.influxd()


def test_a_failed_start_shows_the_log(tmp_path: Path) -> None:
    server = Silly(tmp_path)
    with pytest.raises(ServerError, match="no such disk"):
        server.start()
    assert not server.running


def test_a_port_that_another_took_first_is_not_mistaken_for_its_own(
    influxd: Influxd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offered = iter([influxd.port, process.free_port()])
    monkeypatch.setattr(process, "free_port", lambda: next(offered))
    with Influxd(tmp_path / "other") as other:
        assert other.port != influxd.port
        assert other.query("SHOW DATABASES") == []


def test_influxd_keeps_its_data_when_killed(own_influxd: Influxd, http: urllib3.PoolManager) -> None:
    own_influxd.create_database("lab")
    assert write(http, own_influxd, "m,site=a v=1.5 1", "m,site=b v=2.5 2") == (204, b"")
    url = own_influxd.url
    own_influxd.kill()
    assert not own_influxd.running
    own_influxd.restart()
    assert own_influxd.url == url
    rows = own_influxd.query("SELECT v FROM m GROUP BY site", db="lab")
    assert rows == [{"site": "a", "time": 1, "v": 1.5}, {"site": "b", "time": 2, "v": 2.5}]


def test_mongod_keeps_its_data_when_killed(own_mongod: Mongod) -> None:
    with MongoClient[dict[str, object]](own_mongod.url) as client:
        client.lab.m.insert_one({"_id": 1})
        own_mongod.kill()
        own_mongod.restart()
        client.lab.m.insert_one({"_id": 2})
        assert list(client.lab.m.find()) == [{"_id": 1}, {"_id": 2}]


def test_each_test_has_a_fresh_database(
    influxd: Influxd, influx_database: str, mongod: Mongod, mongo_database: str
) -> None:
    assert influxd.query("SHOW MEASUREMENTS", db=influx_database) == []
    with MongoClient[dict[str, object]](mongod.url) as client:
        assert client[mongo_database].list_collection_names() == []


def test_influxd_asks_for_a_password(tmp_path: Path) -> None:
    with Influxd(tmp_path / "i", auth=("admin", "secret")) as server:
        server.create_database("lab")
        server.restart()
        assert server.query("SHOW DATABASES") == [{"name": "lab"}]
        server.auth = None
        with pytest.raises(InfluxError, match="unable to parse authentication credentials"):
            server.query("SHOW DATABASES")


def test_influxd_speaks_https(tmp_path: Path) -> None:
    with Influxd(tmp_path / "i", https=True) as server:
        assert server.query("SHOW DATABASES") == []
        context = ssl.create_default_context(cafile=str(server.ca))
        with socket.create_connection((HOST, server.port)) as plain:
            context.wrap_socket(plain, server_hostname="localhost").close()


def test_a_full_disk_refuses_writes_until_there_is_room(tmp_path: Path, http: urllib3.PoolManager) -> None:
    with Influxd(tmp_path / "i", file_limit=5_000_000) as server:
        server.create_database("lab")
        taken, why = fill(http, server)
        assert b"file too large" in why
        assert server.running
        server.file_limit = None
        server.restart()
        assert count(server) == taken
        assert write(http, server, "m v=1 -1") == (204, b"")


def test_a_disk_may_fill_up_and_be_cleared_while_it_runs(
    own_influxd: Influxd, http: urllib3.PoolManager
) -> None:
    for name in ("lab", "other"):
        own_influxd.create_database(name)
    assert write(http, own_influxd, "m v=1 1") == (204, b"")
    own_influxd.limit_files(100)
    long = f'm v=1,s="{random.randbytes(150).hex()}" 2'
    assert write(http, own_influxd, long)[0] == 500
    own_influxd.limit_files(None)
    assert write(http, own_influxd, long, database="other") == (204, b"")
    own_influxd.restart()
    assert write(http, own_influxd, long) == (204, b"")


def test_a_server_outlives_the_thread_that_started_it(own_influxd: Influxd) -> None:
    thread = threading.Thread(target=own_influxd.restart)
    thread.start()
    thread.join()
    time.sleep(0.1)
    assert own_influxd.running


@pytest.mark.parametrize("server", [Influxd, Mongod])
def test_a_server_dies_with_the_tests(server: type[Server], tmp_path: Path) -> None:
    script = (
        f"from pathlib import Path; from {server.__module__} import {server.__name__} as S; "
        f"s = S(Path({str(tmp_path / 's')!r})).start(); print(s._process.pid, flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    assert soon(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


def soon(so: Callable[[], bool]) -> bool:
    end = time.monotonic() + 5
    while not so() and time.monotonic() < end:
        time.sleep(0.02)
    return so()
