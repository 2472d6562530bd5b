"""The simulated DAQ: what it leaves in records, journal and folder."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from labmon_dagster import settings
from labmon_dagster.journal import Journal
from labmon_dagster.records.lab import lab_records
from labmon_dagster.running.daq import DETECTORS, SimulatedDaq

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC).timestamp()


def go_on(daq: SimulatedDaq, begin: float, end: float) -> None:
    with lab_records() as lab:
        for moment in range(int(begin), int(end), 5):
            daq.step(lab, moment)


def test_streams_follow_each_other_and_are_processed(tmp_path: Path) -> None:
    daq = SimulatedDaq(tmp_path)
    daq.catch_up(NOON)
    go_on(daq, NOON, NOON + 300)
    with lab_records() as lab:
        first, second = lab.streams.all()
        (run,) = lab.runs.all()
    assert (first.name, second.name) == ("sim_stream_20261101_120000", "sim_stream_20261101_120230")
    assert run.name == "sim_run_20261101_120000" and run.running and run.detectors == list(DETECTORS)
    for stream in (first, second):
        assert stream.start_date and stream.stop_date
        assert (stream.stop_date - stream.start_date).total_seconds() == 120
        assert {entry.det_name for entry in stream.history} == set(DETECTORS)
    files = sorted(tmp_path.glob("*.json"))
    assert {json.loads(file.read_text())["stream_id"] for file in files} == {first.name, second.name}
    assert [len(file.stem) for file in files] == [8, 8]


def test_one_that_was_killed_leaves_nothing_running(tmp_path: Path) -> None:
    daq = SimulatedDaq(tmp_path)
    daq.catch_up(NOON)
    assert SimulatedDaq(tmp_path).catch_up(NOON + 90_000) == 2
    with lab_records() as lab:
        streams, runs = list(lab.streams.all()), list(lab.runs.all())
    assert [one.running for one in streams] == [False, True]
    assert [one.running for one in runs] == [False, True]
    assert streams[0].stop_date == datetime.fromtimestamp(NOON + 120, UTC)
    assert len(list(tmp_path.glob("*.json"))) == 1


def test_its_messages_are_journalled(tmp_path: Path) -> None:
    daq = SimulatedDaq(tmp_path)
    daq.log(NOON)
    journal = Journal(settings.journal_root(), "ricochet/daq_messages")
    (day,) = journal.days()
    (entry,) = journal.read(day, 0, lambda damage: None)
    assert b'"trigger"' in entry.payload and b'"acquisition"' in entry.payload
