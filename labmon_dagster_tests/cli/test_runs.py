"""`labmon runs`, `streams` and `detectors` over SQLite and MongoDB."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from labmon_dagster.cli import app
from labmon_dagster.records.lab import lab_records
from labmon_dagster.records.models import HistoryEntry, Temperature
from labmon_dagster_tests.cli.lab import labmon, told
from labmon_dagster_tests.records.thermometer import at, run, stream
from labmon_dagster_tests.stores.documents.records import mongo_url

STREAM: dict[str, Any] = {
    "name": "s3",
    "acq_config": {"modulation": True, "d2": 250},
    "channel_config": [{"det_name": "FID1", "chan_name": "ChalA", "gain": 1}],
    "comment": "",
    "start_date": "2026-03-02T12:00:00.123456Z",
    "stop_date": {"$date": "2026-03-02T13:00:00Z"},
    "history": [
        {"timestamp": "2026-03-02T14:00Z", "det_name": "FID1", "label": "processed", "code_commit": "87B5E5A"}
    ],
}


@pytest.fixture(params=["sqlite", "mongodb"], autouse=True)
def where(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The records of the lab, in either kind of store."""
    if request.param == "mongodb":
        database = request.getfixturevalue("mongo_database")
        url = mongo_url(request.getfixturevalue("mongod"), database)
        monkeypatch.setenv("LABMON_DOCUMENTS_URL", url)
    return str(request.param)


@pytest.fixture
def filled() -> None:
    """Two detectors; a run that is over and one that runs; two streams of the first, one of neither."""
    with lab_records() as lab:
        lab.detectors.create({"name": "RED15", "mass": 38.5})
        lab.detectors.create({"name": "FID1"})
        run(lab, "run1", 0, 3600, description="cold, dry")
        run(lab, "run2", 7200, None)
        stream(lab, "s1", 60, 1860, status="good")
        stream(lab, "s2", 3000, 5000)
        stream(lab, "s9", 5500, 6000)
        lab.streams.add_temperature("s1", Temperature(mean=3.61234, std=0.00721, readings=360))
        for code, done in (("87B5E5A", 0.5), ("99AB01C", 0.98)):
            entry = {"det_name": "FID1", "label": "processed", "code_commit": code, "processing_status": done}
            lab.streams.add_history(
                "s1", HistoryEntry.model_validate({"timestamp": at(9000 + done), **entry})
            )


@pytest.mark.usefixtures("filled")
def test_a_list_is_a_table() -> None:
    head, *lines = told("runs", "list").splitlines()
    assert head.split() == ["name", "state", "start", "stop", "duration", "detectors", "description"]
    assert lines[0].split(maxsplit=6) == [
        "run1", "stopped", "2026-03-02T12:00:00Z", "2026-03-02T13:00:00Z", "01:00:00", "RED15", "cold, dry",
    ]  # fmt: skip
    assert lines[1].split()[:3] == ["run2", "running", "2026-03-02T14:00:00Z"]
    (line,) = [line for line in told("streams", "list").splitlines() if line.startswith("s1")]
    for part in ("00:30:00", "FID1", "good", "3.6123 ± 0.0072 K", "  processed 99AB01C 98 %"):
        assert part in line
    assert told("detectors", "list") == "name   fields\nFID1\nRED15  mass=38.5\n"


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    ("options", "names"),
    [
        ([], ["run1", "run2"]),
        (["--running"], ["run2"]),
        (["--since", "2026-03-02T13:00:00Z"], ["run1", "run2"]),
        (["--since", "2026-03-02T13:00:00.001Z"], ["run2"]),
        (["--since", "9999-01-01"], []),
    ],
)
def test_a_list_of_some(options: list[str], names: list[str]) -> None:
    lines = told("runs", "list", "--format", "csv", *options).splitlines()
    rows = list(csv.DictReader(lines))
    assert [row["name"] for row in rows] == names
    assert lines[0] == "name,state,start,stop,duration,detectors,description"
    if "run1" in names:
        assert rows[0]["description"] == "cold, dry"
        assert rows[0]["stop"] == "2026-03-02T13:00:00.000000000Z"


