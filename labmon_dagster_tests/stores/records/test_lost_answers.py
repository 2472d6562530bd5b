"""The answer to a change is lost: it is tried again, done once, and told truly."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from labmon_dagster.stores import StoreError
from labmon_dagster.stores.records import Change, MongoRecords, RecordStore
from labmon_dagster.stores.records.mongo import REMEMBERED
from labmon_dagster_tests.servers.mongo import Mongod
from labmon_dagster_tests.servers.process import free_port
from labmon_dagster_tests.stores.documents.records import mongo_url
from labmon_dagster_tests.stores.records.proxy import Lossy, lossy
from labmon_dagster_tests.stores.records.test_behaviours import there

LOST = pytest.mark.parametrize("lost", [1, 3])


@pytest.fixture
def plain(mongod: Mongod, mongo_database: str) -> Iterator[MongoRecords]:
    """The store without the proxy."""
    with closing(MongoRecords.at(mongo_url(mongod, mongo_database))) as store:
        yield store


@pytest.fixture
def proxy(mongod: Mongod) -> Iterator[Lossy]:
    with lossy(mongod.port) as one:
        yield one


@pytest.fixture(params=["true", "false"], ids=["pymongo retries", "pymongo does not"])
def store(request: pytest.FixtureRequest, proxy: Lossy, mongo_database: str) -> Iterator[MongoRecords]:
    """The store behind the proxy."""
    options = f"directConnection=true&retryWrites={request.param}"
    url = f"mongodb://127.0.0.1:{proxy.port}/{mongo_database}?{options}"
    with closing(MongoRecords.at(url, patience=20)) as one:
        one.insert("runs", "first", {})
        yield one


@LOST
def test_ours_was_made(store: RecordStore, plain: RecordStore, proxy: Lossy, lost: int) -> None:
    proxy.lose("insert", lost)
    assert store.insert("runs", "a", {"x": 1})
    assert not proxy.lost
    assert proxy.cut == lost
    assert (there(plain).body["x"], there(plain).revision) == (1, 1)


@LOST
def test_that_of_another_was_not_ours(
    store: RecordStore, plain: RecordStore, proxy: Lossy, lost: int
) -> None:
    plain.insert("runs", "a", {"x": 2})
    proxy.lose("find", lost)
    assert not store.insert("runs", "a", {"x": 1})
    assert proxy.cut == lost
    assert there(plain).body["x"] == 2


def test_ours_was_made_though_others_changed_it_often(
    store: RecordStore, plain: RecordStore, proxy: Lossy
) -> None:
    proxy.meanwhile = lambda: append(plain, "a", 2 * REMEMBERED)
    proxy.lose("insert", 3)
    assert store.insert("runs", "a", {"x": 1})
    assert proxy.cut == 3


@LOST
def test_a_change_is_done_once(store: RecordStore, plain: RecordStore, proxy: Lossy, lost: int) -> None:
    proxy.lose("update", lost)
    assert store.change("runs", there(store, "first"), Change({"x": 1}, {"list": {"n": 1}}))
    assert proxy.cut == lost
    found = there(plain, "first")
    assert (found.body, found.revision) == ({"name": "first", "x": 1, "list": [{"n": 1}]}, 2)


@LOST
def test_a_change_that_came_too_late_stays_so(
    store: RecordStore, plain: RecordStore, proxy: Lossy, lost: int
) -> None:
    seen = there(store, "first")
    append(plain, "first", 1)
    proxy.lose("update", lost)
    assert not store.change("runs", seen, Change({"x": 1}))
    assert proxy.cut == lost
    assert "x" not in there(plain, "first").body


def test_a_change_is_known_after_those_of_others(
    store: RecordStore, plain: RecordStore, proxy: Lossy
) -> None:
    proxy.meanwhile = lambda: append(plain, "first", 5)
    proxy.lose("update", 3)
    assert store.change("runs", there(store, "first"), Change(appends={"list": {"n": "ours"}}))
    assert [one["n"] for one in there(plain, "first").body["list"]].count("ours") == 1


@pytest.mark.parametrize("store", ["false"], indirect=True, ids=["pymongo does not"])
def test_what_nobody_can_say_is_not_said(store: RecordStore, plain: RecordStore, proxy: Lossy) -> None:
    proxy.meanwhile = lambda: append(plain, "first", REMEMBERED)
    proxy.lose("update", 1)
    with pytest.raises(StoreError, match=r"runs: 'first': the answer to a change was lost.*look at the rec"):
        store.change("runs", there(store, "first"), Change(appends={"list": {"n": "ours"}}))
    assert [one["n"] for one in there(plain, "first").body["list"]].count("ours") == 1


def append(store: RecordStore, name: str, times: int) -> None:
    for n in range(times):
        assert store.change("runs", there(store, name), Change(appends={"list": {"n": n}}))


def test_a_server_that_was_never_there_is_said_to_be_away() -> None:
    url = f"mongodb://127.0.0.1:{free_port()}/lab"
    with closing(MongoRecords.at(url)) as store, pytest.raises(StoreError, match="is away"):
        store.insert("runs", "a", {})


@pytest.mark.slow
def test_a_server_that_goes_and_comes(own_mongod: Mongod) -> None:
    with closing(MongoRecords.at(mongo_url(own_mongod, "lab"), patience=1)) as store:
        store.insert("runs", "a", {})
        seen = there(store)
        own_mongod.kill()
        with pytest.raises(StoreError, match="is away"):
            store.change("runs", seen, Change({"x": 1}))
        with pytest.raises(StoreError, match="is away"):
            next(store.select("runs"))
        own_mongod.start()
        assert there(store).body == {"name": "a"}
        assert store.change("runs", seen, Change({"x": 1}))
