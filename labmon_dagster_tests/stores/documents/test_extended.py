"""The shorter way to extended JSON and back says what MongoDB's own says."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from bson import json_util
from hypothesis import given
from hypothesis import strategies as st

from labmon_dagster.stores.documents import extended
from labmon_dagster_tests.stores.documents.test_values import BODIES, LEAVES, told

_JSON = json_util.JSONOptions(json_mode=json_util.JSONMode.RELAXED, tz_aware=True, tzinfo=UTC)
MILLISECONDS = st.integers(-9_000_000_000_000, 250_000_000_000_000)
DATES = MILLISECONDS.map(lambda ms: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms))
OTHERS = (
    DATES
    | st.sampled_from([math.inf, -math.inf, -0.0, 1e22, 2**63, -(2**70), "$date", '"$'])
    | st.tuples(st.integers(), DATES)
    | st.datetimes(
        datetime(1950, 1, 1), datetime(2100, 1, 1), timezones=st.just(timezone(timedelta(hours=2)))
    )
    | st.sampled_from([{"$date": "2026-01-01T00:00:00Z"}, {"$x": 1}, {"a$": 1}, {1: 2}, {None: 3}])
)
ANYTHING = st.recursive(
    LEAVES | OTHERS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=3), inner, max_size=3)
    ),
    max_leaves=10,
)


def written(value: Any) -> str:
    return json_util.dumps(value, json_options=_JSON, ensure_ascii=False, separators=(",", ":"))


def read(text: str) -> Any:
    return json_util.loads(text, json_options=_JSON)


@given(ANYTHING)
def test_both_ways_say_the_same(value: Any) -> None:
    expected = told(read(written(value)))
    assert told(read(extended.text(value))) == expected
    assert told(extended.body(extended.text(value))) == expected
    assert told(extended.body(written(value))) == expected


@given(BODIES)
def test_keys_keep_their_order(body: dict[str, Any]) -> None:
    assert list(extended.body(extended.text(body))) == list(body)


@pytest.mark.parametrize(
    "text",
    [
        '{"$date":"2026-01-01T00:00:00Z"}',
        '{"$date":"2026-01-01T00:00:00.120Z"}',
        '{"$date":"2026-01-01T00:00:00.120+0200"}',
        '{"$date":{"$numberLong":"-5"}}',
        '{"$oid":"507f1f77bcf86cd799439011"}',
        '{"$numberLong":"5"}',
        '{"$x":NaN,"y":1e400}',
        '{"a":"$","b":1,"b":2.0}',
        '["$",123456789012345678901234567890]',
    ],
)
def test_what_others_wrote_is_read_as_theirs(text: str) -> None:
    assert repr(extended.body(text)) == repr(read(text))
    assert repr(extended.body(text.encode())) == repr(read(text))


@pytest.mark.parametrize(
    "text",
    ['{"$date":"2026-02-30T00:00:00Z"}', '{"$date":"x"}', '{"$date":"2026-01-01T00:00:00Z","x":1}', '{"$'],
)
def test_what_says_nothing_raises_valueerror(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        extended.body(text)


def test_the_common_case_goes_the_shorter_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_util, "dumps", None)
    monkeypatch.setattr(json_util, "loads", None)
    value = {"raw": {"a": [1, 2.5, None]}, "at": datetime(2026, 1, 2, 3, 4, 5, 678_000, UTC), "at_ns": 5}
    assert extended.body(extended.text(value)) == value