@pytest.mark.usefixtures("filled")
def test_a_list_as_json_lines_has_all_fields() -> None:
    first, *_ = [json.loads(line) for line in told("streams", "list", "--format", "jsonl").splitlines()]
    assert first["start_date"] == "2026-03-02T12:01:00.000000000Z"
    assert first["temperature"] == {"mean": 3.61234, "std": 0.00721, "readings": 360}
    assert [entry["code_commit"] for entry in first["history"]] == ["87B5E5A", "99AB01C"]
    assert next(iter(first)) == "name"


@pytest.mark.usefixtures("filled")
def test_a_run_is_shown_with_its_streams() -> None:
    shown = told("runs", "show", "run1")
    assert "duration     01:00:00" in shown
    assert "streams: 2" in shown
    assert "  s1 " in shown and "  s2 " in shown and "s9" not in shown
    assert json.loads(told("runs", "show", "run1", "--format", "json"))["streams"] == ["s1", "s2"]
    assert " so far" in told("runs", "show", "run2")


@pytest.mark.usefixtures("filled")
def test_a_stream_is_shown_with_what_became_of_it() -> None:
    shown = told("streams", "show", "s1")
    for part in ("3.6123 ± 0.0072 K (360 readings)", "acq_config.d2", "history: 2", "87B5E5A 50 %", "  run1"):
        assert part in shown
    processing = shown.partition("processing: 1")[2].partition("history")[0]
    assert "processed 99AB01C 98 %" in processing
    assert "nothing yet" in told("streams", "show", "s2")
    assert "temperature     not known" in told("streams", "show", "s2")


@pytest.mark.usefixtures("filled")
def test_a_detector_is_shown_with_where_it_was() -> None:
    shown = told("detectors", "show", "FID1")
    assert "runs: none" in shown and "streams: 3" in shown
    assert json.loads(told("detectors", "show", "RED15", "--format", "json")) == {
        "name": "RED15",
        "mass": 38.5,
        "runs": ["run1", "run2"],
        "streams": [],
    }


def test_created_started_and_stopped(tmp_path: Path) -> None:
    assert told("detectors", "create", "FID1", "--description", "germanium") == "created detector FID1\n"
    assert (
        told("runs", "create", "run12", "--detector", "FID1", "--description", "x") == "created run run12\n"
    )
    assert "created" in told("runs", "list")
    assert told("runs", "start", "run12", "--at", "2026-03-02T12:00:00+01:00") == (
        "run run12 started at 2026-03-02T11:00:00Z\n"
    )
    stopped = told("runs", "stop", "run12", "--at", "2026-03-03T12:00:05Z")
    assert stopped == "run run12 stopped at 2026-03-03T12:00:05Z after 1d 01:00:05\n"
    path = tmp_path / "stream.json"
    path.write_text(json.dumps(STREAM))
    told("streams", "create", "--file", path)
    piped = CliRunner().invoke(
        app, ["streams", "create", "--file", "-"], input=json.dumps({**STREAM, "name": "s4"})
    )
    assert piped.stdout == "created stream s4\n"
    with lab_records() as lab:
        one, other = lab.streams.get("s3"), lab.streams.get("s4")
    assert one.stop_date == at(3600) and one.history[0].timestamp == at(7200)
    assert one.model_dump(exclude={"name"}) == other.model_dump(exclude={"name"})
    assert '"2026-03-02T12:00:00.123456000Z"' in told("streams", "list", "--format", "jsonl")


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["runs", "show", "run3"], 1, "no run 'run3' in lio_run_info; there are: run"),
        (["streams", "stop", "s0"], 1, "no stream 's0' in lio_stream_info; there are: s"),
        (
            ["runs", "start", "run1"],
            1,
            "run 'run1' in lio_run_info: field start_date: it was started already",
        ),
        (["runs", "stop", "run1"], 1, "field stop_date: it was stopped already"),
        (["runs", "stop", "run2", "--at", "2020-01-01"], 1, "lies before start_date"),
        (["runs", "create", "r", "--detector", "NO"], 1, "detector 'NO' is not known in lio_detector_info"),
        (["runs", "create", "r"], 1, "field detector is missing; mandatory are name, detector"),
        (["runs", "create", "run1", "--detector", "FID1"], 1, "there is a record of this name already"),
        (["streams", "create", "--file", "/nowhere.json"], 1, "No such file or directory: '/nowhere.json'"),
        (["streams", "create"], 2, "give --file"),
        (["detectors", "create"], 2, "give either a name or --file"),
        (["detectors", "create", "X", "--file", "x"], 2, "give either a name or --file"),
        (["runs", "start", "run2", "--at", "soon"], 2, "is no time"),
        (["runs", "list", "--since", "soon"], 2, "is no time"),
    ],
)
def test_errors_are_one_line(arguments: list[str], code: int, said: str) -> None:
    result = labmon(*arguments)
    assert (result.exit_code, result.stdout) == (code, "")
    assert said in " ".join(result.stderr.split())
    assert code == 2 or result.stderr.count("\n") == 1


