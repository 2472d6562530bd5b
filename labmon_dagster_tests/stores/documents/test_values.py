"""Any document comes back equal, from whichever store; what cannot be kept is refused with a reason."""

from __future__ import annotations

import enum
import math
import re
import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labmon_dagster.model.documents import Document
from labmon_dagster.stores.documents.base import DocumentStore
from labmon_dagster.stores.documents.mongo import MongoDocuments
from labmon_dagster.stores.documents.sqlite import SqliteDocuments
from labmon_dagster_tests.servers.mongo import Mongod
from labmon_dagster_tests.stores.documents.records import TOKEN, document, mongo_url, put

NUMBERS = count()
TEXT = st.text(st.characters(codec="utf-8"), max_size=5)
KEYS = st.text(st.characters(codec="utf-8", exclude_characters="\0$"), max_size=4).filter(
    lambda key: not key.endswith("_ns") and key not in {"_id", "time", "_labmon"}
)
TIMES = st.datetimes(datetime(1678, 1, 1), datetime(2262, 1, 1), timezones=st.just(UTC))
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.sampled_from([-0.0, 2.0, 5e-324, 1e22, 2.0**53, math.inf])
    | TEXT
    | st.binary(max_size=4)
    | TIMES
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)
BODIES = st.dictionaries(KEYS, VALUES, max_size=5)


@pytest.fixture
def both(
    mongod: Mongod, mongo_database: str, tmp_path: Path
) -> Iterator[tuple[DocumentStore, DocumentStore]]:
    one = SqliteDocuments(tmp_path / "documents.db")
    other = MongoDocuments(mongo_url(mongod, mongo_database))
    yield one, other
    one.close()
    other.close()


