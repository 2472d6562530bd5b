"""An event is read whole or refused with the key and what is allowed; its digest is that of its content."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmon_dagster.sources.cosmic import read_event
from labmon_dagster.sources.cosmic.formats import Channel
from labmon_dagster_tests.sources.cosmic.sample import LINES

NUMBERS = {"DetectorId": 1, "RunNumber": 2, "EventNumber": 3}
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
)
VALUES = st.recursive(
    LEAVES | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


def dumped(raw: object) -> bytes:
    return json.dumps(raw).encode()


@pytest.mark.parametrize("line", LINES)
def test_a_line_of_the_dump(line: bytes) -> None:
    event = read_event(line)
    assert event.raw == json.loads(b"{" + line[1:])
    assert list(event.raw)[:3] == ["Epoch", "CounterClocks", "DetectorId"]
    assert (event.format, event.detector, event.run, event.number) == (1, 0, 12345, event.raw["EventNumber"])
    assert event.typed is not None and event.typed.TDC is not None and not event.wrong
    assert event.typed.TDC["0"] == Channel(**event.raw["TDC"]["0"])


@given(st.dictionaries(st.text(max_size=5), VALUES, max_size=5), st.randoms(use_true_random=False))
def test_any_content_is_kept_and_has_one_digest(more: dict[str, Any], chance: Any) -> None:
    raw = more | NUMBERS
    event = read_event(dumped(raw))
    assert event.raw == raw and list(event.raw) == list(raw)
    keys = chance.sample(list(raw), len(raw))
    other = json.dumps({key: raw[key] for key in keys}, indent=1, ensure_ascii=False).encode()
    assert read_event(b"\n[" + other[1:] + b"\r\n").digest == event.digest
    assert read_event(dumped(raw | {"EventNumber": 4})).digest != event.digest


@given(VALUES.filter(lambda value: type(value) is not int or not -(2**63) <= value < 2**63))
def test_a_value_of_another_type_costs_itself_alone(value: Any) -> None:
    raw = json.loads(b"{" + LINES[0][1:]) | {"TriggerBits": value}
    event = read_event(dumped(raw))
    assert event.typed is not None and event.typed.CosmicBlock == 2
    assert ("TriggerBits" in event.wrong) == (value is not None)


@pytest.mark.parametrize("form", [2, 0, None, "1", 1.0, True, [1]])
def test_an_unknown_format_is_an_event(form: object) -> None:
    event = read_event(dumped(NUMBERS | {"Format": form, "X": {"y": 1}}))
    assert event.format == (form if type(form) is int else None)
    assert event.typed is None and event.raw["X"] == {"y": 1}


@pytest.mark.parametrize("absent", [{}, {"DetectorId": None}])
def test_a_topic_says_who_sent_it_where_the_event_does_not(absent: dict[str, Any]) -> None:
    raw = {"RunNumber": 2, "EventNumber": 3} | absent
    assert read_event(dumped(raw), 7).detector == 7
    assert read_event(dumped(raw | {"DetectorId": 4}), 7).detector == 4
    with pytest.raises(
        ValueError, match=r"DetectorId is missing or null; allowed: a whole number of 64 bits"
    ):
        read_event(dumped(raw))


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("RunNumber", None, "RunNumber is missing or null"),
        ("EventNumber", True, "EventNumber is True; allowed: a whole number"),
        ("EventNumber", 3.0, r"EventNumber is 3\.0"),
        ("DetectorId", "3", "DetectorId is '3'"),
        ("RunNumber", [1], "RunNumber is a list"),
        ("EventNumber", 2**63, "EventNumber is an integer of 64 bits; allowed: -9223372036854775808 to"),
        ("X", {"y": [0, -(2**70)]}, r"X\.y\.1 is an integer of 71 bits"),
        ("X", 10**4000, "X is an integer of"),
        ("X", math.nan, "NaN is no JSON"),
        ("X", -math.inf, "-Infinity is no JSON"),
    ],
)
def test_what_is_refused_is_named(key: str, value: object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_event(dumped(NUMBERS | {key: value}))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "opens with nothing"),
        (b"offline", r"opens with b'o' and closes with b'e'; allowed: \[ or \{, and \}"),
        (b'["a": 1]', "closes with b']'"),
        (LINES[0][:-1], "closes with b'2'"),
        (LINES[0].replace(b'"Format": 1', b'"Format": '), "no JSON: Expecting value at character 1"),
        (b'{"RunNumber": 1, "RunNumber": 1}', "the key 'RunNumber' stands twice"),
        (b'{"a": "\\"", "b": {"c": 1, "c": 2}}', "the key 'c' stands twice"),
        (b'{"a": "\xff"}', "no UTF-8: invalid start byte at byte 8"),
        (b'{"a": 1e999}', "too large for a float"),
        (b'{"a": "\\ud800"}', "half a character"),
        (b'{"a": "x\ny"}', "no JSON: Invalid control character"),
        (b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deeply"),
        (b'{"a": ' + b"9" * 5000 + b"}", "4300 digits"),
        (b"[" + LINES[0] + b"}", "no JSON"),
    ],
)
def test_what_is_no_event_is_refused(text: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_event(text)


@given(st.binary(max_size=60))
def test_nothing_else_is_raised(text: bytes) -> None:
    for made in (text, b"[" + text + b"}", LINES[0][:-1] + text + b"}"):
        try:
            read_event(made)
        except ValueError as error:
            assert str(error)


@given(st.dictionaries(st.text('a"\\', max_size=3), st.text('a"\\é', max_size=3), max_size=4), st.booleans())
def test_a_key_twice_is_found_whatever_is_escaped(others: dict[str, str], escaped: bool) -> None:
    again = '"Run\\u004eumber": "\\u0022\\u0022"' if escaped else '"RunNumber": 2'
    text = dumped(NUMBERS | {"others": others})
    assert read_event(text).raw["others"] == others
    with pytest.raises(ValueError, match="the key 'RunNumber' stands twice"):
        read_event(text[:-1] + f", {again}}}".encode())
