"""The delivery of a log whose files, days and points are not as they should be."""

from __future__ import annotations

import os
import shutil
import time
from datetime import UTC, date, datetime, timedelta

import pytest

from labmon_dagster.journal import Journal
from labmon_dagster.journal.closing import close_days
from labmon_dagster.station_log.delivery import Destination, open_deliverer
from labmon_dagster_tests.servers.influx import Influxd
from labmon_dagster_tests.station_log.test_courier import (
    PATIENCE,
    START,
    journal,
    numbers,
    started,
    target,
    until,
    write,
)

__all__ = ["journal"]


def test_a_log_that_was_removed_and_begun_anew_is_delivered(
    journal: Journal, influxd: Influxd, influx_database: str
) -> None:
    to = Destination("x", "eht/x", target(influxd, influx_database))
    with started(journal, to) as courier:
        write(journal, *range(1, 20))
        assert courier.wait(PATIENCE)
        shutil.rmtree(journal.folder)
        write(journal, 20)
        assert courier.wait(PATIENCE)
        assert 20 in numbers(influxd, influx_database), "what is said to be delivered is there"
        write(journal, 21)
        assert courier.wait(PATIENCE) and courier.states()["x"].waiting == 0
    assert numbers(influxd, influx_database) == list(range(1, 22))


@pytest.mark.parametrize("left", [0, 5, 200])
def test_a_day_that_cannot_be_read_is_told_and_holds_up_no_other(
    journal: Journal, influxd: Influxd, influx_database: str, left: int
) -> None:
    write(journal, *range(1, 200), day=date(2024, 5, 1))
    assert close_days(journal, time.time_ns()) == ["2024-05-01"]
    packed = journal.folder / "2024-05-01.jsonl.gz"
    packed.write_bytes(packed.read_bytes()[:left])
    write(journal, 1000, day=date(2024, 5, 2))
    told: list[str] = []
    to = Destination("x", "eht/x", target(influxd, influx_database))
    with started(journal, to, on_error=lambda name, error: told.append(str(error))) as courier:
        until(lambda: 1000 in numbers(influxd, influx_database) and bool(told))
        write(journal, 1001)
        until(lambda: 1001 in numbers(influxd, influx_database))
        assert not courier.wait(0.2) or left < 100, "it waits for what may still be read"
    assert len(told) == 1 and packed.name in told[0]


def test_points_that_a_server_refuses_are_told(
    journal: Journal, influxd: Influxd, influx_database: str, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[tuple[str, str]] = []
    to = Destination("x", "eht/x", target(influxd, influx_database))
    with started(journal, to, on_error=lambda name, error: told.append((name, str(error)))) as courier:
        journal.append(b"pps offset=1i 1")
        assert courier.wait(PATIENCE) and not told
        journal.append(b"pps offset=1.5 2")
        assert courier.wait(PATIENCE)
        until(lambda: bool(told))
        assert courier.states()["x"].error is None, "it is no trouble that would pass"
    ((name, why),) = told
    assert name == "x" and why.startswith("1 points ") and "quarantine of eht/x" in why
    assert why in caplog.text


def test_days_that_the_server_does_not_keep_wait_for_nothing(
    journal: Journal, influxd: Influxd, influx_database: str
) -> None:
    influxd.query(f'CREATE RETENTION POLICY labmon ON "{influx_database}" DURATION INF REPLICATION 1')
    influxd.query(f'ALTER RETENTION POLICY autogen ON "{influx_database}" DURATION 30d')
    write(journal, 1, day=date(2024, 5, 1))
    journal.append(b"pps offset=5i %d" % time.time_ns())
    to = Destination("x", "eht/x", target(influxd, influx_database))
    with started(journal, to) as courier:
        assert courier.wait(PATIENCE)
        until(lambda: courier.states()["x"].waiting == 0)
    assert numbers(influxd, influx_database) == [5]


def test_what_is_delivered_is_on_the_disk(
    journal: Journal, influxd: Influxd, influx_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(journal, 1, day=START)
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(os.fstat(fd).st_ino))
    deliverer = open_deliverer(journal, Destination("x", "eht/x", target(influxd, influx_database)), START)
    deliverer.deliver(START)
    deliverer.store.close()
    assert journal.day(START.isoformat()).plain.stat().st_ino in synced


def test_one_that_waits_no_longer_than_it_must(
    journal: Journal, influxd: Influxd, influx_database: str, own_influxd: Influxd
) -> None:
    own_influxd.stop()
    near = Destination("local", "eht/local", target(influxd, influx_database))
    far = Destination("global", "eht/global", target(own_influxd, "far"))
    with started(journal, near, far) as courier:
        write(journal, 1)
        until(lambda: bool(courier.states()["global"].error))
        write(journal, *range(2, 20_000))
        assert not courier.wait(600, unless_away=True)
        assert len(numbers(influxd, influx_database)) == 19_999, "the one that is there has everything"


def test_a_clock_that_was_set_back_over_midnight_leaves_nothing_behind(
    journal: Journal, influxd: Influxd, influx_database: str
) -> None:
    to = Destination("x", "eht/x", target(influxd, influx_database))
    today = datetime.now(UTC).date()
    with started(journal, to) as courier:
        write(journal, 1, day=today)
        assert courier.wait(PATIENCE)
        write(journal, 2, day=today - timedelta(days=1))
        assert courier.wait(PATIENCE)
    assert numbers(influxd, influx_database) == [1, 2]
