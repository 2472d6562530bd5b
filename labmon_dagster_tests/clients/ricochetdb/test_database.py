"""The connection: how it is configured, what old programs do with it, and that no password is shown."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from pymongo import MongoClient

from labmon_dagster.clients.ricochetdb.database import Database
from labmon_dagster_tests.servers.mongo import Mongod
from labmon_dagster_tests.servers.process import free_port
from labmon_dagster_tests.stores.documents.records import mongo_url

SECRET = "p@ss:w/rd+%"
QUOTED = "p%40ss%3Aw%2Frd%2B%25"


@pytest.fixture(autouse=True)
def database(monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """The database of a program that has just begun."""
    monkeypatch.setattr(Database, "handler", None)
    found = Database.get_database()
    yield found
    found.close()


@pytest.fixture
def configured(database: Database, mongod: Mongod, mongo_database: str) -> Database:
    database.set_address(mongod.url)
    database.set_db_name(mongo_database)
    return database


def test_there_is_one(database: Database) -> None:
    assert Database.get_database() is database is Database.handler


def test_threads_that_ask_first_at_once_get_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Database, "handler", None)
    made = Database.__init__

    def slow(self: Database) -> None:
        made(self)
        time.sleep(0.05)

    monkeypatch.setattr(Database, "__init__", slow)
    with ThreadPoolExecutor(4) as workers:
        found = list(workers.map(lambda _: Database.get_database(), range(4)))
    assert all(one is Database.handler for one in found)


@pytest.mark.parametrize(
    "address",
    [
        f"mongodb://lab:{QUOTED}@ricochetdb.ip2i.in2p3.fr:27017/?authSource=ricochet-lio_daq&ssl=true",
        f"mongodb://lab:{QUOTED}@lyomanoirsrv01.in2p3.fr:27017/ricochet",
        f"mongodb://lab:{QUOTED}@one:27017,two:27018/ricochet?authSource=admin&replicaSet=rs0",
        f"mongodb://lab:{QUOTED}@host",
        f"mongodb://a+b%20c:{QUOTED}@host:27017",
        f"mongodb://lab:{QUOTED}@host/?authMechanism=PLAIN",
        "mongodb://lab@host/?authMechanism=MONGODB-X509&tls=true",
        "mongodb://host",
    ],
)
@pytest.mark.parametrize("name_first", [True, False])
def test_an_address_means_what_it_means_to_pymongo(
    database: Database, address: str, name_first: bool
) -> None:
    """User, password, and where the user is defined: whatever database is asked for."""
    if name_first:
        database.set_db_name("other")
    database.set_address(address)
    database.set_db_name("other")
    server = database.server
    assert server.address.database == "other"
    assert SECRET not in f"{server.address}{database!r}" and QUOTED not in f"{server.address}{database!r}"
    options: dict[str, Any] = {"password": server._password} if server._password is not None else {}
    ours: MongoClient[Any] = MongoClient(server.address.url, connect=False, **options)
    plain: MongoClient[Any] = MongoClient(address, connect=False)
    assert ours.options.pool_options._credentials == plain.options.pool_options._credentials
    assert ours.options._options.get("tls") == plain.options._options.get("tls")


def test_the_database_may_stand_in_the_address(database: Database) -> None:
    assert not database.is_configured()
    database.set_address("mongodb://lab:pw@host:27017/ricochet-lio_daq")
    assert database.is_configured()
    assert database.server.address.shown == "host:27017/ricochet-lio_daq"
    database.set_db_name("other")
    assert database.server.address.shown == "host:27017/other"


@pytest.mark.parametrize(
    "address",
    [
        "http://lab:s3cret@host",
        "mongodb://lab:s3/cret@host/db",
        "mongodb://lab:s3?cret@host/db",
        "mongodb://lab:s3:cret@host/db",
        "mongodb://lab:s3@cret@host/db",
        "mongodb://:s3cret@host/db",
        "mongodb://lab:s3cret@",
        "mongodb://lab:s3cret@host/d$b",
        "mongodb://lab:s3cret@[host/db",
    ],
)
def test_an_address_that_is_none_is_told_without_its_password(database: Database, address: str) -> None:
    with pytest.raises(RuntimeError) as caught:
        database.set_address(address)
        database.is_configured()
    assert "mongodb://" in str(caught.value)
    assert not [part for part in ("s3", "cret") if part in str(caught.value)]
    assert not database.is_configured()


def test_what_is_not_configured_says_what_to_call(database: Database) -> None:
    for ask in (database.get_db_timestamp, lambda: database.get_collection("x"), lambda: database.server):
        with pytest.raises(RuntimeError, match=r"no database is configured: .*set_address"):
            ask()
    database.set_address("mongodb://127.0.0.1")
    for ask in (lambda: database.upload([{}], "x"), lambda: database.get_collection("x")):
        with pytest.raises(RuntimeError, match=r"set_db_name\(…\): the address names no database"):
            ask()
    with pytest.raises(RuntimeError, match="database 'a b': this database has a name MongoDB does not allow"):
        database.set_db_name("a b")
    database.close()


def test_the_clock_of_the_server_needs_no_database(database: Database, mongod: Mongod) -> None:
    database.set_address(mongod.url)
    told = database.get_db_timestamp()
    assert told.tzinfo is UTC
    assert abs(told - datetime.now(UTC)) < timedelta(minutes=5)


def test_times_that_are_read_have_no_zone_as_old_programs_expect(configured: Database) -> None:
    times = [datetime(2020, 4, day, 12) for day in (13, 15)]
    configured.upload([{"timestamp": one} for one in times], "mmr3-2020")
    aware = datetime(2020, 4, 16, 14, tzinfo=timezone(timedelta(hours=2)))
    configured.upload([{"timestamp": aware}], "mmr3-2020")
    found = configured.get_collection("mmr3-2020").find({"timestamp": {"$gt": datetime(2020, 4, 14)}})
    assert [one["timestamp"] for one in found.limit(5)] == [times[1], datetime(2020, 4, 16, 12)]


def test_it_is_used_again_after_it_was_closed(configured: Database) -> None:
    configured.upload([{"a": 1}], "x")
    configured.close()
    configured.close()
    configured.upload([{"a": 2}], "x")
    assert configured.get_collection("x").count_documents({}) == 2


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_process_uses_it_too(configured: Database) -> None:
    configured.upload([{"by": "parent"}], "x")
    child = os.fork()
    if not child:
        try:
            Database.get_database().upload([{"by": "child"}], "x")
            os._exit(0)
        except BaseException:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert configured.get_collection("x").count_documents({}) == 2


def test_a_user_of_one_database_uses_another(database: Database, mongod: Mongod, mongo_database: str) -> None:
    with MongoClient[dict[str, Any]](mongod.url) as client:
        roles = [{"role": "readWrite", "db": f"{mongo_database}_other"}]
        client[mongo_database].command("createUser", "lab user", pwd=SECRET, roles=roles)
    login = f"mongodb://lab+user:{QUOTED}@"
    database.set_address(mongo_url(mongod, mongo_database).replace("mongodb://", login))
    database.set_db_name(f"{mongo_database}_other")
    database.upload([{"a": 1}], "x")
    assert database.get_collection("x").count_documents({}) == 1
    database.set_address(mongod.url.replace("mongodb://", login))  # defined in admin: there is none such
    with pytest.raises(RuntimeError, match="refuses the user 'lab") as caught:
        database.get_collection("x")
    assert SECRET not in str(caught.value)
    with MongoClient[dict[str, Any]](mongod.url) as client:
        client.drop_database(f"{mongo_database}_other")


def test_a_server_that_is_away_is_told_without_the_password(database: Database) -> None:
    database.set_address(f"mongodb://lab:s3cret@127.0.0.1:{free_port()}/lab")
    with pytest.raises(RuntimeError, match="is away") as caught:
        database.get_db_timestamp()
    assert "s3cret" not in str(caught.value)


def test_what_is_tried_again_is_not_printed_among_a_programs_own_lines() -> None:
    program = (
        "import labmon_dagster.clients.ricochetdb.database, stamina\n"
        "for attempt in stamina.retry_context(OSError, wait_initial=0, wait_jitter=0, attempts=2):\n"
        "    with attempt:\n"
        "        if attempt.num == 1:\n"
        "            raise OSError('away')\n"
        "print('done')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "done\n"
