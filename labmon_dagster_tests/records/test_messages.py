"""DAQ messages: looked at first, kept as one entry, and read back exactly as they were inserted."""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labmon_dagster.journal import Journal, Message
from labmon_dagster.records.errors import RecordError
from labmon_dagster.records.messages import documents_in, insert
from labmon_dagster.stores.documents.plain import RESERVED, plain

ASSET = "lab/daq"
GOOD = {"topic": "topic1", "timestamp": 1.5}


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path, ASSET)


def bodies(journal: Journal, *given: Any) -> list[dict[str, Any]]:
    """Insert messages, and give what is delivered of them."""
    entry = insert(journal, list(given))
    assert entry is not None
    (kept,) = journal.read(entry.day, entry.offset)
    return [dict(one.body) for one in documents_in(ASSET, kept)]


_KEYS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8).filter(
    lambda key: not key.startswith("$") and not key.endswith("_ns") and key not in RESERVED
)
_TIMES = st.datetimes(datetime(1700, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))
_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.text(st.characters(codec="utf-8"), max_size=20)
    | st.binary(max_size=20)
    | _TIMES
    | st.integers(-(2**62), 2**62).map(lambda ns: pd.Timestamp(ns, unit="ns", tz="UTC"))
)
_VALUES = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_KEYS, inner, max_size=4)
)
_MESSAGES = st.lists(st.dictionaries(_KEYS, _VALUES, max_size=4), min_size=1, max_size=4)


def same(one: Any, other: Any) -> bool:
    """Whether values are alike to the bit; a datetime and a Timestamp of one instant are."""
    if isinstance(one, dict):
        return (
            isinstance(other, dict) and list(one) == list(other) and all(same(one[k], other[k]) for k in one)
        )
    if isinstance(one, list):
        return isinstance(other, list) and len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, datetime):
        return isinstance(other, datetime) and pd.Timestamp(one).value == pd.Timestamp(other).value
    if isinstance(one, float) and isinstance(other, float):
        alike = one == other and math.copysign(1, one) == math.copysign(1, other)
        return alike or (math.isnan(one) and math.isnan(other))
    return type(one) is type(other) and one == other


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_MESSAGES)
def test_what_is_inserted_is_delivered_exactly(journal: Journal, given: list[dict[str, Any]]) -> None:
    wanted = [{**GOOD, **one, **GOOD} for one in given]
    found = bodies(journal, *wanted)
    assert all(map(same, wanted, found)), (wanted, found)
    for one in found:
        plain(one)  # as every store does: it raises where one cannot take it


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(st.text(max_size=4), _VALUES | st.datetimes(datetime(1700, 1, 1), datetime(2200, 1, 1)))
)
def test_it_is_kept_or_refused(journal: Journal, given: dict[str, Any]) -> None:
    """Whatever a message holds: there is no third way, and nothing is kept of what was refused."""
    before = sum(journal.size(day) for day in journal.days())
    try:
        found = bodies(journal, {**given, **GOOD})
    except RecordError as error:
        assert re.match(r"message 0: .*; none of the messages was inserted$", str(error), re.DOTALL)
        assert sum(journal.size(day) for day in journal.days()) == before
    else:
        assert set(found[0]) == {*given, *GOOD}


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("text", "is a str; a message is a dict"),
        ({"timestamp": 1}, "field topic: is missing; each message has topic and timestamp"),
        ({"topic": "a"}, "field timestamp: is missing"),
        ({**GOOD, "topic": ""}, "field topic: ''; allowed: a text that is not empty"),
        ({**GOOD, "topic": 7}, "field topic: 7; allowed"),
        (
            {**GOOD, "timestamp": "now"},
            "field timestamp: 'now'; allowed: a number of seconds since 1970, or a",
        ),
        ({**GOOD, "timestamp": True}, "field timestamp: True; allowed"),
        ({**GOOD, "timestamp": float("nan")}, "field timestamp: nan; allowed"),
        ({**GOOD, "timestamp": None}, "field timestamp: None; allowed"),
        ({**GOOD, "timestamp": 10**400}, "timestamp: the integer 1000.* does not fit into 64 bits"),
        ({**GOOD, "deep": {"x": [1, {2}]}}, r"deep\.x\.1: a value of type set; allowed: JSON values, bytes"),
        ({**GOOD, "_id": 3}, "the names _id are taken"),
        ({**GOOD, 5: 3}, "the key 5 is no text"),
        ({**GOOD, "a": b"x" * 2**24}, "16.0 MB are too large"),
        ({**GOOD, "a": "\ud800"}, ".*a text that is no Unicode"),
        ({**GOOD, "\ud800": {1}}, r"\\ud800: a value of type set"),
        ({**GOOD, "t": pd.NaT}, "field t: "),
        ({**GOOD, "timestamp": pd.NaT}, "field timestamp: "),
        ({**GOOD, "t": datetime(1600, 1, 1)}, "t: the time 1600.* lies outside 1677–2262"),
    ],
)
def test_one_bad_message_keeps_all_out(journal: Journal, message: Any, said: str) -> None:
    with pytest.raises(RecordError, match=rf"^message 2: {said}.*; none of the messages was inserted$"):
        insert(journal, [GOOD, GOOD, message, GOOD])
    assert journal.days() == []


