"""DaqLogger: what it takes is on disk, and is delivered once, whoever dies meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from labmon_dagster.clients.ricochetdb.daq import DaqLogger, UndeliveredError
from labmon_dagster.clients.ricochetdb.database import Database
from labmon_dagster.journal import Journal
from labmon_dagster.records import messages
from labmon_dagster.settings import journal_root, open_documents
from labmon_dagster.stores import Counts
from labmon_dagster_tests.clients.ricochetdb.daq_lab import GOOD, deliver, documents, feed, stored
from labmon_dagster_tests.servers.mongo import Mongod
from labmon_dagster_tests.stores.documents.records import mongo_url


@pytest.fixture(autouse=True)
def database(monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """The database of a program that has just begun."""
    monkeypatch.setattr(Database, "handler", None)
    for name in ("ASSET", "COLLECTION", "WAIT"):
        monkeypatch.delenv(f"LABMON_DAQ_{name}", raising=False)
    yield Database.get_database()
    Database.get_database().close()


@pytest.fixture
def configured(
    database: Database, mongod: Mongod, mongo_database: str, monkeypatch: pytest.MonkeyPatch
) -> Database:
    """The program's database is the lab's."""
    url = mongo_url(mongod, mongo_database)
    monkeypatch.setenv("LABMON_DOCUMENTS_URL", url)
    database.set_address(url)
    return database


def made(number: int, **more: Any) -> list[dict[str, Any]]:
    return [{**GOOD, "n": n, **more} for n in range(number)]


def test_messages_are_kept_without_a_database_and_delivered_as_they_were(home: Path) -> None:
    """Also into the embedded store."""
    DaqLogger().insert(made(3, nan=float("inf"), raw=b"\0\xff", deep={"a": [1, None]}))
    assert [one.name for one in (home / "journal" / "ricochet").iterdir()] == ["daq_messages"]
    counts, in_store = deliver(feed())
    assert (counts, in_store) == (Counts(read=3, stored=3), 3)
    found = stored(feed())
    assert [one.body for one in found] == made(3, nan=float("inf"), raw=b"\0\xff", deep={"a": [1, None]})
    assert [one.id for one in found] == [one.id for one in documents(feed())]


def test_the_documents_are_flat_as_the_old_program_wrote_them(configured: Database) -> None:
    DaqLogger().insert(made(1))
    deliver(feed())
    (found,) = configured.get_collection("daq_messages").find()
    assert {key: found[key] for key in (*GOOD, "n")} == {**GOOD, "n": 0}
    assert set(found) - {*GOOD, "n"} == {"_id", "_labmon", "time", "time_ns"}


def test_an_insert_that_waits_is_met_again_as_it_is(configured: Database) -> None:
    logger = DaqLogger()
    logger.wait_for_database = True
    logger.insert(made(4))
    assert configured.get_collection("daq_messages").count_documents({}) == 4
    before = stored(feed())
    logger.wait_for_database = False
    logger.insert(made(2))
    assert deliver(feed()) == (Counts(read=6, stored=2, repeated=4), 6)
    assert stored(feed())[:4] == before
    assert deliver(feed()) == (Counts(read=6, repeated=6), 6)


def test_what_was_delivered_before_it_was_waited_for_is_there_once(configured: Database) -> None:
    logger = DaqLogger()
    logger.insert(made(3))
    assert deliver(feed())[0].stored == 3
    before = stored(feed())
    (day,) = logger.journal.days()
    for entry in logger.journal.read(day):
        messages.deliver(configured.server, logger.collection, logger.asset, entry)
    assert stored(feed()) == before
    assert deliver(feed()) == (Counts(read=3, repeated=3), 3)


def test_what_waits_is_removed_and_read_again_like_the_rest(configured: Database) -> None:
    DaqLogger.wait_for_database = True
    try:
        DaqLogger().insert(made(3))
    finally:
        DaqLogger.wait_for_database = False
    assert deliver(feed(), replace=True) == (Counts(read=3, stored=3), 3)


def test_waiting_is_asked_for_by_the_environment(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABMON_DAQ_WAIT", "1")
    with pytest.raises(RuntimeError, match="no database is configured"):
        DaqLogger().insert(made(1))
    monkeypatch.setenv("LABMON_DAQ_WAIT", "yes")
    with pytest.raises(RuntimeError, match="LABMON_DAQ_WAIT='yes': 1 waits for the database, 0 does not"):
        DaqLogger().insert(made(1))
    assert DaqLogger().journal.days() == []
    monkeypatch.setenv("LABMON_DAQ_WAIT", "0")
    DaqLogger().insert(made(1))


def test_another_asset_and_collection(configured: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABMON_DAQ_ASSET", "ricochet/daq_of_pc2")
    monkeypatch.setenv("LABMON_DAQ_COLLECTION", "more")
    monkeypatch.setenv("LABMON_DAQ_WAIT", "1")
    DaqLogger().insert(made(2))
    assert Journal(journal_root(), "ricochet/daq_of_pc2").days()
    asset = feed(asset="ricochet/daq_of_pc2", collection="more")
    assert deliver(asset) == (Counts(read=2, repeated=2), 2)
    monkeypatch.setenv("LABMON_DAQ_ASSET", "../else")
    with pytest.raises(RuntimeError, match=r"LABMON_DAQ_ASSET='\.\./else': .*cannot name a journal"):
        DaqLogger()


def test_a_home_that_is_not_set_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    DaqLogger()
    assert not caplog.messages
    monkeypatch.delenv("LABMON_HOME")
    monkeypatch.chdir(tmp_path)
    DaqLogger()
    where = tmp_path / "var" / "journal" / "ricochet" / "daq_messages"
    assert caplog.messages == [f"LABMON_HOME is not set: messages go to {where}"]


@pytest.mark.slow
def test_a_database_that_is_away_and_comes_back(
    own_mongod: Mongod, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = mongo_url(own_mongod, "lab")
    monkeypatch.setenv("LABMON_DOCUMENTS_URL", url)
    monkeypatch.setattr(Database, "patience", 1.0)
    database.set_address(url)
    logger = DaqLogger()
    logger.wait_for_database = True
    logger.insert(made(2))
    own_mongod.kill()
    with pytest.raises(
        UndeliveredError,
        match=r"the 3 messages are safe in the journal and will be delivered: do not insert them .* is away",
    ):
        logger.insert(made(3))
    with pytest.raises(RuntimeError, match="message 1: field topic"):
        logger.insert([GOOD, {"timestamp": 1}])
    own_mongod.start()
    logger.insert(made(1))
    assert deliver(feed()) == (Counts(read=6, stored=3, repeated=3), 6)


def test_what_the_database_refuses_is_told_and_waits_in_quarantine(configured: Database) -> None:
    configured.server.do(lambda mongo: mongo.create_collection("daq_messages", validator={"n": {"$lt": 2}}))
    logger = DaqLogger()
    logger.wait_for_database = True
    with pytest.raises(UndeliveredError, match=r"the 3 messages are safe .*-000002: MongoDB refuses it: "):
        logger.insert(made(3))
    assert deliver(feed()) == (Counts(read=3, repeated=2, quarantined=1), 2)
    with closing(open_documents()) as store:
        (piece,) = store.quarantined(feed().asset)
    assert (piece.kind, '"n": 2' in piece.raw) == ("unfit", True)


def test_threads_share_one(home: Path) -> None:
    logger = DaqLogger()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda who: logger.insert(made(5, who=who)), range(40)))
    found = documents(feed())
    assert sorted((one.body["who"], one.body["n"]) for one in found) == [
        (who, n) for who in range(40) for n in range(5)
    ]
    assert len({one.id for one in found}) == 200
