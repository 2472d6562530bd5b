"""The format of processing output: what it says is read exactly, and what is wrong is named."""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import labmon_dagster.sources.processing as room
from labmon_dagster.model.window import moment
from labmon_dagster.records.processing import check, documents
from labmon_dagster.sources.processing.instants import instant, nanoseconds
from labmon_dagster.sources.processing.reader import read_output
from labmon_dagster.stores.documents import extended
from labmon_dagster.stores.documents.plain import plain
from labmon_dagster_tests.sources.processing.cases import FIRST, content

KEYS = st.text(max_size=8).filter(lambda key: not key.startswith("$") and key != "timestamp")
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.text(max_size=20).map(lambda text: text.encode("utf-8", "replace").decode())
)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=8
)
RECORD = st.dictionaries(KEYS, VALUES, max_size=4)


def refused(raw: bytes | str) -> str:
    with pytest.raises(ValueError) as error:
        read_output(raw.encode() if isinstance(raw, str) else raw)
    return str(error.value)


@given(st.lists(RECORD, max_size=4))
@example([{"a": 2**63 - 1, "b": -(2**63), "c": 5e-324, "d": 0.1 + 0.2, "e": -0.0}])
def test_what_was_written_is_read_exactly(records: list[dict[str, Any]]) -> None:
    found = read_output(content(records=records))
    assert (found.stream, instant(FIRST)) == ("testStream001", found.made)
    assert repr(list(found.records)) == repr(records)


@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "replace")))
def test_anything_else_is_refused_in_words(raw: bytes) -> None:
    assert refused(raw)


@given(st.integers(1, len(content()) - 1))
def test_a_file_that_is_cut_short_is_refused(length: int) -> None:
    assert re.match(r"line 1 column \d+: no JSON", refused(content()[:length]))


@given(
    st.datetimes(datetime(1678, 1, 1), datetime(2261, 1, 1)), st.integers(-1439, 1439), st.integers(0, 999)
)
def test_instants_are_exact_in_every_zone(naive: datetime, minutes: int, rest: int) -> None:
    zone = timezone(timedelta(minutes=minutes))
    expected = int(pd.Timestamp(naive, tz=zone).value) + rest
    sign, (hours, over) = "-" if minutes < 0 else "+", divmod(abs(minutes), 60)
    text = f"{naive:%Y-%m-%dT%H:%M:%S}.{naive.microsecond:06d}{rest:03d}{sign}{hours:02d}:{over:02d}"
    assert instant(text) == expected
    assert nanoseconds(moment(expected)) == expected
    assert pd.Timestamp(moment(expected)).value == expected


def test_an_instant_without_a_zone_is_utc() -> None:
    assert instant("2022-05-11 15:02:11,25") == instant(FIRST) == instant("2022-05-11T17:02:11.250+0200")
    assert moment(instant(FIRST) or 0) == datetime(2022, 5, 11, 15, 2, 11, 250000, UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2022-05-11",
        "2022-13-11T00:00",
        "15:02",
        "2022-05-11T15:02:61",
        "9999-01-01T00:00",
        "２022-05-11T15:02",
    ],
)
def test_what_is_no_instant_stays_a_text(text: str) -> None:
    assert read_output(content(records=[{"timestamp": text}])).records == [{"timestamp": text}]
    assert refused(content(timestamp=text)).startswith(f"timestamp: {text!a}; allowed: a text such as")


def test_the_timestamp_of_a_record_is_an_instant_where_nothing_is_lost() -> None:
    beside = {"timestamp": FIRST, "timestamp_ns": 5}
    found = read_output(content(records=[{"timestamp": FIRST, "begin": FIRST}, beside, {"timestamp": 5}]))
    made = datetime(2022, 5, 11, 15, 2, 11, 250000, UTC)
    assert found.records == [{"timestamp": made, "begin": FIRST}, beside, {"timestamp": 5}]


