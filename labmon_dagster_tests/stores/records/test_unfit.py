"""What no store can keep is refused by each in the same way, and nothing is written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labmon_dagster.stores.documents.plain import UnfitError, plain
from labmon_dagster.stores.records import Change, MongoRecords, RecordStore, SqliteRecords
from labmon_dagster_tests.servers.mongo import Mongod
from labmon_dagster_tests.stores.documents.records import mongo_url
from labmon_dagster_tests.stores.documents.test_values import BODIES, told
from labmon_dagster_tests.stores.records.test_behaviours import there, whole

BAD: list[tuple[dict[Any, Any], str]] = [
    ({"a": 2**63}, "a: the integer"),
    ({"$set": 1}, "begins with $"),
    ({1: 2}, "the key 1 is no text"),
    ({"_id": 1}, "_id"),
    ({"_labmon": {}}, "_labmon"),
    ({"t": datetime(2024, 5, 1, tzinfo=UTC), "t_ns": 1}, "t_ns"),
    ({"t": datetime(2024, 5, 1)}, "has no zone"),
    ({"t": datetime(1500, 5, 1, tzinfo=UTC)}, "outside 1677"),
    ({"a": {1, 2}}, "a value of type set"),
    ({"a": "\ud800"}, "Unicode"),
    ({"a": "x" * 16 * 1024 * 1024}, "MB are too large"),
]


@pytest.mark.parametrize(("body", "reason"), BAD, ids=[str(n) for n in range(len(BAD))])
def test_bodies(store: RecordStore, body: dict[Any, Any], reason: str) -> None:
    store.insert("runs", "a", {"x": 1})
    before = whole(store)
    with pytest.raises(UnfitError, match=re.escape(reason)):
        store.insert("runs", "b", body)
    with pytest.raises(UnfitError, match=re.escape(reason)):
        store.change("runs", there(store), Change(body))
    assert whole(store) == before


@pytest.mark.parametrize("entry", [{1: 2}, {"$a": 1}, {"a": object()}, {"a": "\udfff"}])
def test_entries(store: RecordStore, entry: dict[Any, Any]) -> None:
    store.insert("runs", "a", {"list": []})
    with pytest.raises(UnfitError):
        store.change("runs", there(store), Change(appends={"list": entry}))
    assert there(store).body["list"] == []


@pytest.mark.parametrize("field", ["", "a.b", "name"])
def test_fields_that_cannot_be_changed(store: RecordStore, field: str) -> None:
    store.insert("runs", "a", {"a": {"b": 1}})
    both = Change({"x": [], "y": 1}, {"x": {}})
    for change in (Change({field: 1}), Change(appends={field: {}}), Change({field: []}, {field: {}}), both):
        with pytest.raises(UnfitError, match=r"cannot be changed|in one change"):
            store.change("runs", there(store), change)
    assert whole(store) == [("a", {"a": {"b": 1}, "name": "a"}, 1)]


@pytest.mark.parametrize("name", ["", "\ud800", None, 7])
def test_names(store: RecordStore, name: Any) -> None:
    with pytest.raises(UnfitError):
        store.insert("runs", name, {})
    assert whole(store) == []


@pytest.mark.slow
def test_a_record_may_grow_up_to_16_megabytes(store: RecordStore) -> None:
    store.insert("runs", "a", {"list": []})
    entry = {"text": "x" * 1024 * 1024}
    for _ in range(15):
        assert store.change("runs", there(store), Change(appends={"list": entry}))
    with pytest.raises(Exception, match=r"MB are too large|larger than") as caught:
        store.change("runs", there(store), Change(appends={"list": entry}))
    assert type(caught.value).__name__ in {"UnfitError", "StoreError"}
    assert len(there(store).body["list"]) == 15
    assert store.change("runs", there(store), Change({"x": 1}))


@pytest.fixture
def both(mongod: Mongod, mongo_database: str, tmp_path: Path) -> Iterator[list[RecordStore]]:
    with (
        closing(SqliteRecords(tmp_path / "records.db")) as one,
        closing(MongoRecords.at(mongo_url(mongod, mongo_database))) as other,
    ):
        yield [one, other]


TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
FIELDS = BODIES.map(lambda body: {key: value for key, value in body.items() if "." not in key and key})


@given(name=TEXT, body=BODIES, sets=FIELDS, entry=BODIES)
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_record_is_the_same_in_both(
    both: list[RecordStore], name: str, body: dict[str, Any], sets: dict[str, Any], entry: dict[str, Any]
) -> None:
    """Made, changed and found: whatever is in it, unless both refuse it."""
    sets = {key: value for key, value in sets.items() if key not in {"name", "list"}}
    seen = []
    for store in both:
        made = store.insert("runs", name, {**body, "list": []})
        before = there(store, name)
        done = store.change("runs", before, Change(sets, {"list": entry}))
        seen.append((made, done, told(dict(there(store, name).body)), there(store, name).revision))
    assert seen[0] == seen[1]
    assert seen[0][1]
    added = there(both[0], name).body["list"][-1]
    assert told(added) == told(plain(entry, frozenset()))
    for store in both:
        clear(store, name)


def clear(store: RecordStore, name: str) -> None:
    if isinstance(store, MongoRecords):
        store.server.do(lambda mongo: mongo["runs"].delete_one({"name": name}))
    else:
        assert isinstance(store, SqliteRecords)
        store.database.connection.execute("DELETE FROM runs WHERE name = ?", (name,))
