"""The example of the original module for DAQ messages, of which the line of the import alone has changed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from labmon_dagster.clients.ricochetdb.database import Database
from labmon_dagster.stores import Counts
from labmon_dagster_tests.clients.ricochetdb.daq_lab import deliver, feed
from labmon_dagster_tests.servers.mongo import Mongod

NAME, USER, PASSWORD = "ricochet-lio_daq", "daq", "a secret"
# `dt` is the class; the original writes both imports in one line without the semicolon.
EXAMPLE = """
#Connection to the database, done only once
from labmon_dagster.clients.ricochetdb import Database
db = Database.get_database()
db.set_address("mongodb://<USER>:<PASSWORD>@<SERVER>/?authSource=ricochet-lio_daq")
db.set_db_name("ricochet-lio_daq")
#Managing messages
from datetime import datetime as dt; import datetime
from labmon_dagster.clients.ricochetdb import DaqLogger
logger = DaqLogger()
messages = []
messages.append({'topic':'topic1','timestamp':dt.utcnow().timestamp(),'val1':5,'myfield_2':'text_value1'})
messages.append({'topic':'topic4','timestamp':dt.utcnow().timestamp(),'val1':6,'myfield_8':'text_value2'})
logger.insert(messages)
#Deconnection from the DB
Database.get_database().close()
"""
BAD = """
from labmon_dagster.clients.ricochetdb import DaqLogger
try:
    DaqLogger().insert([{'topic':'topic1','timestamp':1.5}, {'topic':'topic4'}])
except RuntimeError as e:
    said = str(e)
"""


@pytest.fixture
def example(mongod: Mongod, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The example with the user, password and server of this test."""
    monkeypatch.setattr(Database, "handler", None)
    with MongoClient[dict[str, Any]](mongod.url) as client:
        roles = [{"role": "readWrite", "db": NAME}]
        client[NAME].command("createUser", USER, pwd=PASSWORD, roles=roles)
        server = f"127.0.0.1:{mongod.port}"
        filled = EXAMPLE.replace("<USER>", USER).replace("<PASSWORD>", PASSWORD.replace(" ", "+"))
        monkeypatch.setenv("LABMON_DOCUMENTS_URL", f"mongodb://{USER}@{server}/{NAME}")
        monkeypatch.setenv("LABMON_MONGODB_PASSWORD", PASSWORD)
        yield filled.replace("<SERVER>", server)
        client[NAME].command("dropUser", USER)
        client.drop_database(NAME)


@pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")
@pytest.mark.parametrize("waits", [False, True])
def test_the_example_runs_and_its_messages_are_delivered(
    example: str, waits: bool, mongod: Mongod, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABMON_DAQ_WAIT", str(int(waits)))
    scope: dict[str, Any] = {}
    exec(example, scope)
    with closing(MongoClient[dict[str, Any]](mongod.url)) as client:
        collection = client[NAME]["daq_messages"]
        assert collection.count_documents({}) == (2 if waits else 0)
        assert deliver(feed()) == (Counts(read=2, stored=2 - 2 * waits, repeated=2 * waits), 2)
        found = list(collection.find({}, {"_id": 0, "_labmon": 0, "time": 0, "time_ns": 0}).sort("_id"))
    assert found == scope["messages"]
    assert found[0]["topic"] == "topic1" and found[1]["myfield_8"] == "text_value2"


def test_a_message_without_a_mandatory_field_keeps_all_out(home: Path) -> None:
    scope: dict[str, Any] = {}
    exec(BAD, scope)
    assert scope["said"].startswith("message 1: field timestamp: is missing")
    assert not (home / "journal").exists()
