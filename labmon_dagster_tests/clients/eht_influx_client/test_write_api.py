"""write(): what it gives back, what it refuses, and that the log has all of a call or nothing."""

from __future__ import annotations

import inspect
import logging
import multiprocessing
import pickle
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from influxdb_client.client import write_api as official

from labmon_dagster.clients.eht_influx_client import (
    SYNCHRONOUS,
    EHTInfluxDBClient,
    Point,
    PointSettings,
    WriteApi,
    WriteOptions,
)
from labmon_dagster.journal import Journal
from labmon_dagster.settings import journal_root


def logged() -> list[bytes]:
    """The payloads of the station log."""
    journal = Journal(journal_root(), "eht/vlbimon")
    return [entry.payload for day in journal.days() for entry in journal.read(day)]


@pytest.fixture
def client() -> Iterator[EHTInfluxDBClient]:
    """A station whose log Dagster delivers."""
    with EHTInfluxDBClient(deliver="dagster", url="http://127.0.0.1:9", org="eht", bucket="a_test") as made:
        yield made


def test_write_is_called_as_the_official_one() -> None:
    ours, theirs = (inspect.signature(cls.write).parameters for cls in (WriteApi, official.WriteApi))
    assert [(one.name, one.kind) for one in ours.values()] == [
        (one.name, one.kind) for one in theirs.values()
    ]
    assert ours["write_precision"].default == theirs["write_precision"].default


def test_a_call_is_one_entry_of_the_log(client: EHTInfluxDBClient) -> None:
    receipt = client.write_api().write(record=["m v=1 5", Point("n").field("v", 2).time(6)])
    assert logged() == [b"m v=1.0 5\nn v=2i 6\n"]
    assert (receipt.rows, receipt.skipped) == (2, 0)
    receipt.get(timeout=10)
    assert receipt.ready() and receipt.successful()


def test_a_point_without_a_time_has_that_of_the_call(client: EHTInfluxDBClient) -> None:
    before = time.time_ns()
    client.write_api().write("a_test", "eht", "m v=1")
    (line,) = logged()
    assert before <= int(line.split()[-1]) <= time.time_ns()


def test_nothing_is_written_of_a_call_with_a_bad_record(client: EHTInfluxDBClient) -> None:
    for bad in ("m v=", Point("m").field("v", float("inf")), object()):
        with pytest.raises((ValueError, TypeError)):
            client.write_api().write(record=["m v=1 5", bad])
    with pytest.raises(TypeError, match="lacks its record"):
        client.write_api().write("a_test")
    assert logged() == []


@pytest.mark.parametrize(("keyword", "own"), [("bucket", "a_test"), ("org", "eht")])
def test_another_bucket_than_the_configured_one_is_refused(
    client: EHTInfluxDBClient, keyword: str, own: str
) -> None:
    with pytest.raises(
        ValueError, match=rf"{keyword}='other' is not what the configuration names \('{own}'\)"
    ):
        client.write_api().write(record="m v=1", **{keyword: "other"})
    client.write_api().write(record="m v=1 5", **{keyword: own})


def test_points_without_a_value_are_told(client: EHTInfluxDBClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        receipt = client.write_api().write(record=Point("m").field("v", float("nan")))
    assert (receipt.rows, receipt.skipped, logged()) == (0, 1, [])
    assert receipt.ready()
    assert "1 points had no value and were not written" in caplog.text


def test_default_tags_are_written(client: EHTInfluxDBClient) -> None:
    with client.write_api(point_settings=PointSettings(station="Kp")) as api:
        api.write(record={"measurement": "m", "fields": {"v": 1}, "time": 5})
    assert logged() == [b"m,station=Kp v=1i 5\n"]


def test_batching_needs_no_batches_here(client: EHTInfluxDBClient) -> None:
    client.write_api(write_options=WriteOptions(batch_size=5)).write(record="m v=1 5")
    assert logged() == [b"m v=1.0 5\n"]


def test_synchronous_writes_need_a_delivery_to_wait_for(client: EHTInfluxDBClient) -> None:
    with pytest.raises(ValueError, match="deliver = client"):
        client.write_api(write_options=SYNCHRONOUS)


def test_a_client_and_its_api_can_be_pickled(client: EHTInfluxDBClient) -> None:
    api = pickle.loads(pickle.dumps(client.write_api()))
    api.write(record="m v=1 5")
    assert logged() == [b"m v=1.0 5\n"]


def test_a_log_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    api = EHTInfluxDBClient(deliver="dagster", log=tmp_path / "file").write_api()
    with pytest.raises(OSError, match="file"):
        api.write(record="m v=1 5")


def test_other_names_are_those_of_the_first_server(client: EHTInfluxDBClient) -> None:
    assert type(client.query_api()).__name__ == "QueryApi"
    assert client.ping() is False
    with pytest.raises(AttributeError, match="has no 'quary'"):
        client.quary()
    old = EHTInfluxDBClient(servers={"old": {"url": "http://x", "bucket": "a_test", "api": 1}})
    with pytest.raises(AttributeError, match="server old is an InfluxDB 1"):
        old.query_api()


class _Never:
    def synced(self, timeout: float | None = None) -> bool:
        return False


def test_a_receipt_is_used_as_an_async_result() -> None:
    from labmon_dagster.clients.eht_influx_client.receipt import Receipt

    never: Any = _Never()
    receipt = Receipt(never, 1, 0)
    receipt.wait(0.0)
    assert not receipt.ready()
    with pytest.raises(multiprocessing.TimeoutError):
        receipt.get(timeout=0.01)
    with pytest.raises(ValueError, match="not on the disk yet"):
        receipt.successful()
