"""The document of an event: one for one content, however it came; nothing of the event is missing."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import bson
import pytest

from labmon_dagster.lookup import instant
from labmon_dagster.model.documents import Document
from labmon_dagster.sources.cosmic import Decoding, Receipt, document_of, read_event
from labmon_dagster.stores.documents.plain import exact, plain
from labmon_dagster_tests.sources.cosmic.sample import LINES, RECEIVED

RAW: dict[str, Any] = json.loads(b"{" + LINES[0][1:])


def document(text: bytes, receipt: Receipt | None = None, topic: int | None = None) -> Document:
    told = receipt or Receipt(RECEIVED, "mqtt", "cosmic/0/events")
    return document_of(read_event(text, topic), Decoding(), told, 20_717, 4096)


def test_the_first_published_event() -> None:
    made = document(LINES[0], Receipt(RECEIVED + 1234, "mqtt", "cosmic/5/events", True, 5))
    assert made.id == f"0/12345/4917/{read_event(LINES[0]).digest}"
    assert (made.time, made.order, made.place) == (instant("2019-09-19T18:55:35Z"), 20_717, 4096)
    assert list(made.body) == [
        *("format", "detector", "run", "number", "block", "trigger_bits", "timed_by"),
        *("raw", "decoded", "how", "receipt"),
    ]
    assert [made.body[key] for key in list(made.body)[:7]] == [1, 0, 12345, 4917, 2, 71, "Timestamp"]
    assert made.body["raw"] == RAW and list(made.body["raw"]) == list(RAW)
    received = datetime.fromtimestamp(RECEIVED // 10**9, UTC).replace(microsecond=1)
    assert made.body["receipt"] == {
        "received": received,
        "via": "mqtt",
        "source": "cosmic/5/events",
        "retained": True,
        "detector": 5,
    }


def test_a_topic_that_says_the_same_is_not_noted() -> None:
    told = Receipt(RECEIVED, "mqtt", "cosmic/0/events", detector=0)
    assert "detector" not in document(LINES[0], told).body["receipt"]


def test_redelivered_events_are_one_and_a_number_used_again_is_two() -> None:
    again = document(b"\n" + LINES[0].replace(b", ", b",\n"), Receipt(RECEIVED + 10**12, "file", "dump.dat"))
    assert again.id == document(LINES[0]).id and again.time == document(LINES[0]).time
    other = document(LINES[0].replace(b'"TriggerBits": 71', b'"TriggerBits": 70'))
    assert other.id != again.id
    assert other.id.rpartition("/")[0] == again.id.rpartition("/")[0] == "0/12345/4917"


@pytest.mark.parametrize("changed", [{"Timestamp": None}, {"Format": 9}, {"Timestamp": 2_000_000_000}])
def test_an_event_without_a_time_has_that_of_its_receipt(changed: dict[str, Any]) -> None:
    made = document(json.dumps(RAW | changed).encode())
    assert (made.time, made.body["timed_by"]) == (RECEIVED, "receipt")
    assert made.body["how"]["time"].startswith("receipt: ")


def test_an_unknown_format_keeps_its_keys() -> None:
    made = document(b'{"Format": 9, "RunNumber": 1, "EventNumber": 2, "X": [1.5]}', topic=3)
    assert (made.body["detector"], made.body["block"], made.body["decoded"]) == (3, None, {})
    assert made.body["raw"]["X"] == [1.5]


@pytest.mark.parametrize("line", LINES)
def test_a_database_gives_the_same_back(line: bytes) -> None:
    made = document(line)
    kept = bson.decode(bson.encode(plain(made.body)), bson.CodecOptions(tz_aware=True))
    assert exact(kept) == dict(made.body)
