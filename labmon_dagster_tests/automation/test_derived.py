"""The sensor over streams and runs: silent where there is nothing, one run where there is something."""

from __future__ import annotations

import threading
from datetime import date

import pytest

from labmon_dagster.automation import derived
from labmon_dagster.records.lab import LabRecords
from labmon_dagster.records.models import Stream, Temperature
from labmon_dagster.records.streams import Streams
from labmon_dagster.stores import LedgerRow, SqliteStore
from labmon_dagster_tests.automation.derived_lab import Lab, lab, records
from labmon_dagster_tests.records.thermometer import enter, run, say, stream

__all__ = ["lab", "records"]


def test_nothing_there_nothing_asked(lab: Lab) -> None:
    assert lab.tick() == ([], "nothing new")


def test_a_stream_that_is_over_gets_its_temperature_and_again_when_readings_come_late(
    lab: Lab, records: LabRecords, embedded: SqliteStore
) -> None:
    stream(records, "s1", 0, 10)
    stream(records, "s2", 20, None)
    assert lab.tick() == ([], "nothing new")
    say(embedded, {1: 3.0, 2: 4.0, 25: 7.0})
    enter(embedded, 3, written=1)
    assert lab.settle() == ["ricochet/stream_temperature"]
    told = records.streams.get("s1").temperature
    assert told is not None and (told.mean, told.std, told.readings) == (3.5, 0.5, 2)
    assert lab.tick() == ([], "nothing new")
    say(embedded, {3: 8.0})
    enter(embedded, 4, written=2)
    assert lab.settle() == ["ricochet/stream_temperature"]
    told = records.streams.get("s1").temperature
    assert told is not None and (told.mean, told.readings) == (5.0, 3)
    records.streams.stop("s2")
    assert lab.settle() == ["ricochet/stream_temperature"]
    told = records.streams.get("s2").temperature
    assert told is not None and (told.mean, told.readings) == (7.0, 1)


def test_the_run_tells_of_streams_with_and_without_readings(
    lab: Lab, records: LabRecords, embedded: SqliteStore
) -> None:
    stream(records, "s1", 0, 10)
    stream(records, "bare", 100, 110)
    stream(records, "foreign", 0, 10, temperature={"mean": 1.0, "std": 2.0})
    say(embedded, {1: 3.0, 2: 4.0})
    enter(embedded, 2, written=1)
    (request,), _ = lab.tick()
    (event,) = lab.run(request).asset_materializations_for_node("ricochet__stream_temperature")
    said = {name: value.value for name, value in event.metadata.items()}
    assert (said["temperatures noted"], said["without readings"]) == (1, "bare")
    assert said["left as another program gave them"] == 1
    assert "3.50 ± 0.50 K | 2 |" in str(said["noted now"]).replace("\N{NO-BREAK SPACE}", " ")
    assert records.streams.get("bare").temperature is None
    foreign = records.streams.get("foreign").temperature
    assert foreign is not None and foreign.mean == 1.0


def test_a_wrong_record_does_not_stop_the_others(
    lab: Lab, records: LabRecords, embedded: SqliteStore
) -> None:
    records.streams.store.insert(records.streams.collection, "bad", {"name": "bad", "channel_config": 5})
    records.runs.store.insert(records.runs.collection, "worse", {"name": "worse", "detector": 5})
    stream(records, "s1", 0, 10)
    run(records, "run1", 0, 20)
    say(embedded, {1: 3.0})
    enter(embedded, 1, written=1)
    lab.settle()
    assert records.streams.get("s1").temperature is not None
    assert "run1" in lab.pages()
    _, said = lab.tick()
    assert "run 'worse' in lio_run_info" in said and "stream 'bad' in lio_stream_info" in said


def test_what_cannot_be_noted_fails_the_run_after_the_others(
    lab: Lab, records: LabRecords, embedded: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("s1", "s2"):
        stream(records, name, 0, 10)
    say(embedded, {1: 3.0})
    enter(embedded, 1, written=1)
    add = Streams.add_temperature

    def refuse(self: Streams, name: str, told: Temperature) -> Stream:
        if name == "s1":
            raise self.wrong(name, "it is refused")
        return add(self, name, told)

    monkeypatch.setattr(Streams, "add_temperature", refuse)
    (request,), _ = lab.tick()
    lab.run(request, ok=False)
    assert records.streams.get("s2").temperature is not None
    requests, said = lab.tick()
    assert requests == [] and "1 runs failed in a row" in said


def test_a_temperature_none_of_whose_readings_is_good_any_more_is_removed(
    lab: Lab, records: LabRecords, embedded: SqliteStore
) -> None:
    stream(records, "s1", 0, 10)
    say(embedded, {1: 3.0})
    enter(embedded, 1, written=1)
    lab.settle()
    say(embedded, {1: 3.0}, flag=4)
    enter(embedded, 1, written=2, proven=True)
    assert lab.settle() == ["ricochet/stream_temperature"]
    assert records.streams.get("s1").temperature is None


def test_a_store_that_is_away_is_told(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABMON_TIMESERIES_URL", "influxdb://127.0.0.1:1/none?org=o")
    requests, said = lab.tick()
    assert requests == []
    assert "ricochet/runs: " in said and "ricochet/stream_temperature: " in said


def test_a_look_that_hangs_is_told_and_not_begun_twice(
    lab: Lab, records: LabRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(records, "run1", 0, 100)
    free, begun = threading.Event(), threading.Semaphore(0)
    ledger = SqliteStore.ledger

    def slow(self: SqliteStore, asset: str) -> dict[date, LedgerRow]:
        begun.release()
        free.wait(30)
        return ledger(self, asset)

    monkeypatch.setattr(SqliteStore, "ledger", slow)
    monkeypatch.setattr(derived, "PATIENCE", 0.05)
    for _ in range(3):
        requests, said = lab.tick()
        assert requests == [] and "ricochet/runs: did not answer within 0.05 s" in said
    free.set()
    assert [begun.acquire(timeout=5) for _ in range(2)] == [True, True], "one look for each asset"
    assert not begun.acquire(blocking=False)
    monkeypatch.setattr(derived, "PATIENCE", 30)
    assert lab.settle() == ["ricochet/runs"]