def test_extended_json() -> None:
    ms = 1652281331250
    given = [{"$date": FIRST}, {"$date": ms}, {"$numberLong": str(2**63 - 1)}, {"$numberDouble": "NaN"}]
    (record,) = read_output(content(records=[{"values": given}])).records
    date, again, long, double = record["values"]
    assert date == again == datetime(2022, 5, 11, 15, 2, 11, 250000, UTC)
    assert long == 2**63 - 1 and math.isnan(double)
    raw = content().replace(f'"{FIRST}"'.encode(), b'{"$date": 1652281331250}')
    assert read_output(raw).made == ms * 10**6


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ("[]", "the file holds a list"),
        ('{"stream_id": "s", "records": []}', "key 'timestamp' is missing"),
        (
            content()[:-1].decode() + ', "code": 1}',
            "unknown keys code; a file has stream_id",
        ),
        (content(stream=""), "stream_id: ''; allowed: a printable text of 1 to 500"),
        (content(stream="a\0b"), "stream_id: 'a\\x00b'; allowed"),
        (content().replace(b'"testStream001"', b'"\\ud800"'), "stream_id: '\\ud800'; allowed"),
        (content().replace(b"[", b"").replace(b"]", b""), "records: an object; allowed: a list of objects"),
        (content().replace(b'{"n": 1}', b'{"n": 1}, 5'), "records[1]: a number; allowed: an object"),
        (content().replace(b'"n": 1', b'"n": 1, "n": 2'), "key 'n' stands more than once in one object"),
        (content().replace(b'"n": 1', b'"n": 1e999'), "the number '1e999' is too large"),
        (
            content().replace(b'"n": 1', b'"n": {"$oid": "5"}'),
            "key '$oid': no type that is read; allowed:",
        ),
        (
            content().replace(b'"n": 1', b'"n": {"$date": "now"}'),
            "key '$date': 'now'; allowed: a text",
        ),
        (content().replace(b'"n": 1', b'"n": {"$date": true}'), "key '$date': True; allowed"),
        (content().replace(b'"n": 1', b'"n": {"$numberLong": "1_0"}'), "key '$numberLong': '1_0'; allowed"),
        (content().replace(b'"n": 1', b'"n": {"$numberDouble": 5}'), "key '$numberDouble': 5; allowed"),
        (b"{\n\xff", "line 2: byte 0xff is not UTF-8"),
        ("[" * 100_000, "nested too deep"),
        ('{"stream_id":\n "s",,', "line 2 column 6: no JSON"),
    ],
)
def test_what_is_wrong_is_named(raw: bytes | str, said: str) -> None:
    assert refused(raw).startswith(said)


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ({"n": 2**63}, r"records\[1\]: n: the integer 9223372036854775808 does not fit into 64 bits"),
        ({"a": {"$b": 1, "c": 2}}, r"records\[1\]: a: the key '\$b' begins with \$"),
        ({"a": {"b\0": 1}}, r"records\[1\]: a: the key 'b\\x00' has a NUL character"),
        ({"a": "\ud800"}, r"records\[1\]: .*a text that is no Unicode"),
        ({"a": "x" * 17_000_000}, r"records\[1\]: 16.2 MB are too large"),
    ],
)
def test_what_no_store_could_keep_is_refused_with_its_record(record: dict[str, Any], said: str) -> None:
    output = read_output(content(records=[{}, record]))
    with pytest.raises(ValueError, match=said):
        check(output.stream, output.made, output.records)


def test_the_readme_shows_what_becomes_of_a_file() -> None:
    text = (Path(room.__path__[0]) / "README.md").read_text().partition("## Example output")[2]
    raw, shown = re.findall(r"```(?:json)?\n(.*?)```", text, re.DOTALL)[:2]
    output = read_output(raw.encode())
    (made,) = documents(output.stream, output.made, output.records, 0)
    assert plain(made.body) == extended.body(shown)
    assert made.id in text
    assert json.loads(raw)["records"]
