"""Uploaded documents: all are looked at first, each is there once, whatever happens to the connection."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest
from bson import ObjectId
from pymongo import MongoClient
from pymongo.collection import Collection
from pymongo.errors import AutoReconnect

from labmon_dagster.records import uploads
from labmon_dagster.records.errors import RecordError
from labmon_dagster.records.uploads import upload
from labmon_dagster.stores.documents.mongo import bulk
from labmon_dagster.stores.documents.mongo.address import Address
from labmon_dagster.stores.documents.mongo.server import Server
from labmon_dagster_tests.servers.mongo import Mongod
from labmon_dagster_tests.stores.documents.records import mongo_url


@pytest.fixture
def server(mongod: Mongod, mongo_database: str) -> Iterator[Server]:
    with closing(Server(Address.parse(mongo_url(mongod, mongo_database)), None, 5)) as found:
        yield found


def there(server: Server) -> list[dict[str, Any]]:
    return server.do(lambda mongo: list(mongo["x"].find().sort("n")))


def test_documents_are_there_once_and_the_given_are_as_they_were(server: Server) -> None:
    given = [{"n": n, "deep": {"list": [n, None]}} for n in range(25)]
    upload(server, "x", given, 10)
    found = there(server)
    assert [set(one) for one in given] == [{"n", "deep"}] * 25
    assert [{key: one[key] for key in ("n", "deep")} for one in found] == given
    assert all(isinstance(one["_id"], ObjectId) for one in found)


@pytest.mark.parametrize("lost", [1, 2])
def test_an_answer_that_was_lost_makes_none_twice(
    server: Server, monkeypatch: pytest.MonkeyPatch, lost: int
) -> None:
    """The server does what it was told, and the connection breaks before it says so."""
    calls: list[int] = []

    def write_all(collection: Collection[Any], operations: Sequence[Any]) -> Any:
        done = bulk.write_all(collection, operations)
        calls.append(len(operations))
        if len(calls) <= lost:
            raise AutoReconnect("connection closed")
        return done

    monkeypatch.setattr(uploads, "write_all", write_all)
    upload(server, "x", [{"n": n} for n in range(12)], 5)
    assert [one["n"] for one in there(server)] == list(range(12))
    assert calls == [5] * (lost + 2) + [2]


def test_what_is_there_already_just_so_is_stored_once(server: Server) -> None:
    given = [{"_id": one, "at": datetime(2026, 5, 11, tzinfo=UTC), "n": 1.5} for one in "abc"]
    upload(server, "x", given[:2], 10)
    upload(server, "x", given, 10)
    assert sorted(one["_id"] for one in there(server)) == ["a", "b", "c"]


def test_an_id_that_is_taken_is_told(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    upload(server, "x", [{"_id": "b", "n": 5}], 10)
    given = [{"_id": one, "n": number} for number, one in enumerate("abc")]
    with pytest.raises(RecordError, match=r"document 1: MongoDB refuses it: E11000 .*; 2 of 3 documents are"):
        upload(server, "x", given, 10)
    assert sorted(one["_id"] for one in there(server)) == ["a", "b", "c"]

    def broken(collection: Collection[Any], operations: Sequence[Any]) -> Any:
        monkeypatch.undo()
        raise AutoReconnect("connection closed")

    monkeypatch.setattr(uploads, "write_all", broken)
    with pytest.raises(RecordError, match="document 0: MongoDB refuses it"):
        upload(server, "x", [{"_id": "b", "n": 7}], 10)  # another's, although it is met at the second try


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"n": {1, 2}}, "document 1: .*set"),
        ({"n": 2**64}, "document 1: .*8-byte ints"),
        ("n", "document 1: is a str, no dict"),
        ({"n": b"x" * 2**24}, "document 1: 16777.* bytes, 16777216 are allowed"),
        ({"n": "\ud800"}, "document 1: .*surrogates"),
        ({1: 2}, "document 1: .*string keys"),
    ],
)
def test_nothing_is_sent_unless_all_can_be(server: Server, bad: Any, said: str) -> None:
    with pytest.raises(RecordError, match=f"{said}.*; nothing was stored"):
        upload(server, "x", [{"n": 0}, bad], 1)
    assert there(server) == []


@pytest.mark.parametrize("size", [0, -1, True, 2.5])
def test_a_bulk_has_documents(server: Server, size: Any) -> None:
    with pytest.raises(RecordError, match="bulk_size"):
        upload(server, "x", [{"n": 0}], size)
    with pytest.raises(RecordError, match="a list of dicts is uploaded, not a dict"):
        upload(server, "x", {"n": 0}, 10)  # type: ignore[arg-type]


def test_what_the_server_refuses_is_told_and_the_rest_of_the_bulk_stored(server: Server) -> None:
    server.do(lambda mongo: mongo.create_collection("x", validator={"n": {"$lt": 3}}))
    with pytest.raises(RecordError, match=r"document 3: MongoDB refuses it: .* \(code 121\); 4 of 7"):
        upload(server, "x", [{"n": n} for n in (0, 1, 2, 5, 1, 0, 0)], 5)
    assert [one["n"] for one in there(server)] == [0, 1, 1, 2]


@pytest.mark.slow
def test_a_server_that_dies_and_comes_back(own_mongod: Mongod) -> None:
    with closing(Server(Address.parse(mongo_url(own_mongod, "lab")), None, 60)) as server:
        upload(server, "x", [{"n": -1}], 1)
        begun = threading.Thread(
            target=upload, args=(server, "x", [{"n": n} for n in range(20_000)], 100), daemon=True
        )
        begun.start()
        with MongoClient[dict[str, Any]](own_mongod.url) as client:
            while client["lab"]["x"].estimated_document_count() < 2_000:
                assert begun.is_alive()
        own_mongod.kill()
        own_mongod.start()
        begun.join(90)
        assert [one["n"] for one in there(server)] == list(range(-1, 20_000))
