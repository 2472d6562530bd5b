"""DAQ messages into the journal and from there into MongoDB, against inserting them there directly."""

from __future__ import annotations

import gc
import os
import shutil
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.write_concern import WriteConcern

from benchmarks.pairs import Pair
from labmon_dagster.clients.ricochetdb.daq import DaqLogger
from labmon_dagster.settings import HOME
from labmon_dagster.stores.documents.mongo import MongoDocuments
from labmon_dagster_tests.system.daq_load import COLLECTION, EACH, deliver, feed, insert_all, made

MESSAGES = 50_000
_DATABASE = "labmon_bench_daq"
_SAFE = WriteConcern("majority", j=True)


def pairs(folder: Path, mongod_url: str) -> list[Pair]:
    """Inserting 100 at a time until they are safe; then delivering what was inserted."""
    client: MongoClient[dict[str, Any]] = MongoClient(mongod_url)
    theirs = client[_DATABASE].get_collection("theirs", write_concern=_SAFE)
    host, _, options = mongod_url.partition("/?")
    store = MongoDocuments(f"{host}/{_DATABASE}?{options}")
    first, filled = datetime.now(UTC).date(), folder / "daq_filled"

    def fill(home: Path) -> float:
        os.environ[HOME] = str(home)
        insert_all(DaqLogger(), MESSAGES)
        return MESSAGES / 1000

    def ours() -> float:
        shutil.rmtree(folder / "daq", ignore_errors=True)
        return fill(folder / "daq")

    def insert(each: int) -> Callable[[], float]:
        def work() -> float:
            client[_DATABASE].drop_collection("theirs")
            given = made(each, time.time())
            for _ in range(MESSAGES // each):
                theirs.insert_many([dict(one) for one in given])
            assert theirs.estimated_document_count() == MESSAGES
            return MESSAGES / 1000

        return work

    def land() -> float:
        client.drop_database(_DATABASE)
        os.environ[HOME] = str(filled)
        with closing(store):
            assert deliver(store, feed(), first) == MESSAGES
        assert client[_DATABASE][COLLECTION].estimated_document_count() == MESSAGES
        return MESSAGES / 1000

    fill(filled)
    gc.collect()
    gc.freeze()
    name = f"DAQ messages, {EACH} an insert, on disk"
    delivered = "DAQ messages from the journal to MongoDB, each once"
    return [
        Pair(name, f"insert_many of {EACH}, majority and journal", ours, insert(EACH), "kmsgs", 1.0),
        Pair(delivered, "insert_many of 5000, no journal before it", land, insert(5000), "kmsgs", 0.25),
    ]