@pytest.mark.parametrize("text", ['{"name": ', "[1]", '{"name": "x", "start_date": "soon"}'])
def test_files_that_are_no_record_are_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(text)
    result = labmon("runs", "create", "--file", path)
    assert result.exit_code == 1
    assert str(path) in result.stderr and result.stderr.count("\n") == 1


@pytest.mark.usefixtures("filled")
def test_a_record_that_is_not_understood_is_told_and_the_others_are_shown() -> None:
    with lab_records() as lab:
        lab.runs.store.insert(lab.runs.collection, "bad", {"name": "bad", "start_date": "someday"})
        lab.runs.store.insert(lab.runs.collection, "odd", {"name": "odd", "detector": 5})
    result = labmon("runs", "list", "--format", "csv")
    assert result.exit_code == 1
    assert [line.split(",")[0] for line in result.stdout.splitlines()] == ["name", "odd", "run1", "run2"]
    assert "run 'bad' in lio_run_info: field start_date" in result.stderr
    assert "run 'odd' in lio_run_info: field detector" in result.stderr
    assert "detector (not understood)  5\n" in told("runs", "show", "odd")


def test_looking_creates_nothing(home: Path, where: str) -> None:
    for command in (["runs", "list"], ["streams", "show", "x"], ["runs", "start", "x"]):
        result = labmon(*command)
        if where == "sqlite":
            assert result.exit_code == 1
            assert "nothing is stored yet" in result.stderr
    assert not home.exists()


def test_the_collections_have_the_names_that_the_settings_say(monkeypatch: pytest.MonkeyPatch) -> None:
    told("detectors", "create", "FID1")
    monkeypatch.setenv("LABMON_RECORDS", "other")
    told("detectors", "create", "RED15")
    assert told("detectors", "list") == "name   fields\nRED15\n"
    assert "in other_run_info" in labmon("runs", "show", "run1").stderr
    monkeypatch.delenv("LABMON_RECORDS")
    assert told("detectors", "list") == "name  fields\nFID1\n"


def test_help_has_examples() -> None:
    for group in ("runs", "streams", "detectors"):
        commands = ["list", "show", "create", *(["start", "stop"] if group != "detectors" else [])]
        for command in commands:
            shown = told(group, command, "--help")
            assert f"Examples:\n    labmon {group} {command}" in shown
        assert all(f"  {command} " in told(group, "--help") for command in commands)


@pytest.mark.usefixtures("filled")
def test_a_time_is_noted_to_the_nanosecond() -> None:
    told("runs", "create", "exact", "--detector", "RED15")
    told("runs", "start", "exact", "--at", "2026-03-02T12:00:00.123456789Z")
    assert json.loads(told("runs", "show", "exact", "--format", "json"))["start_date"] == (
        "2026-03-02T12:00:00.123456789Z"
    )
