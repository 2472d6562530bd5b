"""Databases that others use, too: their records, indexes and tables are left as they are."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from bson import Decimal128, Int64, ObjectId, Regex
from pymongo import MongoClient
from pymongo.collection import Collection

from labmon_dagster.stores import StoreError
from labmon_dagster.stores.documents.sqlite import SqliteDocuments
from labmon_dagster.stores.records import Change, MongoRecords, RecordStore, SqliteRecords
from labmon_dagster_tests.servers.mongo import Mongod
from labmon_dagster_tests.stores.documents.records import document, mongo_url, put
from labmon_dagster_tests.stores.records.test_behaviours import there

AT = datetime(2022, 5, 11, 14, 35, 30, 412_000, tzinfo=UTC)
THEIRS: dict[str, Any] = {
    "_id": ObjectId(),
    "name": "old",
    "start_date": AT,
    "n": Int64(5),
    "money": Decimal128("1.10"),
    "pattern": Regex("^a"),
    "nested": {"b": 1, "a": [{"$odd": Int64(1)}], "": None},
    "list": [{"x": 1}],
}


@pytest.fixture
def theirs(mongod: Mongod, mongo_database: str) -> Iterator[Collection[dict[str, Any]]]:
    """The collection as another program sees it."""
    with MongoClient[dict[str, Any]](mongod.url, tz_aware=True) as client:
        yield client[mongo_database]["runs"]


@pytest.fixture
def store(mongod: Mongod, mongo_database: str) -> Iterator[MongoRecords]:
    with closing(MongoRecords.at(mongo_url(mongod, mongo_database))) as one:
        yield one


def test_their_record_is_found_and_changed_where_it_is(
    store: RecordStore, theirs: Collection[dict[str, Any]]
) -> None:
    theirs.insert_one(THEIRS)
    assert not store.insert("runs", "old", {"x": 1})
    seen = there(store, "old")
    assert (seen.revision, seen.key) == (0, THEIRS["_id"])
    holds = tuple(name for name in THEIRS if name not in {"_id", "name", "list"})
    assert store.change("runs", seen, Change({"stop_date": AT}, {"list": {"x": 2}}, holds))
    (found,) = theirs.find()
    assert found.pop("_labmon")["revision"] == 1
    assert found == {
        **THEIRS,
        "stop_date": AT,
        "stop_date_ns": 1_652_279_730_412_000_000,
        "list": [{"x": 1}, {"x": 2}],
    }
    assert list(found["nested"]) == ["b", "a", ""]
    assert not store.change("runs", seen, Change({"x": 1}))
    assert store.change("runs", there(store, "old"), Change({"stop_date": None}))


@pytest.mark.parametrize(
    ("field", "value"),
    [("start_date", AT), ("start_date", None), ("held", {"a": 1}), ("held", [1]), ("held_ns", 1)],
)
def test_their_change_in_between_is_noticed(
    store: RecordStore, theirs: Collection[dict[str, Any]], field: str, value: Any
) -> None:
    """They count no revisions."""
    store.insert("runs", "a", {"start_date": "none", "held": 0})
    change = Change({"start_date": AT}, {"list": {"x": 1}}, ("held",))
    seen = there(store)
    theirs.update_one({"name": "a"}, {"$set": {field: value}})
    assert not store.change("runs", seen, change)
    assert "list" not in there(store).body
    theirs.update_one({"name": "a"}, {"$set": {"other": 1}})
    assert store.change("runs", there(store), change)
    assert there(store).body["other"] == 1


def test_what_they_took_away_is_not_changed(store: RecordStore, theirs: Collection[dict[str, Any]]) -> None:
    store.insert("runs", "a", {})
    seen = there(store)
    theirs.delete_one({"name": "a"})
    assert not store.change("runs", seen, Change({"x": 1}))
    assert theirs.count_documents({}) == 0


def test_two_of_one_name_are_an_error(store: RecordStore, theirs: Collection[dict[str, Any]]) -> None:
    theirs.insert_many([{"name": "a"}, {"name": "a"}])
    with pytest.raises(StoreError, match="runs: 'a' is the name of several records"):
        store.find("runs", "a")
    assert not store.insert("runs", "a", {})
    assert [one.name for one in store.select("runs")] == ["a", "a"]


def test_records_without_a_name_are_none(store: RecordStore, theirs: Collection[dict[str, Any]]) -> None:
    theirs.insert_many([{"x": 1}, {"name": 5}, {"name": None}, {"name": "a", "_labmon": "theirs"}])
    (found,) = store.select("runs", ("x",))
    assert (found.name, found.revision, found.body) == ("a", 0, {"name": "a"})
    with pytest.raises(StoreError, match="MongoDB at "):
        store.change("runs", found, Change({"x": 1}))


@pytest.mark.parametrize("options", [{}, {"unique": True}, {"name": "by_name"}])
def test_their_index_over_names_serves_as_well(
    store: RecordStore, theirs: Collection[dict[str, Any]], options: dict[str, Any]
) -> None:
    theirs.create_index("name", **options)
    assert store.insert("runs", "a", {})
    assert not store.insert("runs", "a", {})
    over_names = [one for one in theirs.index_information().values() if one["key"] == [("name", 1)]]
    assert any(one.get("unique") == options.get("unique") for one in over_names)


def test_what_their_rules_forbid_is_said(store: RecordStore, theirs: Collection[dict[str, Any]]) -> None:
    theirs.create_index("number", unique=True, sparse=True)
    theirs.insert_many([{"number": 1}, {"_id": "taken"}])
    for name, body in (("a", {"number": 1}), ("taken", {})):
        with pytest.raises(StoreError, match="E11000 duplicate key"):
            store.insert("runs", name, body)
        assert store.find("runs", name) is None
    theirs.database.command("collMod", "runs", validator={"x": {"$ne": 13}})
    with pytest.raises(StoreError, match="failed validation"):
        store.insert("runs", "b", {"x": 13})
    assert store.insert("runs", "b", {"x": 12})
    with pytest.raises(StoreError, match="failed validation"):
        store.change("runs", there(store, "b"), Change({"x": 13}))


@pytest.mark.parametrize("name", ["runs", "RUNS", "documents"])
def test_a_table_of_another_kind(tmp_path: Path, name: str) -> None:
    path = tmp_path / "lab.db"
    with closing(SqliteDocuments(path)) as documents, closing(SqliteRecords(path)) as store:
        put(documents, "documents", [document("a", x=1)])
        store.insert("Runs", "a", {"x": 1})
        with pytest.raises(StoreError, match=f"collection '{name}': there is another table of this name"):
            store.insert(name, "b", {})
        assert store.find(name, "a") is None
        assert list(store.select(name)) == []
        assert documents.collections() == ["documents"]
        assert there(store, "a", "Runs").body["x"] == 1


def test_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    path = tmp_path / "lab.db"
    path.write_bytes(b"no database" * 1000)
    asks: list[Callable[[RecordStore], object]] = [
        lambda store: store.find("runs", "a"),
        lambda store: list(store.select("runs")),
        lambda store: store.insert("runs", "a", {}),
    ]
    with closing(SqliteRecords(path)) as store:
        for ask in asks:
            with pytest.raises(StoreError, match=re.escape(f"{path}: file is not a database")):
                ask(store)