def told(value: Any) -> Any:
    """A value with its types: 2 is not 2.0, -0.0 is not 0.0, and instants are instants."""
    if isinstance(value, dict):
        return {key: told(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [told(inner) for inner in value]
    if isinstance(value, float):
        return ("float", struct.pack("d", value))
    return (type(value).__name__, value)


def shown(found: Any) -> Any:
    """What a body is to come back as, said once more in other words."""
    if isinstance(found, dict):
        made = {}
        for key, value in found.items():
            made[key] = shown(value)
            if (beside := exact(value)) is not None:
                made[f"{key}_ns"] = beside
        return made
    if isinstance(found, list):
        return [shown(value) for value in found]
    if isinstance(found, datetime):
        return found.replace(microsecond=found.microsecond // 1000 * 1000)
    return found


def exact(value: Any) -> Any:
    if isinstance(value, datetime):
        return (value - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000
    if isinstance(value, list):
        inner = [exact(one) for one in value]
        return inner if any(one is not None for one in inner) else None
    return None


@given(BODIES)
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_document_comes_back_equal_from_both(
    both: tuple[DocumentStore, DocumentStore], body: dict[str, Any]
) -> None:
    name = str(next(NUMBERS))
    found = []
    for store in both:
        put(store, "runs", [Document(name, 5, body)])
        found.append(store.find("runs", [name])[name])
    assert told(found[0].body) == told(shown(body))
    assert told(found[1].body) == told(found[0].body)
    assert found[0] == found[1]
    assert list(found[0].body) == list(found[1].body)


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=8), st.integers(-(2**62), 2**62))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_id_and_time_comes_back(both: tuple[DocumentStore, DocumentStore], name: str, time: int) -> None:
    for store in both:
        put(store, "ids", [document(name, time, time, -time)])
        assert store.find("ids", [name])[name] == (name, time, {}, time, -time, TOKEN)


def test_nan_comes_back(store: DocumentStore) -> None:
    put(store, "runs", [document("a", x=math.nan, y=[math.nan, -math.inf])])
    body = store.find("runs", ["a"])["a"].body
    assert math.isnan(body["x"]) and math.isnan(body["y"][0]) and body["y"][1] == -math.inf


def test_instants_keep_their_nanoseconds_beside_them(store: DocumentStore) -> None:
    local = datetime(2024, 5, 1, 12, 0, 0, 123_456, tzinfo=timezone(timedelta(hours=2)))
    stamp = pd.Timestamp("2024-05-01T10:00:00.123456789Z")
    early = pd.Timestamp("1969-12-31T23:59:59.999999999Z")
    put(store, "runs", [document("a", at=local, deep={"stamps": [stamp, None, [early]]})])
    ms = datetime(2024, 5, 1, 10, 0, 0, 123_000, tzinfo=UTC)
    before = datetime(1969, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)
    assert store.find("runs", ["a"])["a"].body == {
        "at": ms,
        "at_ns": 1_714_557_600_123_456_000,
        "deep": {"stamps": [ms, None, [before]], "stamps_ns": [1_714_557_600_123_456_789, None, [-1]]},
    }


class Kind(enum.StrEnum):
    DARK = "dark"


class Level(enum.IntEnum):
    HIGH = 3


def test_subclasses_become_what_they_stand_for(store: DocumentStore) -> None:
    given = {Kind.DARK: Kind.DARK, "level": Level.HIGH, "x": np.float64(2.0), "t": (1, (2.5,))}
    put(store, "runs", [Document("a", 0, given)])
    body = store.find("runs", ["a"])["a"].body
    assert told(body) == told({"dark": "dark", "level": 3, "x": 2.0, "t": [1, [2.5]]})


def nested(depth: int) -> dict[str, Any]:
    return {"d": nested(depth - 1)} if depth else {}


BAD: list[tuple[Any, str]] = [
    ({"a": 2**63}, "a: the integer 9223372036854775808 does not fit into 64 bits"),
    ({"a": {"b": [1, -(2**63) - 1]}}, "a.b.1: the integer"),
    ({"a\0b": 1}, "NUL"),
    ({"a": {1: 2}}, "a: the key 1 is no text"),
    ({"$set": 1}, "begins with \\$"),
    ({"a": [{"$date": 1}]}, "a.0: the key '\\$date' begins with"),
    ({"_id": 1}, "_id"),
    ({"_labmon": 1}, "_labmon"),
    ({"time": 1}, "time"),
    ({"time_ns": 1}, "time_ns"),
    ({"t": datetime(2024, 5, 1, tzinfo=UTC), "t_ns": 1}, "'t_ns' is taken"),
    ({"a": {"t": [datetime(2024, 5, 1, tzinfo=UTC)], "t_ns": 1}}, "a: 't_ns' is taken"),
    ({"t": datetime(2024, 5, 1)}, "t: the time 2024-05-01 00:00:00 has no zone"),
    ({"t": pd.NaT}, "has no zone"),
    ({"t": datetime(1500, 5, 1, tzinfo=UTC)}, "outside 1677"),
    ({"t": datetime(2024, 5, 1, tzinfo=UTC).date()}, "t: a value of type date; allowed"),
    ({"a": {"b": np.int64(3)}}, "a.b: a value of type int64"),
    ({"a": object()}, "object"),
    ({"a": {1, 2}}, "set"),
    ({"a": "\ud800"}, "Unicode"),
    ({"\ud800": 1}, "Unicode"),
    (nested(101), "nested more than 100 deep"),
    ({"a": [[[nested(98)]]]}, "nested more than 100 deep"),
]


@pytest.mark.parametrize(("body", "reason"), BAD, ids=[str(n) for n in range(len(BAD))])
def test_what_cannot_be_kept_is_refused_with_a_reason(
    store: DocumentStore, body: dict[Any, Any], reason: str
) -> None:
    bad = Document("bad", 0, body)
    admitted = store.admit([document("a"), bad, document("b")], TOKEN)
    assert [one.id for one in admitted.kept] == ["a", "b"]
    ((refused, why),) = admitted.refused
    assert refused is bad
    assert re.search(reason, why)


@pytest.mark.parametrize(
    "bad",
    [
        document(""),
        document("\ud800"),
        document("a", 2**63),
        document("a", 0, -(2**63) - 1),
        Document(7, 0, {}),
    ],  # type: ignore[arg-type]
    ids=["empty", "surrogate", "time", "order", "number"],
)
def test_identities_that_cannot_be_kept_are_refused(store: DocumentStore, bad: Document) -> None:
    assert len(store.admit([bad], TOKEN).refused) == 1


def test_what_is_admitted_can_be_written(store: DocumentStore) -> None:
    """The limits of admission lie within those of the databases."""
    extremes = [
        Document("deep", 0, nested(99)),
        Document("lists", 0, {"a": [[[nested(95)]]]}),
        Document(
            "times",
            2**63 - 1,
            {"t": pd.Timestamp.max.tz_localize("UTC"), "u": datetime(1677, 10, 1, tzinfo=UTC)},
        ),
        Document("first", -(2**63), {"": 0, "a.b": 1, "a_ns": 2}, 2**63 - 1, -(2**63)),
        Document("x" * 2000, 0, {"k" * 2000: "\0"}),
    ]
    kept = put(store, "runs", extremes)
    assert store.find("runs", [one.id for one in extremes]) == {one.id: one for one in kept}
