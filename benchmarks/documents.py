"""Documents into MongoDB, written so that writing twice changes nothing, against what pymongo offers."""

from __future__ import annotations

import gc
import random
from collections.abc import Callable
from typing import Any

from pymongo import MongoClient, ReplaceOne
from pymongo.collection import Collection

from benchmarks.pairs import Pair
from labmon_dagster.model.documents import Document
from labmon_dagster.stores.base import read_token
from labmon_dagster.stores.documents.mongo import MongoDocuments

DOCUMENTS = 100_000
_DATABASE, _OURS, _THEIRS = "labmon_bench", "ours", "theirs"
_TOKEN = read_token("bench/runs", "", 1)
_START = 1_714_521_600_000_000_000


def make_bodies(number: int = DOCUMENTS) -> list[dict[str, Any]]:
    """Records like those of a run: text, numbers, a nested state and a short list."""
    chance = random.Random(7)
    return [
        {
            "run": n,
            "detector": f"RICOCHET-{n % 7}",
            "state": {"T": chance.random() * 300, "p": chance.random(), "ok": True, "counts": [1, 2, 3, n]},
            "note": "all well",
            "x": chance.random(),
            "y": None,
        }
        for n in range(number)
    ]


def pairs(mongod_url: str) -> list[Pair]:
    """New documents against bare inserts, and against the upserts one would write oneself."""
    bodies = make_bodies()
    client: MongoClient[dict[str, Any]] = MongoClient(mongod_url)
    theirs = client[_DATABASE][_THEIRS]
    host, _, options = mongod_url.partition("/?")
    store = MongoDocuments(f"{host}/{_DATABASE}?{options}")
    ready = [Document(f"run-{n:08}", _START + n * 10**9, body) for n, body in enumerate(bodies)]
    admitted = store.admit(ready, _TOKEN).kept
    records = [{"_id": one.id, **one.body} for one in ready]

    gc.collect()
    gc.freeze()  # else Python searches the ready inputs for garbage again and again, for both

    def ours() -> float:
        client[_DATABASE].drop_collection(_OURS)
        store.close()
        assert store.write(_OURS, admitted) == {}
        return _done(client[_DATABASE][_OURS])

    def insert() -> float:
        client[_DATABASE].drop_collection(_THEIRS)
        theirs.insert_many(records)
        return _done(theirs)

    def upsert() -> float:
        client[_DATABASE].drop_collection(_THEIRS)
        theirs.bulk_write(
            [ReplaceOne({"_id": one["_id"]}, one, upsert=True) for one in records], ordered=False
        )
        return _done(theirs)

    return [
        _pair("ready documents to MongoDB, upserting", "insert_many, appending", ours, insert, 0.6),
        _pair("the same", "bulk_write of ReplaceOne(upsert=True)", ours, upsert, 1.0),
    ]


def _pair(
    name: str, peer: str, ours: Callable[[], float], theirs: Callable[[], float], wanted: float
) -> Pair:
    return Pair(name, peer, ours, theirs, "kdocs", wanted)


def _done(collection: Collection[dict[str, Any]]) -> float:
    assert collection.estimated_document_count() == DOCUMENTS
    return DOCUMENTS / 1000
