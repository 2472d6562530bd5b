"""From the log to the servers: synchronous writes, servers that are away, and what is told of it."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from labmon_dagster.clients.eht_influx_client import SYNCHRONOUS, EHTInfluxDBClient, NotDeliveredError
from labmon_dagster.clients.eht_influx_client.reading import settings_of
from labmon_dagster.clients.eht_influx_client.waiting import standings
from labmon_dagster_tests.clients.eht_influx_client.conftest import Section, away
from labmon_dagster_tests.servers.influx import Influxd

_LINE = "pps,station=KP pps_offset=0i 1617672549204824064"


def count(influxd: Influxd, bucket: str) -> int:
    """How many points the server has."""
    return sum(row["count"] for row in influxd.query("SELECT count(pps_offset) FROM pps", db=bucket))


def test_a_synchronous_write_returns_when_the_server_has_it(
    config: Path, bucket: str, influxd: Influxd
) -> None:
    with EHTInfluxDBClient.from_config_file(config) as client:
        client.write_api(write_options=SYNCHRONOUS).write(record=_LINE)
        assert count(influxd, bucket) == 1
        assert client.ping()


def test_a_server_that_is_away_does_not_hold_up_the_other(
    config: Path, bucket: str, influxd: Influxd
) -> None:
    config.write_text(config.read_text() + away("global"))
    errors: list[tuple[str, Exception]] = []
    told = threading.Event()

    def on_error(server: str, error: Exception) -> None:
        errors.append((server, error))
        told.set()

    with EHTInfluxDBClient.from_config_file(config, on_error=on_error, patience=0.1, timeout=60) as client:
        client.write_api().write(record=_LINE)
        assert told.wait(60)
        assert client.states()["global"].error
        while not client.states()["local"].delivered:
            time.sleep(0.01)
    assert {server for server, _ in errors} == {"global"}
    assert "127.0.0.1:9" in str(errors[0][1])
    assert count(influxd, bucket) == 1


def test_a_synchronous_write_that_is_not_delivered_says_that_it_is_safe(tmp_path: Path) -> None:
    config = tmp_path / "influx_config.ini"
    config.write_text(f"[eht_influx]\nevery = 50ms\npatience = 100ms\ntimeout = 2s\n{away('global')}")
    with EHTInfluxDBClient.from_config_file(config) as client:
        api = client.write_api(write_options=SYNCHRONOUS)
        with pytest.raises(NotDeliveredError, match=r"within 2 s \(global: .*safe in the station log"):
            api.write(record=_LINE)
    (standing,) = standings(settings_of(config, {}))
    assert (standing.server, standing.size) == ("global", None) and "127.0.0.1:9" in standing.trouble


def test_what_waits_is_delivered_by_the_next_client(
    config: Path, section: Section, bucket: str, influxd: Influxd
) -> None:
    with EHTInfluxDBClient.from_config_file(config, deliver="dagster") as client:
        client.write_api().write(record=_LINE)
    (standing,) = standings(settings_of(config, {}))
    assert standing.days == 1 and standing.size is not None and standing.size > len(_LINE)
    with EHTInfluxDBClient.from_config_file(config) as client:
        client.write_api().write(record="pps,station=KP pps_offset=1i 1617672549204824065")
    assert count(influxd, bucket) == 2
    (standing,) = standings(settings_of(config, {}))
    assert (standing.days, standing.size, standing.trouble) == (0, 0, "")


def test_a_bucket_that_is_not_there_is_told(config: Path, bucket: str) -> None:
    errors: list[str] = []
    told = threading.Event()

    def on_error(server: str, error: Exception) -> None:
        errors.append(f"{server}: {error}")
        told.set()

    config.write_text(config.read_text().replace(bucket, "missing_test"))
    with EHTInfluxDBClient.from_config_file(config, on_error=on_error, patience=0.1) as client:
        client.write_api().write(record=_LINE)
        assert told.wait(60)
    assert "missing_test" in errors[0] and errors[0].startswith("local: ")


def test_an_on_error_that_fails_does_not_end_the_delivery(
    config: Path, bucket: str, influxd: Influxd, caplog: pytest.LogCaptureFixture
) -> None:
    config.write_text(config.read_text() + away("global"))
    told = threading.Event()

    def on_error(server: str, error: Exception) -> None:
        told.set()
        raise RuntimeError("the program's own fault")

    with EHTInfluxDBClient.from_config_file(config, on_error=on_error, patience=0.1) as client:
        client.write_api().write(record=_LINE)
        assert told.wait(60)
        client.write_api().write(record="pps,station=KP pps_offset=1i 1617672549204824065")
        while client.states()["local"].delivered < 2:
            time.sleep(0.01)
    assert count(influxd, bucket) == 2
    assert "on_error failed, of global" in caplog.text


def test_errors_are_logged_into_the_file_that_is_named(tmp_path: Path) -> None:
    config = tmp_path / "influx_config.ini"
    config.write_text(
        f"[eht_influx]\npatience = 100ms\nlog_file = {tmp_path}/logs/client.log\n{away('global')}"
    )
    with EHTInfluxDBClient.from_config_file(config) as client:
        client.write_api().write(record=_LINE)
    text = (tmp_path / "logs/client.log").read_text()
    assert "global" in text and "what was not delivered stays in the log" in text


def test_the_clients_own_measurement_tells_what_waits(config: Path, bucket: str, influxd: Influxd) -> None:
    config.write_text(config.read_text() + away("global"))
    with EHTInfluxDBClient.from_config_file(config, metric="50ms", patience=0.1) as client:
        client.write_api().write(record=_LINE)
        end = time.monotonic() + 60
        while time.monotonic() < end:
            rows = influxd.query("SELECT * FROM eht_influx_client WHERE server = 'global'", db=bucket)
            if any(row["away"] and row["errors"] for row in rows):
                break
            time.sleep(0.1)
    assert rows and {row["server"] for row in rows} == {"global"}
    assert all(row["delivered"] == 0 for row in rows)


def test_copies_for_people_are_written(config: Path, tmp_path: Path) -> None:
    copies = {"csvlogfile": tmp_path / "log.csv", "jsonlogfile": tmp_path / "log.jsonl"}
    with EHTInfluxDBClient.from_config_file(config, **copies) as client:
        client.write_api().write(record=_LINE)
    assert all(
        "1617672549204824064" in path.read_text() or "204824064Z" in path.read_text()
        for path in copies.values()
    )
