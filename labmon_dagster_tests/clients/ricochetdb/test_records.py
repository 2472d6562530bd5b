"""The managers: the house's rules as RuntimeError, on whichever server `Database` names at the moment."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database as Mongo

from labmon_dagster.clients.ricochetdb import (
    Database,
    DatedRecordManager,
    DetectorManager,
    RecordManager,
    RunManager,
    StreamManager,
)
from labmon_dagster_tests.records.conftest import BEGIN, END, run, stream
from labmon_dagster_tests.servers.mongo import Mongod
from labmon_dagster_tests.servers.process import free_port

RUNS, STREAMS = RunManager("runs", "detectors"), StreamManager("streams", "detectors")


@pytest.fixture(autouse=True)
def database(mongod: Mongod, mongo_database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """A database with two detectors, one run and one stream."""
    monkeypatch.setattr(Database, "handler", None)
    found = Database.get_database()
    found.set_address(mongod.url)
    found.set_db_name(mongo_database)
    for name in ("RED15", "FID1"):
        DetectorManager("detectors").create({"name": name, "mass_g": 33.4})
    RUNS.create(run())
    STREAMS.create(stream())
    yield found
    found.close()


@pytest.fixture
def theirs(mongod: Mongod, mongo_database: str) -> Iterator[Mongo[dict[str, Any]]]:
    with MongoClient[dict[str, Any]](mongod.url, tz_aware=True) as client:
        yield client[mongo_database]


def test_a_life(theirs: Mongo[dict[str, Any]]) -> None:
    RUNS.start("run1", BEGIN)
    RUNS.stop("run1", END)
    STREAMS.add_detector("stream1", {"det_name": "RED15"}, {"d3": 400}, {"box1": "on"})
    STREAMS.add_history_record(END, "stream1", "RED15", "processed", "87B5E5A", "text", 0.5, {"cut": 1})
    STREAMS.add_history_record(
        timestamp=END,
        stream_name="stream1",
        detector_name="FID1",
        label="analyzed",
        code_commit="87B5E5B",
        processing_status=1,
    )
    STREAMS.add_temperature("stream1", 4.1, 0.02)
    a_run, a_stream = theirs["runs"].find_one() or {}, theirs["streams"].find_one() or {}
    assert a_run["stop_date"] == END.replace(tzinfo=UTC)
    assert a_stream["temperature"] == {"mean": 4.1, "std": 0.02}
    assert a_stream["acq_config"] == {"modulation": True, "d2": 250, "d3": 400}
    assert a_stream["bbox_status"] == {"box1": "on"}
    told = [(one["det_name"], one.get("processing_status")) for one in a_stream["history"]]
    assert told == [("RED15", 0.5), ("FID1", 1.0)]
    assert a_stream["history"][0]["processing_conf"] == {"cut": 1}


def history(**fields: Any) -> None:
    given = {"detector_name": "FID1", "label": "processed", "code_commit": "1", "stream_name": "stream1"}
    STREAMS.add_history_record(**{"timestamp": END, **given, **fields})


BROKEN: list[tuple[Callable[[], None], str]] = [
    (lambda: RUNS.create({"name": "x"}), "run 'x' in runs: field detector is missing; mandatory are name, d"),
    (lambda: RUNS.create(run()), "run 'run1' in runs: field name: there is a record of this name already"),
    (lambda: RUNS.create(run("x", detector=[{"name": "X"}])), "detector 'X' is not known in detectors"),
    (lambda: DetectorManager("detectors").create({}), "detector None in detectors: field name is missing"),
    (
        lambda: DetectorManager("detectors").create({"name": "FID1"}),
        "detector 'FID1' in detectors: field name",
    ),
    (lambda: RUNS.start("x"), "run 'x' in runs: field name: there is no such record"),
    (lambda: RUNS.stop("run1"), "run 'run1' in runs: field stop_date: a stop_date, but no start_date"),
    (
        lambda: STREAMS.start("stream1"),
        "stream 'stream1' in streams: field start_date: it was started already",
    ),
    (lambda: STREAMS.stop("stream1"), "stream 'stream1' in streams: field stop_date: it was stopped already"),
    (lambda: STREAMS.create(stream("x", comment=None)), "stream 'x' in streams: field comment is missing"),
    (lambda: history(stream_name="x"), "stream 'x' in streams: field name: there is no such record"),
    (lambda: history(detector_name="RED15"), "field history: detector 'RED15' is not in it; there are FID1"),
    (lambda: history(processing_status=2), "field history.processing_status: Input should be less than"),
    (lambda: STREAMS.add_temperature("x", 4.0, 0.1), "stream 'x' in streams: field name: there is no such"),
    (lambda: STREAMS.add_temperature("stream1", "4", 0.1), "field temperature.mean: Value error, a number"),  # type: ignore[arg-type]
    (lambda: STREAMS.add_detector("stream1", {"det_name": "FID1"}, {}, {}), "'FID1' is there already"),
    (lambda: STREAMS.add_detector("stream1", {}, {}, {}), "field channel_config.det_name: Field required"),
]


@pytest.mark.parametrize(("act", "why"), BROKEN, ids=[str(n) for n in range(len(BROKEN))])
def test_rules(theirs: Mongo[dict[str, Any]], act: Callable[[], None], why: str) -> None:
    names = ("detectors", "runs", "streams")
    before = [list(theirs[name].find()) for name in names]
    with pytest.raises(RuntimeError, match=re.escape(why)):
        act()
    assert [list(theirs[name].find()) for name in names] == before


def test_a_manager_follows_the_address(database: Database, theirs: Mongo[dict[str, Any]]) -> None:
    other = f"{theirs.name}_other"
    database.set_db_name(other)
    DetectorManager("detectors").create({"name": "RED15"})
    with pytest.raises(RuntimeError, match="there is no such record"):
        RUNS.start("run1")
    RUNS.create(run("run2"))
    database.set_db_name(theirs.name)
    RUNS.start("run1")
    assert [one["name"] for one in theirs["runs"].find()] == ["run1"]
    assert [one["name"] for one in theirs.client[other]["runs"].find()] == ["run2"]
    theirs.client.drop_database(other)


def test_what_the_store_says_is_a_runtime_error(
    database: Database, theirs: Mongo[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs["runs"].insert_many([{"name": "twice", "n": n} for n in range(2)])
    with pytest.raises(RuntimeError, match="'twice' is the name of several records"):
        RUNS.start("twice")
    database.set_address(f"mongodb://lab:s3cret@127.0.0.1:{free_port()}/?serverSelectionTimeoutMS=200")
    with pytest.raises(RuntimeError, match="is away") as caught:
        RUNS.start("run1")
    assert "s3cret" not in str(caught.value)
    monkeypatch.setattr(Database, "handler", None)
    with pytest.raises(RuntimeError, match="no database is configured"):
        RUNS.start("run1")


def test_managers_of_ones_own(theirs: Mongo[dict[str, Any]]) -> None:
    """Both base classes are abstract; a class made of one has only to say how it creates."""
    for kind in (RecordManager, DatedRecordManager):
        with pytest.raises(TypeError, match="abstract"):
            kind("campaigns")  # type: ignore[abstract]

    class Campaigns(DatedRecordManager):
        def create(self, record_dict: Any) -> None:
            super().create({"comment": "", **record_dict})

    Campaigns("campaigns").create({"name": "first"})
    Campaigns("campaigns").start("first", BEGIN)
    with pytest.raises(RuntimeError, match="record 'first' in campaigns: field start_date: it was started"):
        Campaigns("campaigns").start("first")
    Campaigns("campaigns").stop("first", END)
    found = theirs["campaigns"].find_one() or {}
    assert (found["comment"], found["stop_date"]) == ("", datetime(2022, 5, 11, 14, 43, 48, 586_000, UTC))
