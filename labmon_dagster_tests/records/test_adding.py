"""What is added to streams: once they are over, whole or not at all."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest

from labmon_dagster.records.errors import RecordError
from labmon_dagster.records.lab import LabRecords
from labmon_dagster_tests.records.conftest import BEGIN, END, Whole, stream

ENTRY = {"timestamp": END, "det_name": "FID1", "label": "processed", "code_commit": "87B5E5A"}
CHANNEL = {"det_name": "RED15", "chan_name": "ChalB"}


def add_history(lab: LabRecords, name: Any = "stream1", **fields: Any) -> None:
    lab.streams.add_history(name, lab.streams.history_entry(name, **{**ENTRY, **fields}))


def add_temperature(lab: LabRecords, name: Any = "stream1", mean: Any = 4.1, std: Any = 0.02) -> None:
    lab.streams.add_temperature(name, lab.streams.temperature(name, mean, std))


def add_detector(
    lab: LabRecords, name: Any = "stream1", channels: Any = CHANNEL, acq: Any = (), boxes: Any = ()
) -> None:
    given = [dict(one) if one == () else one for one in (acq, boxes)]
    lab.streams.add_detector(name, channels, *given)


ADDS = {"history": add_history, "temperature": add_temperature, "channel_config": add_detector}


@pytest.mark.parametrize("field", ADDS)
@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("nothing", "stream 'nothing' in lio_stream_info: field name: there is no such record"),
        ("", "stream '' in lio_stream_info: field name: there is no such record"),
        (7, "stream 7 in lio_stream_info: field name: a name is text, not int"),
        ({"$gt": ""}, "field name: a name is text, not dict"),
        (
            "running",
            "stream 'running' in lio_stream_info: field stop_date: it is still running; FIELD is added",
        ),
        (
            "new",
            "stream 'new' in lio_stream_info: field stop_date: it was never started; FIELD is added when",
        ),
    ],
)
def test_only_to_a_stream_that_is_over(
    lab: LabRecords, whole: Whole, field: str, name: Any, why: str
) -> None:
    lab.streams.create(stream("running", stop_date=None))
    lab.streams.create(stream("new", start_date=None, stop_date=None))
    before = whole()
    with pytest.raises(RecordError, match=re.escape(why.replace("FIELD", field))):
        ADDS[field](lab, name)
    assert whole() == before


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("history", {"det_name": "RED15"}, "field history: detector 'RED15' is not in it; there are FID1"),
    ("history", {"det_name": None}, "field history.det_name: Input should be a valid string"),
    ("history", {"timestamp": "2022-05-11"}, "field history.timestamp: Input should be a valid datetime"),
    ("history", {"label": ""}, "field history.label: String should have at least 1 character"),
    ("history", {"code_commit": 87}, "field history.code_commit: Input should be a valid string"),
    ("history", {"description": None}, "field history.description: Input should be a valid string"),
    ("history", {"processing_status": 1.01}, "processing_status: Input should be less than or equal to 1"),
    ("history", {"processing_status": -0.1}, "processing_status: Input should be greater than or equal to 0"),
    ("history", {"processing_status": float("nan")}, "processing_status: Input should be a finite number"),
    ("history", {"processing_status": "0.5"}, "processing_status: Value error, a number, not of type str"),
    ("history", {"processing_status": True}, "processing_status: Value error, a number, not of type bool"),
    (
        "history",
        {"processing_conf": [1]},
        "field history.processing_conf: Input should be a valid dictionary",
    ),
    ("history", {"processing_conf": {"a": {1, 2}}}, "a value of type set"),
    ("history", {"processing_conf": {"$a": 1}}, "the key '$a' begins with $"),
    ("history", {"timestamp": datetime(1500, 1, 1)}, "lies outside 1677"),
    ("temperature", {"mean": "4.1"}, "field temperature.mean: Value error, a number"),
    ("temperature", {"mean": float("inf")}, "field temperature.mean: Input should be a finite number"),
    ("temperature", {"mean": None}, "field temperature.mean: Input should be a valid number"),
    ("temperature", {"std": -0.1}, "field temperature.std: Input should be greater than or equal to 0"),
    ("channel_config", {"channels": {}}, "field channel_config.det_name: Field required"),
    ("channel_config", {"channels": []}, "the channels of one detector, please, not of []"),
    ("channel_config", {"channels": "RED15"}, "field channel_config: Input should be a valid dictionary"),
    ("channel_config", {"channels": [CHANNEL, {"det_name": "FID1"}]}, "not of ['FID1', 'RED15']"),
    (
        "channel_config",
        {"channels": {"det_name": "FID1"}},
        "channel_config: detector 'FID1' is there already",
    ),
    ("channel_config", {"channels": {"det_name": "X"}}, "detector 'X' is not known in lio_detector_info"),
    ("channel_config", {"channels": {**CHANNEL, "x": 2**70}}, "does not fit into 64 bits"),
    ("channel_config", {"acq": None}, "field acq_config: a dict, not of type NoneType"),
    ("channel_config", {"acq": {1: 2}}, "the key 1 is no text"),
    ("channel_config", {"boxes": [1]}, "field bbox_status: a dict, not of type list"),
    ("channel_config", {"boxes": {"a": object()}}, "a value of type object"),
]


@pytest.mark.parametrize(("field", "given", "why"), WRONG, ids=[str(n) for n in range(len(WRONG))])
def test_what_is_wrong_is_named(
    lab: LabRecords, whole: Whole, field: str, given: dict[str, Any], why: str
) -> None:
    lab.streams.create(stream())
    before = whole()
    with pytest.raises(RecordError, match=re.escape(why)) as caught:
        ADDS[field](lab, **given)
    assert str(caught.value).startswith("stream 'stream1' in lio_stream_info: ")
    assert whole() == before


def test_history_is_kept_as_it_was_given(lab: LabRecords) -> None:
    lab.streams.create(stream())
    local = datetime(2022, 5, 11, 18, tzinfo=timezone(timedelta(hours=2)))
    conf = {"cut": 0.5, "none": None, "at": local, "list": [None, {"a": None}]}
    add_history(lab)
    add_history(lab, processing_status=0, processing_conf=conf, description="again", timestamp=local)
    assert add_history(lab, label="analyzed", processing_status=np.float64(1.0)) is None
    first, second, third = lab.streams.get("stream1").history
    assert (first.label, first.processing_status, first.description) == ("processed", None, "")
    assert first.timestamp == END.replace(tzinfo=UTC)
    assert second.timestamp == local
    utc = local.astimezone(UTC)
    assert second.processing_conf == {**conf, "at": utc, "at_ns": 1_652_284_800_000_000_000}
    assert (second.processing_status, third.processing_status) == (0.0, 1.0)


def test_the_temperature_may_be_set_again(lab: LabRecords, whole: Whole) -> None:
    lab.streams.create(stream())
    add_temperature(lab)
    add_temperature(lab, mean=np.float32(4.25), std=0)
    found = lab.streams.get("stream1").temperature
    assert found is not None
    assert (found.mean, found.std, found.readings) == (4.25, 0.0, None)


def test_a_detector_is_added_and_all_else_stays(lab: LabRecords, whole: Whole) -> None:
    """Also exact times in what was there."""
    channel = {"det_name": "FID1", "at": BEGIN, "deep": [{"at": [BEGIN]}], "none": None}
    lab.streams.create(stream(channel_config=[channel], acq_config={"d2": 250, "since": BEGIN}))
    before = dict(whole()[-1][2])
    channels = [CHANNEL, {**CHANNEL, "chan_name": "ChalC", "at": END}]
    lab.streams.add_detector("stream1", channels, {"d3": 400, "d2": 251}, {"box1": {"at": END}})
    after = dict(whole()[-1][2])
    end, ns = END.replace(tzinfo=UTC), 1_652_280_228_586_000_000
    added = [CHANNEL, {**CHANNEL, "chan_name": "ChalC", "at": end, "at_ns": ns}]
    assert after.pop("channel_config") == [*before.pop("channel_config"), *added]
    assert after.pop("acq_config") == {**before.pop("acq_config"), "d3": 400, "d2": 251}
    assert after.pop("bbox_status") == {"box1": {"at": end, "at_ns": ns}}
    assert after == before
    assert lab.streams.get("stream1").detectors == ["FID1", "RED15"]
    add_history(lab, det_name="RED15")
