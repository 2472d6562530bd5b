"""Records that another program made: read where one can say what they mean, and never altered otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from math import nan
from typing import Any

import pytest
from bson import Decimal128, ObjectId
from pymongo import MongoClient
from pymongo.database import Database as Mongo

from labmon_dagster.records.errors import RecordError
from labmon_dagster.records.lab import LabRecords
from labmon_dagster.records.managers import Detectors, Runs
from labmon_dagster.records.reading import ASIDE
from labmon_dagster.records.streams import Streams
from labmon_dagster.records.words import temperature_text
from labmon_dagster.stores import StoreError
from labmon_dagster.stores.records import MongoRecords
from labmon_dagster_tests.servers.mongo import Mongod
from labmon_dagster_tests.stores.documents.records import mongo_url

BEGIN, END = datetime(2022, 5, 11, 14, 35, 30, 412_000), datetime(2022, 5, 11, 14, 43, 48, 586_000)
STARTED = BEGIN.replace(tzinfo=UTC)
ODD: dict[str, Any] = {"o": ObjectId(), "d": Decimal128("1.10"), "t": BEGIN}
CHANNEL = {"det_name": "FID1", **ODD}
THEIR_RUNS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "names": {"detector": ["FID1", "RED15"]},
    "one": {"detector": "FID1"},
    "none": {"detector": None, "description": None, "start_date": "", "stop_date": None},
    "number": {"detector": 5, "x": ODD},
}
THEIR_STREAMS: dict[str, dict[str, Any]] = {
    "channel": {"channel_config": CHANNEL},
    "by_name": {"channel_config": {"FID1": {"gain": 1}}, "comment": None},
    "text": {"channel_config": [CHANNEL], "start_date": "2022-05-11T14:35:30.412"},
    "history": {"channel_config": [CHANNEL], "history": {"FID1": [{"label": "x"}]}},
    "entries": {"channel_config": [CHANNEL], "history": [{"label": "x", "timestamp": "2022"}]},
    "no_history": {"channel_config": [CHANNEL], "history": None},
    "flat": {"channel_config": [CHANNEL], "temperature": {"mean_temp": 4.1}, "acq_config": [1]},
}
WRONG: dict[str, dict[str, Any]] = {
    "seconds": {"start_date": 1652279730.4},
    "someday": {"start_date": "someday"},
    "stop_only": {"stop_date": END},
    "backwards": {"start_date": END, "stop_date": BEGIN},
}


@pytest.fixture
def theirs(mongod: Mongod, mongo_database: str) -> Iterator[Mongo[dict[str, Any]]]:
    """The database as another program sees it."""
    with MongoClient[dict[str, Any]](mongod.url) as client:
        yield client[mongo_database]


@pytest.fixture
def lab(mongod: Mongod, mongo_database: str, theirs: Mongo[dict[str, Any]]) -> Iterator[LabRecords]:
    theirs["detectors"].insert_many([{"name": "FID1"}, {"name": "RED15"}])
    theirs["runs"].insert_many([{"name": name, **body} for name, body in THEIR_RUNS.items()])
    for name, body in THEIR_STREAMS.items():
        theirs["streams"].insert_one({"name": name, "start_date": BEGIN, **body})
    with closing(MongoRecords.at(mongo_url(mongod, mongo_database))) as store:
        detectors = Detectors(store, "detectors")
        yield LabRecords(Runs(store, "runs", detectors), Streams(store, "streams", detectors), detectors)


def changes(theirs: Mongo[dict[str, Any]], collection: str, name: str, act: Callable[[], object]) -> set[str]:
    """Do something; give the fields that are other ones now, and see that no other record is."""
    before = {one["name"]: one for one in theirs[collection].find()}
    act()
    after = {one["name"]: one for one in theirs[collection].find()}
    seen, now = before.pop(name), after.pop(name)
    assert after == before
    return {key for key in {*seen, *now} if key not in seen or seen[key] != now.get(key)} - {"_labmon"}


@pytest.mark.parametrize("name", list(THEIR_RUNS))
def test_their_runs_start_and_stop(lab: LabRecords, theirs: Mongo[dict[str, Any]], name: str) -> None:
    started = changes(theirs, "runs", name, lambda: lab.runs.start(name, BEGIN))
    assert started == {"start_date", "start_date_ns"}
    assert changes(theirs, "runs", name, lambda: lab.runs.stop(name, END)) == {"stop_date", "stop_date_ns"}
    with pytest.raises(RecordError, match="it was stopped already"):
        lab.runs.stop(name)


@pytest.mark.parametrize("name", list(THEIR_STREAMS))
def test_their_streams_stop(lab: LabRecords, theirs: Mongo[dict[str, Any]], name: str) -> None:
    with pytest.raises(RecordError, match=r"it was started already, at 2022-05-11 14:35:30\.412"):
        lab.streams.start(name)
    stopped = changes(theirs, "streams", name, lambda: lab.streams.stop(name, END))
    assert stopped == {"stop_date", "stop_date_ns"}


def test_lists_have_what_is_understood_and_tell_of_the_rest(lab: LabRecords) -> None:
    told: list[str] = []
    runs = {one.name: one for one in lab.runs.all(told.append)}
    streams = {one.name: one for one in lab.streams.all(told.append)}
    assert set(runs) == set(THEIR_RUNS)
    assert set(streams) == set(THEIR_STREAMS)
    assert runs["names"].detectors == ["FID1", "RED15"]
    assert [runs[name].detectors for name in ("nothing", "one", "none", "number")] == [[], ["FID1"], [], []]
    assert {tuple(one.detectors) for one in streams.values()} == {("FID1",)}
    assert {one.start_date for one in streams.values()} == {STARTED}
    assert temperature_text(streams["flat"].temperature) == "not understood"
    shown = streams["history"].model_dump(exclude_unset=True)
    assert shown[f"history{ASIDE}"] == THEIR_STREAMS["history"]["history"]
    assert [text.partition(": ")[2].partition(": ")[0] for text in told] == [
        *("field detector", "field history.0.timestamp", "field acq_config", "field temperature.mean"),
        "field history",
    ]
    with pytest.raises(RecordError, match="run 'number' in runs: field detector: Input"):
        list(lab.runs.all())


@pytest.mark.parametrize(("name", "body"), WRONG.items())
def test_times_that_are_not_understood_are_told(
    lab: LabRecords, theirs: Mongo[dict[str, Any]], name: str, body: dict[str, Any]
) -> None:
    theirs["runs"].insert_one({"name": name, **body})
    for act in (lab.runs.start, lab.runs.stop, lab.runs.get):
        with pytest.raises(RecordError, match=f"run '{name}' in runs: "):
            act(name)
    told: list[str] = []
    assert {one.name for one in lab.runs.all(told.append)} == set(THEIR_RUNS)
    assert any(f"run '{name}' in runs: field " in one for one in told)


ADDING: dict[str, Callable[[LabRecords, str], object]] = {
    "history": lambda lab, name: lab.streams.add_history(
        name, lab.streams.history_entry(name, END, det_name="FID1", label="p", code_commit="1")
    ),
    "temperature": lambda lab, name: lab.streams.add_temperature(
        name, lab.streams.temperature(name, 4.1, 0.1)
    ),
    "channel_config": lambda lab, name: lab.streams.add_detector(
        name, [{"det_name": "RED15", "n": 1}, {"det_name": "RED15", "n": 2}], {"z": 1}, {"y": BEGIN}
    ),
}
REFUSED = {
    ("history", "history"),
    ("flat", "temperature"),
    ("flat", "channel_config"),
    ("channel", "channel_config"),
    ("by_name", "channel_config"),
}


@pytest.mark.parametrize("field", list(ADDING))
@pytest.mark.parametrize("name", list(THEIR_STREAMS))
def test_only_what_is_added_changes(
    lab: LabRecords, theirs: Mongo[dict[str, Any]], name: str, field: str
) -> None:
    lab.streams.stop(name, END)

    def act() -> object:
        return ADDING[field](lab, name)

    if (name, field) in REFUSED:
        before = theirs["streams"].find_one({"name": name})
        with pytest.raises((RecordError, StoreError), match=f"'{name}'.*{field}|'{name}'.*acq_config"):
            act()
        assert theirs["streams"].find_one({"name": name}) == before
        return
    more = {"acq_config", "bbox_status"} if field == "channel_config" else set()
    assert changes(theirs, "streams", name, act) == {field, *more}
    if field == "channel_config":
        found = theirs["streams"].find_one({"name": name}) or {}
        assert found[field] == [CHANNEL, {"det_name": "RED15", "n": 1}, {"det_name": "RED15", "n": 2}]


def test_a_temperature_that_is_not_understood_stays(lab: LabRecords, theirs: Mongo[dict[str, Any]]) -> None:
    told = {"mean": nan, "std": nan}
    theirs["streams"].update_one({"name": "text"}, {"$set": {"temperature": told, "stop_date": END}})
    with pytest.raises(RecordError, match=r"field temperature\.mean: Input should be a finite number"):
        ADDING["temperature"](lab, "text")
