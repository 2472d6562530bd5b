"""What every store of documents does with documents."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from labmon_dagster.model import DAY, Window
from labmon_dagster.stores import StoreError, owner_of
from labmon_dagster.stores.documents.base import DocumentStore
from labmon_dagster.stores.documents.kept import Kept
from labmon_dagster.stores.documents.sqlite import SqliteDocuments
from labmon_dagster_tests.stores.documents.records import (
    EVER,
    OTHER,
    OWNER,
    TOKEN,
    bodies,
    document,
    everything,
    put,
)

RUNS = [
    document("b", 3, 7, 8, run=1, state={"T": 0.01}),
    document("a", 3, run=2, note=None),
    document("ü", -1, run=3, list=[1, 2.0, "x", {"y": []}]),
]


def test_what_was_written_is_found_by_time_and_id(store: DocumentStore) -> None:
    put(store, "runs", RUNS)
    assert everything(store) == [
        Kept("ü", -1, {"run": 3, "list": [1, 2.0, "x", {"y": []}]}, 0, 0, TOKEN),
        Kept("a", 3, {"run": 2, "note": None}, 0, 0, TOKEN),
        Kept("b", 3, {"run": 1, "state": {"T": 0.01}}, 7, 8, TOKEN),
    ]
    assert store.find("runs", ["b", "none", "b"]) == {"b": everything(store)[2]}


def test_writing_again_changes_nothing(store: DocumentStore) -> None:
    kept = put(store, "runs", RUNS)
    once = everything(store)
    for some in (kept, kept[:2], kept[1:]):
        assert store.write("runs", some) == {}
    assert everything(store) == once


def test_a_document_of_the_same_id_takes_the_place_whole(store: DocumentStore) -> None:
    put(store, "runs", RUNS)
    put(store, "runs", [document("b", 9, 1, 2, other=True), document("new", 4)], OTHER)
    assert store.find("runs", ["b", "new"]) == {
        "b": Kept("b", 9, {"other": True}, 1, 2, OTHER),
        "new": Kept("new", 4, {}, 0, 0, OTHER),
    }
    assert [one.id for one in everything(store)] == ["ü", "a", "new", "b"]


def test_of_one_id_written_twice_the_last_is_kept(store: DocumentStore) -> None:
    put(store, "runs", [document("a", x=1), document("b", x=1), document("a", x=2)])
    assert bodies(store) == {"a": {"x": 2}, "b": {"x": 1}}


def test_many_documents_of_which_some_are_there(store: DocumentStore) -> None:
    put(store, "runs", [document(f"{n:05}", n, n=n) for n in range(0, 9000, 3)])
    put(store, "runs", [document(f"{n:05}", n, n=-n) for n in range(9000)])
    put(store, "runs", [document(f"{n:05}", n, n=n) for n in range(9000, 9100)])
    found = everything(store)
    assert [one.body["n"] for one in found] == [*range(0, -9000, -1), *range(9000, 9100)]
    wanted = [f"{n:05}" for n in range(20_000)]
    assert len(store.find("runs", wanted)) == 9100
    assert store.there("runs", [*wanted, wanted[0]]) == set(store.find("runs", wanted))


def test_documents_of_one_instant_come_by_id(store: DocumentStore) -> None:
    put(store, "runs", [document(f"{n:04}", 5) for n in range(999, -1, -1)])
    put(store, "runs", [document("before", 4), document("behind", 6)])
    names = [one.id for one in everything(store)]
    assert names == ["before", *(f"{n:04}" for n in range(1000)), "behind"]


def test_a_window_ends_before_its_end(store: DocumentStore) -> None:
    put(store, "runs", [document(f"{n}", n) for n in range(10)])
    assert [one.time for one in store.fetch("runs", Window(3, 6))] == [3, 4, 5]
    assert list(store.fetch("runs", Window(6, 6))) == []


def test_nanoseconds_within_a_millisecond_are_kept_apart(store: DocumentStore) -> None:
    times = [1_700_000_000_123_456_789, 1_700_000_000_123_456_788, 1_700_000_000_123_000_000]
    put(store, "runs", [document(f"{n}", time) for n, time in enumerate(times)])
    assert [one.time for one in everything(store)] == times[::-1]
    assert [one.id for one in store.fetch("runs", Window(times[1], times[0]))] == ["1"]


def test_fetching_may_go_on_while_others_write(store: DocumentStore) -> None:
    put(store, "runs", [document(f"{n:04}", n) for n in range(3000)])
    found = store.fetch("runs", EVER)
    first = next(found)
    put(store, "runs", [document("more", 10_000)])
    assert [first.time, *(one.time for one in found)][:3000] == [*range(3000)]


def test_the_documents_of_one_owner(store: DocumentStore) -> None:
    put(store, "runs", RUNS)
    put(store, "runs", [document("other", 2)], OTHER)
    assert [one.id for one in store.fetch("runs", EVER, owner_of("lab/other"))] == ["other"]
    assert [one.id for one in store.fetch("runs", EVER, owner_of(OWNER))] == ["ü", "a", "b"]
    assert list(store.fetch("runs", EVER, owner_of("nobody"))) == []


def test_counting_by_bucket_and_owner(store: DocumentStore) -> None:
    put(store, "runs", [document(f"{t}", t) for t in (-DAY, -1, 0, 5, DAY - 1, DAY)])
    put(store, "runs", [document("other", 7)], OTHER)
    assert store.count("runs", EVER, DAY) == {-DAY: 2, 0: 4, DAY: 1}
    assert store.count("runs", Window(0, DAY), DAY, owner_of(OWNER)) == {0: 3}
    assert store.count("runs", Window(0, DAY), DAY, owner_of("lab/other")) == {0: 1}


def test_an_owner_takes_its_documents_from_every_collection(store: DocumentStore) -> None:
    put(store, "runs", RUNS)
    put(store, "events", [document("1", 1), document("5", 5)])
    put(store, "events", [document("2", 2)], OTHER)
    store.delete(owner_of(OWNER), Window(0, 4))
    assert [one.id for one in everything(store)] == ["ü"]
    assert [one.id for one in everything(store, "events")] == ["2", "5"]


def test_what_is_not_there_is_empty(store: DocumentStore) -> None:
    assert store.collections() == []
    assert everything(store, "none") == []
    assert store.find("none", ["a"]) == {}
    assert store.there("none", ["a"]) == set()
    assert store.count("none", EVER, DAY) == {}
    store.delete(owner_of(OWNER), EVER)
    put(store, "runs", RUNS)
    assert store.find("runs", []) == {}


@pytest.mark.parametrize(
    "name", ["a.b", "naïve Größe", "日本", "it's", "select", 'a "b"', "x;--", "%s ?", "A"]
)
def test_collections_have_free_names(store: DocumentStore, name: str) -> None:
    put(store, name, RUNS)
    put(store, f"{name} 2", RUNS[:1])
    assert store.collections() == [name, f"{name} 2"]
    assert store.count(name, EVER, 2**40) == {-(2**40): 1, 0: 2}
    store.delete(owner_of(OWNER), EVER)
    assert everything(store, name) == []


@pytest.mark.parametrize(
    "name", ["", "a\0b", "a$b", "labmon_ledger", "system.x", "sqlite_x", ".a", "a.x" * 300]
)
def test_names_that_cannot_be_kept_are_refused_in_words(store: DocumentStore, name: str) -> None:
    with pytest.raises(StoreError, match="collection"):
        put(store, name, RUNS)
    assert store.collections() == []


def test_nothing_to_write_is_no_error(store: DocumentStore) -> None:
    assert store.write("runs", []) == {}
    assert store.collections() == []


def test_a_closed_store_opens_again(store: DocumentStore, factory: Callable[[], DocumentStore]) -> None:
    put(store, "runs", RUNS)
    store.close()
    store.close()
    assert len(everything(store)) == 3
    other = factory()
    assert everything(other) == everything(store)
    other.close()


def test_only_a_server_has_a_clock_of_its_own(store: DocumentStore) -> None:
    asked = time.time_ns()
    told = store.clock()
    if isinstance(store, SqliteDocuments):
        assert told is None
    else:
        assert told is not None
        assert asked - 10**9 < told < time.time_ns() + 10**9
