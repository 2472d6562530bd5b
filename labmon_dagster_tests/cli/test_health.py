"""Devices in `labmon status`: whose they are, how they do, and what `--fail` makes of it."""

from __future__ import annotations

import json
import time
from datetime import UTC, date, datetime, timedelta

import pytest

from labmon_dagster import settings
from labmon_dagster.cli.overview import Overview
from labmon_dagster.collector import health
from labmon_dagster.collector.health import DeviceHealth, Health, LookHealth
from labmon_dagster.settings import open_documents
from labmon_dagster.stores import LedgerRow, SqliteStore
from labmon_dagster_tests.cli.lab import labmon, told

SECOND = 10**9
ASSET, READINGS, TOWER = "lab/fridge", "lab/fridge_readings", "lab/tower"


def device(name: str = "mmr3", asset: str = ASSET, ago: float | None = 1.0, **more: object) -> DeviceHealth:
    last = None if ago is None else time.time_ns() - int(ago * SECOND)
    return DeviceHealth(asset, name, "MMR3", "udp://h", 5 * SECOND, last_answer=last, **more)  # type: ignore[arg-type]


def say(*devices: DeviceHealth, age: float = 0.0, **more: object) -> None:
    now = time.time_ns()
    written = now - int(age * SECOND)
    said = Health(4711, now - 788 * SECOND, written, list(devices), **more)  # type: ignore[arg-type]
    health.write(settings.collector_folder(), said)


def prove(store: SqliteStore, *assets: str, today: date | None = None) -> None:
    """Have two days behind us proven for each asset."""
    last = today or datetime.now(UTC).date()
    days = [last - timedelta(days=back) for back in (1, 2)]
    rows = [
        LedgerRow(asset, day, covered="whole day", proven=True, verdict="stored")
        for asset in assets
        for day in days
    ]
    store.enter(rows)


@pytest.fixture
def lab(embedded: SqliteStore) -> SqliteStore:
    """Two assets of a fridge, and a tower that has no devices."""
    prove(embedded, ASSET, READINGS, TOWER)
    return embedded


@pytest.mark.usefixtures("lab")
def test_the_readings_show_the_devices_that_feed_them() -> None:
    say(device(), device("scale", "lab/other"))
    for asset in (ASSET, READINGS):
        shown = told("status", asset)
        assert "mmr3" in shown and "lab/other" not in shown
        found = json.loads(told("status", asset, "--format", "json"))[asset]["devices"]
        assert [one["device"] for one in found] == ["mmr3"]
    assert "lab/other" in told("status")
    assert "collector" not in told("status", TOWER)


@pytest.mark.usefixtures("lab")
def test_a_folder_that_is_looked_at_has_a_collector() -> None:
    say(looks=[LookHealth(TOWER, trouble="no such folder")])
    assert f"  {TOWER}: no such folder" in told("status", TOWER)


@pytest.mark.usefixtures("lab")
def test_words_for_times_and_clocks() -> None:
    say(
        device("same", offset=-20_000_000),
        device("fast", offset=2_100_000_000),
        device("slow", offset=-99 * SECOND),
    )
    lines = told("status", ASSET).splitlines()
    assert "collector: process 4711, running for 0:13:08" in lines
    clocks = {line.split()[1]: line for line in lines if line.startswith(f"  {ASSET}")}
    assert " 0.0 s" in clocks["same"] and "-0.0" not in clocks["same"]
    assert " 2.1 s ahead" in clocks["fast"] and " 99.0 s behind" in clocks["slow"]
    say(device(), stopped=True)
    assert "five-minute schedule asks devices meanwhile" in told("status")


@pytest.mark.usefixtures("lab")
def test_a_wrong_name_lists_each_asset_once() -> None:
    say(device())
    assert labmon("status", "nosuch").stderr == (
        f"labmon: no asset 'nosuch'; there are: {ASSET}, {READINGS}, {TOWER}\n"
    )


def test_where_nothing_is_stored_no_file_is_singled_out() -> None:
    say(device())
    result = labmon("status", ASSET)
    assert result.exit_code == 0 and "mmr3" in result.stdout
    assert "readings.db and no file" in result.stderr and "documents.db (LABMON_HOME," in result.stderr
    assert labmon("status", ASSET, "--fail").exit_code == 1
    one = labmon("status", "--store", "documents").stderr
    assert "documents.db" in one and "readings.db" not in one


@pytest.mark.usefixtures("lab")
def test_a_lab_that_is_well_does_not_fail() -> None:
    assert labmon("status", "--fail").exit_code == 0, "no collector ever ran"
    say(device(), device("mute", ago=None))
    result = labmon("status", "--fail")
    assert (result.exit_code, result.stderr) == (0, "")


@pytest.mark.usefixtures("lab")
@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (device("bad", errors_in_row=2, last_error="cut short"), "bad: trouble: cut short"),
        (device("bad", ago=None, errors_in_row=1, last_error="no answer"), "bad: silent: no answer"),
        (device("bad", ago=3600), "bad: late"),
    ],
)
def test_a_device_that_does_not_do_well_fails(bad: DeviceHealth, why: str) -> None:
    say(device(), bad)
    for shape in ("table", "json"):
        result = labmon("status", "--fail", "--format", shape)
        assert (result.exit_code, result.stderr) == (1, f"labmon: {ASSET} {why}\n")
    assert labmon("status", READINGS, "--fail").exit_code == 1
    assert labmon("status", TOWER, "--fail").exit_code == 0
    assert labmon("status").exit_code == 0


@pytest.mark.usefixtures("lab")
@pytest.mark.parametrize(("more", "word"), [({"age": 60.0}, "gone"), ({"stopped": True}, "stopped")])
def test_a_collector_that_is_gone_fails(more: dict[str, object], word: str) -> None:
    say(device(), **more)  # type: ignore[arg-type]
    result = labmon("status", "--fail")
    assert result.exit_code == 1 and result.stderr.startswith(f"labmon: collector: {word}")


def test_a_past_day_that_is_not_proven_fails(lab: SqliteStore) -> None:
    bad = datetime.now(UTC).date() - timedelta(days=3)
    lab.enter([LedgerRow(TOWER, bad, covered="news", written=1, trouble="the disk is full")])
    result = labmon("status", "--fail")
    assert (result.exit_code, result.stderr) == (
        1,
        f"labmon: {TOWER}: {bad} is not proven: the disk is full\n",
    )
    assert labmon("status", "--fail", "--days", 3).exit_code == 0
    assert labmon("status", ASSET, "--fail").exit_code == 0
    assert labmon("status", "--fail", "--day", bad).exit_code == 2


def test_a_day_has_some_hours_to_be_proven() -> None:
    today = date(2026, 3, 5)
    ledger = {date(2026, 3, 3): LedgerRow("x/y", date(2026, 3, 3), proven=True, verdict="stored")}
    overview = Overview("x/y", ledger, today, 31, today)
    early, later = (datetime(2026, 3, 5, hour, 30, tzinfo=UTC) for hour in (3, 4))
    assert overview.overdue(early) == []
    assert [one.day for one in overview.overdue(later)] == [date(2026, 3, 4)]
    assert len(overview.unproven) == 29


def test_documents_are_judged_too() -> None:
    store = open_documents()
    bad = datetime.now(UTC).date() - timedelta(days=2)
    store.enter([LedgerRow(ASSET, bad, covered="news", written=1)])
    store.close()
    result = labmon("status", "--fail")
    assert result.exit_code == 1 and f"{ASSET}: 1" not in result.stderr and "not proven" in result.stderr
