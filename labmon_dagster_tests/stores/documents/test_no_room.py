"""A full disk under MongoDB, which ends for it: whatever was reported is there once there is room again."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import count

import pytest

from labmon_dagster.model.documents import Document
from labmon_dagster.stores import StoreError
from labmon_dagster.stores.documents.mongo import MongoDocuments
from labmon_dagster_tests.servers.mongo import Mongod
from labmon_dagster_tests.stores.documents.records import EVER, TOKEN, bodies, document, mongo_url, put
from labmon_dagster_tests.stores.test_books import FULL

pytestmark = pytest.mark.slow
MEGABYTE = 1024 * 1024
SIZE = 200
CHANCE = random.Random(7)


@pytest.fixture
def store(own_mongod: Mongod) -> Iterator[MongoDocuments]:
    with closing(MongoDocuments(mongo_url(own_mongod, "lab"), patience=1)) as one:
        yield one


def reported(server: Mongod, store: MongoDocuments, room: int, name: Callable[[int, int], str]) -> int:
    """Write batches until there is no room, then make room; give the number of those reported as written."""
    put(store, "runs", [document("first", -1)])
    server.limit_files(room)
    for batch in count():
        try:
            put(store, "runs", [filling(name(batch, n), batch) for n in range(SIZE)])
            store.enter([FULL])
        except StoreError as error:
            assert "is away" in str(error)
            break
    assert "File too large" in server.log.read_text(errors="replace")
    assert not server.running
    server.limit_files(None)
    server.start()
    return batch


def filling(known_by: str, batch: int) -> Document:
    """A document that no compression makes smaller."""
    return document(known_by, batch, batch=batch, text=CHANCE.randbytes(2_000).hex())


@pytest.mark.parametrize("room", [2 * MEGABYTE, 20 * MEGABYTE])
def test_documents_that_were_reported_are_there(own_mongod: Mongod, store: MongoDocuments, room: int) -> None:
    batches = reported(own_mongod, store, room, "{}-{}".format)
    found = store.count("runs", EVER, 1)
    assert batches > 1
    assert {batch: found.get(batch) for batch in range(batches)} == dict.fromkeys(range(batches), SIZE)
    assert store.ledger(FULL.asset)[FULL.day] == FULL


def test_documents_that_were_replaced_are_as_was_reported(own_mongod: Mongod, store: MongoDocuments) -> None:
    batches = reported(own_mongod, store, 20 * MEGABYTE, lambda _, n: str(n))
    assert batches > 1
    found = bodies(store)
    assert len(found) == SIZE + 1
    assert {found[str(n)]["batch"] for n in range(SIZE)} <= {batches - 1, batches}


def test_what_was_not_reported_can_be_written_again(own_mongod: Mongod, store: MongoDocuments) -> None:
    batches = reported(own_mongod, store, 2 * MEGABYTE, "{}-{}".format)
    again = [filling(f"{batches}-{n}", batches) for n in range(SIZE)]
    assert store.write("runs", store.admit(again, TOKEN).kept) == {}
    assert store.count("runs", EVER, 1)[batches] == SIZE
