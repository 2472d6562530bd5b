"""Documents filed by the day they were received, found by keys of their bodies, and counted by these."""

from __future__ import annotations

import polars as pl
import pytest
from pymongo import MongoClient

from labmon_dagster.model import DAY, Window
from labmon_dagster.model.documents import Document
from labmon_dagster.stores import owner_of
from labmon_dagster.stores.base import read_token
from labmon_dagster.stores.documents.base import DocumentStore
from labmon_dagster.stores.documents.mongo import MongoDocuments
from labmon_dagster.stores.documents.sqlite import SqliteDocuments
from labmon_dagster_tests.servers.mongo import Mongod
from labmon_dagster_tests.stores.documents.records import mongo_url

NAME, ONE, OTHER = "events", "lab/one", "lab/other"
MINUTE = 60 * 10**9


def write(store: DocumentStore, asset: str, *documents: Document) -> None:
    store.write(NAME, store.admit(documents, read_token(asset, "v", 1)).kept)


def event(number: int, run: int | None = 1, day: int = 20_000, minute: int = 0) -> Document:
    return Document(f"{day}/{run}/{number}", minute * MINUTE + number, {"run": run, "number": number}, day)


def test_documents_are_counted_and_removed_by_day_of_receipt(store: DocumentStore) -> None:
    write(store, ONE, event(1), event(2, minute=5), event(3, day=20_001))
    write(store, OTHER, event(4))
    assert store.count_received(NAME, owner_of(ONE), 20_000) == 2
    assert store.count_received(NAME, owner_of(OTHER), 20_000) == 1
    store.delete_received(owner_of(ONE), 20_000)
    assert [one.body["number"] for one in store.fetch(NAME, Window(0, DAY))] == [3, 4]
    assert store.count_received(NAME, owner_of(ONE), 20_000) == 0


def test_nothing_is_counted_where_there_is_no_collection(store: DocumentStore) -> None:
    assert store.count_received(NAME, 1, 20_000) == 0
    assert store.tally(NAME, ["run"]).is_empty()
    assert store.numbers(NAME, "number", {"run": 1}).is_empty()
    store.delete_received(1, 20_000)


def test_documents_are_tallied_by_keys_and_time(store: DocumentStore) -> None:
    write(store, ONE, event(1), event(2), event(3, run=2), event(4, minute=1), event(5, run=None, minute=2))
    found = store.tally(NAME, ["run"], Window(0, 2 * MINUTE), MINUTE).sort("time", "run")
    expected = {"time": [0, 0, MINUTE], "run": [1, 2, 1], "count": [2, 1, 1]}
    assert found.equals(pl.DataFrame(expected))
    everything = store.tally(NAME, ["run"]).sort("run", nulls_last=True)
    assert everything.to_dict(as_series=False) == {"run": [1, 2, None], "count": [3, 1, 1]}


def test_the_numbers_of_a_run_come_in_order(store: DocumentStore) -> None:
    store.index(NAME, "run number")
    numbers = [event(number) for number in (7, 3, 2**40)]
    write(store, ONE, *numbers, event(4, run=2), Document("none", 0, {"run": 1, "number": None}))
    assert store.numbers(NAME, "number", {"run": 1}).to_list() == [3, 7, 2**40]


def test_an_index_may_be_there_before_the_first_document(store: DocumentStore) -> None:
    store.index(NAME, "run number")
    store.index(NAME, "run number")
    store.index(NAME, "number time")
    write(store, ONE, event(1))
    assert len(list(store.fetch(NAME, Window(0, DAY)))) == 1
    assert NAME in store.collections()


def test_mongodb_finds_by_the_indexes(mongod: Mongod, mongo_database: str) -> None:
    store = MongoDocuments(mongo_url(mongod, mongo_database))
    for keys in ("run number", "number time"):
        store.index(NAME, keys)
    write(store, ONE, event(1))
    store.count_received(NAME, owner_of(ONE), 20_000)
    with MongoClient[dict[str, object]](mongod.url) as client:
        collection = client[mongo_database][NAME]
        indexed = [list(one["key"]) for one in collection.list_indexes()]
        plan = collection.find({"run": 1}).explain()["queryPlanner"]["winningPlan"]
    assert ["run", "number"] in indexed
    assert ["number", "time"] in indexed
    assert ["_labmon.order", "_labmon.read"] in indexed
    assert plan["inputStage"]["stage"] == "IXSCAN"
    store.close()


def test_sqlite_finds_by_the_indexes(store: DocumentStore) -> None:
    if not isinstance(store, SqliteDocuments):
        pytest.skip("of SQLite")
    store.index(NAME, "run number")
    asked = "EXPLAIN QUERY PLAN SELECT 1 FROM events WHERE json_extract(body, '$.run') = 1"
    plan = store.database.connection.execute(asked).fetchall()
    assert "USING INDEX" in plan[0][3] or "USING COVERING INDEX" in plan[0][3]


def test_documents_may_be_found_without_their_bodies(store: DocumentStore) -> None:
    write(store, ONE, event(1), event(2))
    whole = store.find(NAME, ["20000/1/1", "20000/1/2", "none"])
    bare = store.find(NAME, ["20000/1/1", "20000/1/2", "none"], bodies=False)
    assert bare == {known_by: kept._replace(body={}) for known_by, kept in whole.items()}
    assert len(bare) == 2


def test_documents_of_a_day_of_receipt_come_by_time(store: DocumentStore) -> None:
    write(store, ONE, event(1, minute=9), event(2, minute=1), event(3, day=20_001))
    write(store, OTHER, event(4))
    found = store.fetch(NAME, Window(0, DAY), owner_of(ONE), 20_000)
    assert [one.body["number"] for one in found] == [2, 1]
    assert [one.body["number"] for one in store.fetch(NAME, Window(0, DAY), received=20_001)] == [3]
