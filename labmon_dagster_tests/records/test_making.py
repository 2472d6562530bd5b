"""What a record must have to be made: else a RecordError names record and field, and nothing is there."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from labmon_dagster.records.errors import RecordError
from labmon_dagster.records.lab import LabRecords
from labmon_dagster_tests.records.conftest import BEGIN, END, Whole, run, stream

MANDATORY = {
    "detectors": ["name"],
    "runs": ["name", "detector"],
    "streams": ["name", "acq_config", "channel_config", "comment"],
}
GIVEN = {"detectors": {"name": "d"}, "runs": run(), "streams": stream()}
ENTRY = {"timestamp": END, "det_name": "FID1", "label": "processed", "code_commit": "87B5E5A"}
NEVER = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=2)))


@pytest.mark.parametrize("missing", [dict.pop, lambda given, field: given.update({field: None})])
@pytest.mark.parametrize(("kind", "field"), [(kind, one) for kind, some in MANDATORY.items() for one in some])
def test_mandatory_fields(lab: LabRecords, whole: Whole, kind: str, field: str, missing: Any) -> None:
    before, records, given = whole(), getattr(lab, kind), dict(GIVEN[kind])
    missing(given, field)
    wanted = ", ".join(MANDATORY[kind])
    named = repr(given.get("name"))
    told = f"{kind[:-1]} {named} in lio_{kind[:-1]}_info: field {field} is missing; mandatory are {wanted}"
    with pytest.raises(RecordError, match=re.escape(told)):
        records.create(given)
    assert whole() == before


def test_all_that_is_missing_is_told(lab: LabRecords) -> None:
    with pytest.raises(RecordError, match="run None in lio_run_info: field name, detector is missing"):
        lab.runs.create({})


@pytest.mark.parametrize("kind", MANDATORY)
def test_duplicates(lab: LabRecords, whole: Whole, kind: str) -> None:
    records = getattr(lab, kind)
    records.create(GIVEN[kind])
    before = whole()
    with pytest.raises(RecordError, match=f"{GIVEN[kind]['name']}.*field name: there is a record of this"):
        records.create({**GIVEN[kind], "more": 1})
    assert whole() == before


WRONG: list[tuple[str, Any, str]] = [
    ("runs", run(name=7), "field name: Input should be a valid string"),
    ("runs", run(name=""), "field name: String should have at least 1 character"),
    ("runs", run(name="x" * 501), "field name: String should have at most 500"),
    ("runs", run(name="\ud800"), "field name: Input should be a valid string, unable to parse"),
    ("runs", run(detector="RED15"), "field detector: Input should be a valid list"),
    ("runs", run(detector=["RED15"]), "field detector.0: Input should be a valid dictionary"),
    ("runs", run(detector=[{"name": 5}]), "field detector.0.name: Input should be a valid string"),
    ("runs", run(detector=[{"det_name": "RED15"}]), "field detector.0.name: Field required"),
    (
        "runs",
        run(detector=[{"name": "RED1"}]),
        "field detector: detector 'RED1' is not known in lio_detector_",
    ),
    (
        "runs",
        run(detector=[{"name": "a"}, {"name": "RED15"}, {"name": "b"}]),
        "detector 'a', 'b' is not known",
    ),
    ("runs", run(start_date="2022-05-11"), "field start_date: Input should be a valid datetime"),
    ("runs", run(start_date=date(2022, 5, 11)), "field start_date: Input should be a valid datetime"),
    ("runs", run(start_date=1652279730), "field start_date: Input should be a valid datetime"),
    ("runs", run(start_date=pd.NaT), "field start_date"),
    ("runs", run(start_date=NEVER), "field start_date: 0001-01-01 00:00:00+02:00 lies outside the years"),
    ("runs", run(start_date=datetime(1500, 1, 1)), "lies outside 1677"),
    ("runs", run(stop_date=END), "a stop_date, but no start_date"),
    ("runs", run(start_date=END, stop_date=BEGIN), "stop_date 2022-05-11 14:35:30.412345+00:00 lies before"),
    ("runs", run(description=5), "field description: Input should be a valid string"),
    ("runs", run(more=["\ud800"]), "'more': a text that is no Unicode"),
    ("runs", run(more={1, 2}), "more: a value of type set"),
    ("runs", run(more={"a": [{"$gt": 1}]}), "the key '$gt' begins with"),
    ("runs", run(more=2**70), "does not fit into 64 bits"),
    ("runs", run(_id="x"), "the names _id are taken"),
    ("runs", run(_labmon={}), "the names _labmon are taken"),
    ("runs", {**run(), 5: 1}, "Keys should be strings"),
    ("runs", [("name", "run1")], "a record is given as a dict, not as list"),
    ("runs", None, "a record is given as a dict, not as NoneType"),
    ("streams", stream(acq_config=[]), "field acq_config: Input should be a valid dictionary"),
    ("streams", stream(acq_config={1: 2}), "field acq_config.1.[key]: Input should be a valid string"),
    ("streams", stream(channel_config={}), "field channel_config: Input should be a valid list"),
    ("streams", stream(channel_config=[{}]), "field channel_config.0.det_name: Field required"),
    (
        "streams",
        stream(channel_config=[{"det_name": "X"}]),
        "field channel_config: detector 'X' is not known",
    ),
    ("streams", stream(comment=1), "field comment: Input should be a valid string"),
    ("streams", stream(bbox_status=[1]), "field bbox_status: Input should be a valid dictionary"),
    ("streams", stream(history=[{}]), "field history.0.timestamp: Field required"),
    (
        "streams",
        stream(history=[{**ENTRY, "det_name": "RED15"}]),
        "field history: detector 'RED15' is not in it",
    ),
    ("streams", stream(history=[ENTRY], stop_date=None), "field stop_date: it is still running; history is"),
    ("streams", stream(temperature={"mean": 4.0}), "field temperature.std: Field required"),
    (
        "streams",
        stream(temperature={"mean": 4.0, "std": -1}),
        "field temperature.std: Input should be greater",
    ),
    (
        "streams",
        stream(temperature={"mean": 4, "std": 0}, stop_date=None),
        "temperature is added when it is o",
    ),
]


@pytest.mark.parametrize(("kind", "given", "why"), WRONG, ids=[f"{n}" for n in range(len(WRONG))])
def test_what_is_wrong_is_named(lab: LabRecords, whole: Whole, kind: str, given: Any, why: str) -> None:
    before = whole()
    with pytest.raises(RecordError, match=re.escape(why)) as caught:
        getattr(lab, kind).create(given)
    name = given.get("name") if isinstance(given, dict) else None
    assert str(caught.value).startswith(f"{kind[:-1]} {name!r:.100}")
    assert whole() == before


def test_deeper_than_any_store_keeps(lab: LabRecords, whole: Whole) -> None:
    deep: dict[str, Any] = {}
    deep["again"] = [deep]
    before = whole()
    with pytest.raises(RecordError, match=r"run 'run1' in lio_run_info: more.*nested more than 100 deep"):
        lab.runs.create(run(more=deep))
    assert whole() == before


def test_instants_are_utc_however_deep(lab: LabRecords) -> None:
    local = datetime(2022, 5, 11, 16, 35, tzinfo=timezone(timedelta(hours=2)))
    given = run(start_date=local, more=[{"at": (local, BEGIN)}], other=BEGIN)
    lab.runs.create(given)
    body = lab.runs.store.find("lio_run_info", "run1").body  # type: ignore[union-attr]
    at, begin = datetime(2022, 5, 11, 14, 35, tzinfo=UTC), BEGIN.replace(tzinfo=UTC, microsecond=412_000)
    assert (body["start_date"], body["other"], body["more"][0]["at"]) == (at, begin, [at, begin])
    assert body["more"][0]["at_ns"] == [1_652_279_700_000_000_000, 1_652_279_730_412_345_000]
    assert given["start_date"] is local, "what was given stays as it is"


@pytest.mark.parametrize(
    ("number", "kept"),
    [(np.int64(2**62), 2**62), (np.float32(0.1), float(np.float32(0.1))), (np.bool_(True), True)],
)
def test_numbers_of_numpy_are_kept_exactly(lab: LabRecords, number: Any, kept: object) -> None:
    lab.streams.create(stream(acq_config={"v": number, "list": [{"v": (number,)}]}))
    seen = lab.streams.store.find("lio_stream_info", "stream1")
    assert seen is not None
    assert seen.body["acq_config"] == {"v": kept, "list": [{"v": [kept]}]}
    assert type(seen.body["acq_config"]["v"]) is type(kept)
    entry = lab.streams.history_entry("stream1", **ENTRY, processing_conf={"v": number})
    assert lab.streams.add_history("stream1", entry).history[0].processing_conf == {"v": kept}


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (np.uint64(2**63), "acq_config.v: the integer 9223372036854775808 does not fit into 64 bits"),
        (np.longdouble("0.1"), "acq_config.v: a value of type longdouble"),
        (np.timedelta64(1, "ns"), "acq_config.v: a value of type timedelta64"),
        (np.datetime64("2022-05-11"), "acq_config.v: a value of type datetime64"),
        (np.array([1]), "acq_config.v: a value of type ndarray"),
        (Decimal("0.1"), "acq_config.v: a value of type Decimal"),
    ],
)
def test_what_would_not_be_exact_is_refused(lab: LabRecords, whole: Whole, value: Any, why: str) -> None:
    before = whole()
    with pytest.raises(RecordError, match=f"stream 'stream1' in lio_stream_info: {re.escape(why)}"):
        lab.streams.create(stream(acq_config={"v": value}))
    assert whole() == before


def test_a_truth_value_of_numpy_is_no_temperature(lab: LabRecords) -> None:
    with pytest.raises(RecordError, match=r"field temperature\.mean: .*a number, not of type bool"):
        lab.streams.temperature("stream1", np.bool_(True), 0.1)  # type: ignore[arg-type]
