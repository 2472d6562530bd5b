"""What every store of records does: makes, finds and changes them, each change all or nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from labmon_dagster.stores import StoreError
from labmon_dagster.stores.documents.plain import UnfitError
from labmon_dagster.stores.records import Change, Record, RecordStore

AT = datetime(2022, 5, 11, 14, 35, 30, 412_345, tzinfo=UTC)
AT_MS, AT_NS = AT.replace(microsecond=412_000), 1_652_279_730_412_345_000
NAMES = [
    "a",
    "É",
    "a.b",
    "$set",
    "_id",
    "x\0y",
    "'; DROP TABLE runs; --",
    '"',
    "run 1/2",
    "名前",
    " ",
    "x" * 500,
]
COLLECTIONS = ["runs", "Lio Run-Info.2022", "select", 'a"b', "é", "runs'", "1"]


def there(store: RecordStore, name: str = "a", collection: str = "runs") -> Record:
    found = store.find(collection, name)
    assert found is not None
    return found


def whole(store: RecordStore, collection: str = "runs") -> list[tuple[str, dict[str, Any], int]]:
    return [(one.name, dict(one.body), one.revision) for one in store.select(collection)]


def test_nothing_is_there_before_it_is_made(store: RecordStore) -> None:
    assert store.find("runs", "a") is None
    assert list(store.select("runs")) == []


def test_a_record_is_found_as_it_was_made(store: RecordStore, factory: Callable[[], RecordStore]) -> None:
    body = {
        "name": "a",
        "n": 2**60,
        "x": 0.5,
        "deep": [{"at": AT}],
        "raw": b"\0",
        "none": None,
        "a.b": {"": 1},
    }
    assert store.insert("runs", "a", body)
    shown = {**body, "deep": [{"at": AT_MS, "at_ns": AT_NS}]}
    other = factory()
    for one in (store, other):
        found = there(one)
        assert (found.name, found.body, found.revision) == ("a", shown, 1)
    other.close()


def test_the_name_is_in_the_body_in_any_case(store: RecordStore) -> None:
    assert store.insert("runs", "a", {"x": 1})
    assert there(store).body == {"x": 1, "name": "a"}


def test_there_is_one_of_a_name(store: RecordStore) -> None:
    assert store.insert("runs", "a", {"x": 1})
    before = whole(store)
    assert not store.insert("runs", "a", {"x": 2})
    assert whole(store) == before
    assert store.insert("streams", "a", {"x": 3})
    assert there(store, "a", "streams").body["x"] == 3


@pytest.mark.parametrize("name", NAMES)
def test_names_may_be_odd(store: RecordStore, name: str) -> None:
    assert store.insert("runs", name, {"x": 1})
    assert not store.insert("runs", name, {"x": 2})
    assert store.change("runs", there(store, name), Change({"x": 3}, {"list": {"at": AT}}))
    assert [one.name for one in store.select("runs")] == [name]
    assert there(store, name).body == {"name": name, "x": 3, "list": [{"at": AT_MS, "at_ns": AT_NS}]}


@pytest.mark.parametrize("name", ["", "\ud800", {"$gt": ""}, None, 7])
def test_what_is_no_name_is_nowhere(store: RecordStore, name: Any) -> None:
    assert store.insert("runs", "a", {})
    assert store.find("runs", name) is None


@pytest.mark.parametrize("collection", COLLECTIONS)
def test_collections_may_be_odd(store: RecordStore, collection: str) -> None:
    assert store.insert(collection, "a", {"x": 1})
    assert store.change(collection, there(store, "a", collection), Change({"x": 2}))
    assert whole(store, collection) == [("a", {"x": 2, "name": "a"}, 2)]


@pytest.mark.parametrize("collection", ["", "labmon_ledger", "system.users", "a\0b", "a$b", ".a", "x" * 121])
def test_collections_that_cannot_be(store: RecordStore, collection: str) -> None:
    with pytest.raises(StoreError, match="collection"):
        store.insert(collection, "a", {})


def test_they_come_by_name_with_the_fields_asked_for(store: RecordStore) -> None:
    for name in ("b", "a", "É", "B"):
        store.insert("runs", name, {"at": AT, "x": name})
    assert [one.name for one in store.select("runs")] == ["B", "a", "b", "É"]
    first = next(store.select("runs", ("at", "nothing")))
    assert first.body == {"name": "B", "at": AT_MS, "at_ns": AT_NS}
    assert first.revision == 1


def test_while_they_come_they_may_be_changed(store: RecordStore) -> None:
    for n in range(50):
        store.insert("runs", f"{n:02}", {})
    seen = []
    for one in store.select("runs"):
        seen.append(one.name)
        assert store.change("runs", one, Change({"seen": True}))
        store.insert("runs", f"{one.name}x", {})
    assert seen == [f"{n:02}" for n in range(50)]


def test_a_change_sets_and_appends_together(store: RecordStore) -> None:
    store.insert("runs", "a", {"x": 1, "list": [1], "kept": {"y": [AT]}})
    change = Change({"x": {"t": AT}, "at": AT}, {"list": {"t": AT}, "new": {"n": 1}})
    assert store.change("runs", there(store), change)
    found = there(store)
    assert found.body == {
        "name": "a",
        "x": {"t": AT_MS, "t_ns": AT_NS},
        "at": AT_MS,
        "at_ns": AT_NS,
        "list": [1, {"t": AT_MS, "t_ns": AT_NS}],
        "new": [{"n": 1}],
        "kept": {"y": [AT_MS], "y_ns": [AT_NS]},
    }
    assert found.revision == 2


def test_who_saw_an_older_state_changes_nothing(store: RecordStore) -> None:
    store.insert("runs", "a", {"x": 1})
    old = there(store)
    assert store.change("runs", old, Change({"y": 2}))
    before = whole(store)
    for change in (Change({"x": 3}), Change(appends={"list": {}}), Change({"y": 2})):
        assert not store.change("runs", old, change)
    assert whole(store) == before


def test_a_record_that_is_gone_is_not_changed(store: RecordStore) -> None:
    store.insert("runs", "a", {})
    other = Record("b", {"name": "b"}, 1, "b")
    assert not store.change("runs", other, Change({"x": 1}))
    assert len(whole(store)) == 1


def test_what_is_no_list_gets_no_entry(store: RecordStore) -> None:
    store.insert("runs", "a", {"x": 1})
    before = whole(store)
    for change in (Change(appends={"x": {}}), Change(extends={"x": []})):
        with pytest.raises(StoreError):
            store.change("runs", there(store), change)
    assert whole(store) == before


def test_several_entries_at_once_also_where_there_was_nothing(store: RecordStore) -> None:
    store.insert("runs", "a", {"none": None, "some": [1]})
    at = datetime(2022, 5, 11, tzinfo=UTC)
    more = {name: [2, {"at": at}] for name in ("none", "some", "new")}
    assert store.change("runs", there(store), Change({"z": 1}, {"list": 1}, extends=more))
    entries = [2, {"at": at, "at_ns": 1_652_227_200_000_000_000}]
    body = {"name": "a", "none": entries, "some": [1, *entries], "new": entries, "list": [1], "z": 1}
    assert there(store).body == body
    with pytest.raises(UnfitError, match="'list' is set and appended to in one change"):
        store.change("runs", there(store), Change(appends={"list": 1}, extends={"list": [1]}))


def test_the_newest_state_is_the_same(store: RecordStore) -> None:
    assert store.find("runs", "a", newest=True) is None
    store.insert("runs", "a", {"x": 1})
    assert store.find("runs", "a", newest=True) == there(store)
