"""What was measured during a run: in a notebook, as Arrow, and from the command line."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pandas as pd
import polars as pl
import pytest

import labmon_dagster
from labmon_dagster.records.lab import LabRecords, lab_records
from labmon_dagster.stores import SqliteStore
from labmon_dagster_tests.cli.lab import fill, labmon, times, told
from labmon_dagster_tests.records.thermometer import FIELD, NOON, detectors, run, say
from labmon_dagster_tests.servers.mongo import Mongod
from labmon_dagster_tests.stores.documents.records import mongo_url

SECOND = 10**9


def fill_records(lab: LabRecords) -> None:
    detectors(lab)
    run(lab, "run1", 0, 10)
    run(lab, "planned", None, None)


@pytest.fixture(autouse=True)
def filled(embedded: SqliteStore) -> None:
    """Readings around a run of ten seconds."""
    say(embedded, {second: 3.0 + second for second in (-1, 0, 4, 10, 11)})
    with lab_records() as lab:
        fill_records(lab)


def test_both_ends_are_in_it() -> None:
    frame = labmon_dagster.read("imacrt", run="run1")
    assert [(one.value - NOON) // SECOND for one in frame.index] == [0, 4, 10]
    assert frame[FIELD].tolist() == [3.0, 7.0, 13.0]
    table = labmon_dagster.read_arrow("imacrt", run="run1", fields=[FIELD], tags={"device": "mmr3"})
    assert table[FIELD].to_pylist() == [3.0, 7.0, 13.0]
    assert labmon_dagster.read("imacrt", run="run1", resample="5s")[FIELD].tolist() == [5.0, 13.0]


def test_the_same_by_command() -> None:
    listed = told("query", "imacrt", "--run", "run1", "--format", "csv").splitlines()
    assert [line.split(",")[0][11:19] for line in listed[1:]] == ["12:00:00", "12:00:04", "12:00:10"]


def test_the_nanoseconds_of_a_run_count(embedded: SqliteStore) -> None:
    fill(embedded, "m", (), pl.DataFrame({"time": times(NOON, NOON + 1, NOON + 2), "x": [0.0, 1.0, 2.0]}))
    exact = pd.Timestamp(NOON + 1, tz="UTC")
    with lab_records() as lab:
        lab.runs.create(
            {"name": "short", "detector": [{"name": "FID1"}], "start_date": exact, "stop_date": exact}
        )
    assert labmon_dagster.read("m", run="short")["x"].tolist() == [1.0]


def test_a_run_that_is_not_over_is_read_until_now(embedded: SqliteStore) -> None:
    now = datetime.now(UTC)
    offsets = {-2: 1.0, -1: 2.0, 1: 3.0}
    rows = {"time": times(*((int(now.timestamp()) + 3600 * n) * SECOND for n in offsets))}
    fill(embedded, "m", (), pl.DataFrame({**rows, "x": list(offsets.values())}))
    with lab_records() as lab:
        lab.runs.create({"name": "now", "detector": [{"name": "FID1"}]})
        lab.runs.start("now", now - timedelta(hours=1, minutes=30))
    assert labmon_dagster.read("m", run="now")["x"].tolist() == [2.0]


def test_errors_say_what_is_allowed() -> None:
    for more in ({"start": "-1d"}, {"end": "-1d"}):
        with pytest.raises(ValueError, match="run='run1' says from when to when: give neither start nor end"):
            labmon_dagster.read("imacrt", run="run1", **more)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no run 'run2' in lio_run_info; there are: run1, planned"):
        labmon_dagster.read_arrow("imacrt", run="run2")
    with pytest.raises(ValueError, match="run 'planned' has not begun yet"):
        labmon_dagster.read("imacrt", run="planned")
    result = labmon("query", "imacrt", "--run", "run1", "--start", "-1d")
    assert result.exit_code == 2 and "give neither --start nor --end" in result.stderr
    result = labmon("query", "imacrt", "--run", "run2")
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)


def test_the_records_may_lie_in_another_store(
    mongod: Mongod, mongo_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABMON_ELSEWHERE_URL", mongo_url(mongod, mongo_database))
    with lab_records("elsewhere") as lab:
        detectors(lab)
        run(lab, "run7", 11, 12)
    assert labmon_dagster.read("imacrt", run="run7", records="elsewhere")[FIELD].tolist() == [14.0]
    assert ",14.0," in told("query", "imacrt", "--run", "run7", "--records", "elsewhere", "--format", "csv")


def test_dagster_is_not_needed() -> None:
    code = (
        "import sys, labmon_dagster; labmon_dagster.read('imacrt', run='run1'); "
        "sys.exit('dagster' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
