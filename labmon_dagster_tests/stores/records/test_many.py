"""Many records at once: what is as it was seen is set, what is not is left, and nothing is done twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Event
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.collection import Collection

from labmon_dagster.stores import StoreError
from labmon_dagster.stores.documents.plain import UnfitError
from labmon_dagster.stores.records import Change, MongoRecords, RecordStore
from labmon_dagster_tests.servers.mongo import Mongod
from labmon_dagster_tests.stores.documents.records import mongo_url

WHEN = datetime(2026, 3, 1, tzinfo=UTC)


def test_records_are_made_and_changed(store: RecordStore) -> None:
    names = [f"s{n}" for n in range(2500)]
    assert store.insert("heads", "s7", {"n": 0, "more": [1]})
    seen = store.find_many("heads", names)
    assert list(seen) == ["s7"]
    store.attempt("heads", {name: {"n": n, "at": WHEN} for n, name in enumerate(names)}, seen)
    found = store.find_many("heads", [*names, "s7", "none", "\ud800"])
    assert set(found) == set(names)
    assert all(found[name] == store.find("heads", name) for name in names[:20])
    assert [found[name].body["n"] for name in names] == list(range(2500))
    assert (found["s7"].body["more"], found["s7"].revision, found["s8"].revision) == ([1], 2, 1)


def test_what_has_changed_since_it_was_seen_is_left(store: RecordStore) -> None:
    for name in "ab":
        store.insert("heads", name, {"n": 0})
    seen = store.find_many("heads", "ab")
    assert store.change("heads", seen["a"], Change({"n": 5}))
    store.insert("heads", "c", {"n": 5})
    store.attempt("heads", {name: {"n": 1} for name in "abcd"}, seen)
    found = store.find_many("heads", "abcd")
    assert {name: one.body["n"] for name, one in found.items()} == {"a": 5, "b": 1, "c": 5, "d": 1}


def test_what_cannot_be_kept_is_refused_before_anything_is_written(store: RecordStore) -> None:
    with pytest.raises(UnfitError):
        store.attempt("heads", {"a": {"n": 1}, "b": {"n": 2**64}}, {})
    assert store.find_many("heads", "ab") == {}


@pytest.fixture
def foreign(mongod: Mongod, mongo_database: str) -> Any:
    url = mongo_url(mongod, mongo_database)
    with MongoClient[dict[str, Any]](mongod.url) as client:
        store = MongoRecords.at(url)
        yield store, client[mongo_database]["heads"]
        store.close()


def test_records_of_other_programs(foreign: tuple[MongoRecords, Collection[dict[str, Any]]]) -> None:
    store, heads = foreign
    heads.insert_many([{"name": name, "n": 0, "own": True} for name in "ab"])
    seen = store.find_many("heads", "ab")
    heads.update_one({"name": "a"}, {"$set": {"n": 7}})  # it does not count
    store.attempt("heads", {name: {"n": 1} for name in "ab"}, seen)
    assert [(one["name"], one["n"], one["own"]) for one in heads.find(sort=[("name", 1)])] == [
        ("a", 7, True),
        ("b", 1, True),
    ]
    heads.insert_one({"name": "b"})
    with pytest.raises(StoreError, match="heads: 'b' is the name of several records"):
        store.find_many("heads", "ab")


def test_what_another_thread_was_told_is_safe_stays_when_an_attempt_fails(store: RecordStore) -> None:
    begun, done = Event(), Event()
    told: list[str] = []

    def insert() -> None:
        begun.set()
        while not done.is_set():
            name = f"other{len(told)}"
            assert store.insert("heads", name, {"n": 1})
            told.append(name)

    with ThreadPoolExecutor(1) as thread:
        inserting = thread.submit(insert)
        begun.wait()
        for _ in range(20):
            with pytest.raises(UnfitError):
                store.attempt("heads", {**{f"s{n}": {"n": n} for n in range(200)}, "z": {"n": 2**64}}, {})
        done.set()
        inserting.result()
    assert told and set(store.find_many("heads", told)) == set(told)