def test_a_message_in_itself_is_refused(journal: Journal) -> None:
    message: dict[str, Any] = dict(GOOD)
    message["self"] = message
    with pytest.raises(RecordError, match=r"message 0: self.*: nested more than 100 deep"):
        insert(journal, [message])
    assert journal.days() == []


@pytest.mark.parametrize("given", [GOOD, "text", b"bytes", None, 5])
def test_what_is_no_list_is_refused(journal: Journal, given: Any) -> None:
    with pytest.raises(RecordError, match=f"as a list of dicts, not as {type(given).__name__}"):
        insert(journal, given)


def test_no_messages_are_no_insert(journal: Journal) -> None:
    assert insert(journal, []) is None
    assert journal.days() == []


def test_instants_without_a_zone_are_utc_and_others_are_converted(journal: Journal) -> None:
    naive, there = datetime(2026, 3, 1, 12, 0, 0, 123456), timezone(timedelta(hours=2))
    given = {"topic": "a", "timestamp": naive, "more": [naive.replace(tzinfo=there), {"at": naive}]}
    (found,) = bodies(journal, given)
    assert found["timestamp"] == found["more"][1]["at"] == naive.replace(tzinfo=UTC)
    assert found["more"][0] == (naive - timedelta(hours=2)).replace(tzinfo=UTC)
    assert found["timestamp"].utcoffset() == timedelta(0)


def test_each_message_of_each_insert_has_a_name_of_its_own_that_stays(journal: Journal) -> None:
    entries = [insert(journal, [GOOD] * 3), insert(journal, [GOOD] * 3)]
    found = [one for entry in entries if entry for one in documents_in(ASSET, entry)]
    assert len({one.id for one in found}) == 6
    assert all(re.fullmatch(r"lab/daq/[0-9a-f]{32}-00000[012]", one.id) for one in found)
    read = [
        one for day in journal.days() for entry in journal.read(day) for one in documents_in(ASSET, entry)
    ]
    assert read == found
    assert [one.order for one in found] == [0, 1, 2, 0, 1, 2]
    assert [entry.received for entry in entries if entry] == sorted({one.time for one in found})


def test_an_insert_that_no_line_can_hold_is_refused(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("labmon_dagster.journal.line.LINE_LIMIT", 5000)
    with pytest.raises(RecordError, match=r"insert of 200 messages .*too long for a journal line; none of"):
        insert(journal, [GOOD] * 200)
    assert journal.days() == []
    assert insert(journal, [GOOD] * 20)


def test_a_disk_that_refuses_keeps_all_out(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(fd: int, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    insert(journal, [GOOD])
    with monkeypatch.context() as patched:
        patched.setattr("labmon_dagster.journal.disk.write", full)
        with pytest.raises(
            RecordError, match=r"insert of 2 messages .*No space left .*; none of the messages"
        ):
            insert(journal, [GOOD, GOOD])
    assert len(bodies(journal, GOOD)) == 1
    (day,) = journal.days()
    assert len(list(journal.read(day))) == 2


@pytest.mark.parametrize(
    ("payload", "meta", "said"),
    [
        (b"[]", {}, "its entry has no number of one"),
        (b"{}", {"insert": "a"}, "no list of records"),
        (b"[1]", {"insert": "a"}, "no list of records"),
        (b"[{}]", {"insert": "a", "messages": 2}, "1 messages, but 2 were inserted"),
        (b"[{", {"insert": "a", "messages": 1}, "no extended JSON: Input data was truncated"),
        (b'[{"a":{"$date":"never"}}]', {"insert": "a", "messages": 1}, "never"),
    ],
)
def test_an_entry_of_other_making_is_none(journal: Journal, payload: bytes, meta: Any, said: str) -> None:
    (entry,) = journal.append_many([Message(payload, meta)])
    with pytest.raises(ValueError, match=said):
        documents_in(ASSET, entry)


_ODD = [5, [], {}, "x", None, {"$numberLong": "x"}, {"base64": 3, "subType": "00"}, "9" * 30, 10**30]
_TYPES = [
    "$date",
    "$binary",
    "$oid",
    "$numberLong",
    "$numberDouble",
    "$uuid",
    "$timestamp",
    "$code",
    "$scope",
]


@pytest.mark.parametrize("value", _ODD, ids=str)
@pytest.mark.parametrize("kind", _TYPES)
def test_what_types_say_is_read_or_refused(journal: Journal, kind: str, value: Any) -> None:
    """A payload that somebody wrote by hand: it raises nothing but ValueError, which quarantine shows."""
    payload = json.dumps([{"a": {kind: value}}, {"b": [1]}]).encode()
    (entry,) = journal.append_many([Message(payload, {"insert": "a", "messages": 2})])
    try:
        found = documents_in(ASSET, entry)
    except ValueError as error:
        assert str(error)
    else:
        assert [set(one.body) for one in found] == [{"a"}, {"b"}]


def test_what_is_nested_without_end_is_refused(journal: Journal) -> None:
    payload = b'[{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}]"
    (entry,) = journal.append_many([Message(payload, {"insert": "a", "messages": 1})])
    with pytest.raises(ValueError, match=r"no extended JSON: .*recursion"):
        documents_in(ASSET, entry)
