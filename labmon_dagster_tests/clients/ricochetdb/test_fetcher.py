from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from labmon_dagster.clients.ricochetdb import Database, DataFetcher, Device
from labmon_dagster.clients.ricochetdb.fetcher import CATEGORIES
from labmon_dagster.running.instruments import EMULATED
from labmon_dagster.sources.emulation.faults import Behaviour, Fault
from labmon_dagster_tests.clients.ricochetdb.wire import emulated, nobody
from labmon_dagster_tests.servers.mongo import Mongod

_ALL = list(EMULATED)


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Device, "timeout", 0.3)


@pytest.fixture
def unconfigured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Database, "handler", None)


@pytest.fixture
def database(unconfigured: None, mongod: Mongod, mongo_database: str) -> Iterator[Database]:
    """The program's database, configured."""
    found = Database.get_database()
    found.set_address(mongod.url)
    found.set_db_name(mongo_database)
    yield found
    found.close()


def _fetcher(names: list[str], places: list[str]) -> DataFetcher:
    made = DataFetcher()
    for name, place in zip(names, places, strict=True):
        one = EMULATED[name]
        made.add_datasource(one.type, place, one.path or one.scheme)
    return made


def _stored(database: Database, collection: str = "lab") -> list[dict[str, Any]]:
    return list(database.get_collection(collection).find())


def test_all_devices_of_a_category_are_asked_and_uploaded(database: Database) -> None:
    with emulated(*_ALL) as places:
        fetcher = _fetcher(_ALL, places)
        for category in dict.fromkeys(CATEGORIES.values()):
            fetcher.fetch(category)
    fetched = list(fetcher.data)
    fetcher.upload("lab")
    assert fetcher.data == []
    stored = _stored(database)
    assert sorted(one["type"] for one in stored) == sorted(one.type for one in EMULATED.values())
    assert all(one["values"] and "missing" not in one for one in stored)
    naive = [{**one, "timestamp": one["timestamp"].replace(tzinfo=None)} for one in fetched]
    assert sorted(stored, key=str) == sorted(naive, key=str)


def test_fetch_asks_imacrt_modules_by_default(database: Database) -> None:
    names = ["mmr3", "mgc3", "mmr3-page", "cryo"]
    with emulated(*names) as places:
        fetcher = _fetcher(names, places)
        fetcher.fetch()
    assert [one["type"] for one in fetcher.data] == ["MMR3", "MGC3", "MMR3"]


def test_timestamps_are_those_of_the_database_server(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = timedelta(days=1)
    ours = Database.get_db_timestamp
    monkeypatch.setattr(Database, "get_db_timestamp", lambda self: ours(self) + day)
    with emulated("json-scale") as places:
        fetcher = _fetcher(["json-scale"], places)
        fetcher.fetch("scale")
    ahead = fetcher.data[0]["timestamp"] - datetime.now(UTC)
    assert timedelta(hours=23) < ahead < timedelta(hours=25)


def test_a_silent_device_is_told_and_the_others_go_on(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    silent = nobody()
    with emulated("mmr3") as (place,):
        fetcher = _fetcher(["mmr3", "mgc3"], [place, silent])
        fetcher.fetch()
    good, bad = fetcher.data
    assert len(good["values"]) == 37
    assert bad["values"] == {}
    assert "no answer" in bad["missing"]["setpoint_1"]
    assert f"MGC3 at {silent}" in caplog.text


def test_if_no_device_answers_nothing_is_stored_and_it_is_told(database: Database) -> None:
    with emulated("cryo", "json-cryo", behaviour=Behaviour(Fault.SILENCE)) as places:
        fetcher = _fetcher(["cryo", "json-cryo"], places)
        with pytest.raises(RuntimeError, match="no device answered") as caught:
            fetcher.fetch("cryostat")
    assert all(place in str(caught.value) for place in places)
    assert fetcher.data == []


@pytest.mark.usefixtures("unconfigured")
def test_without_a_database_nothing_is_fetched() -> None:
    with emulated("mmr3") as places:
        fetcher = _fetcher(["mmr3"], places)
        with pytest.raises(RuntimeError, match="set_address"):
            fetcher.fetch()
    assert fetcher.data == []


@pytest.mark.slow
def test_while_the_database_is_away_nothing_is_lost(
    unconfigured: None, own_mongod: Mongod, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    database = Database.get_database()
    database.patience = 0.2
    database.set_address(own_mongod.url)
    database.set_db_name("away")
    file = str(tmp_path / "kept.json")
    with emulated("mmr3") as places:
        fetcher = _fetcher(["mmr3"], places)
        fetcher.fetch()
        own_mongod.kill()
        fetcher.fetch()
        with pytest.raises(RuntimeError):
            fetcher.upload("lab")
        kept = list(fetcher.data)
        fetcher.move_to_file(file)
        assert (len(kept), fetcher.data) == (2, [])
        fetcher.fetch()
    assert "the time is that of this computer" in caplog.text
    fetcher.append_from_file(file)
    assert fetcher.data[1:] == kept
    own_mongod.start()
    fetcher.upload("lab")
    assert (len(_stored(database)), fetcher.data) == (3, [])
    database.close()


def test_what_is_uploaded_again_is_stored_once(database: Database, tmp_path: Path) -> None:
    file = str(tmp_path / "kept.json")
    with emulated("mmr3", "mgc3") as places:
        fetcher = _fetcher(["mmr3", "mgc3"], places)
        fetcher.fetch()
    fetcher.move_to_file(file)
    for _ in range(2):
        fetcher.append_from_file(file)
        fetcher.upload("lab")
    assert len(_stored(database)) == 2


def test_a_file_that_cannot_be_written_keeps_the_data(database: Database, tmp_path: Path) -> None:
    with emulated("json-scale") as places:
        fetcher = _fetcher(["json-scale"], places)
        fetcher.fetch("scale")
    with pytest.raises(RuntimeError, match="cannot be written"):
        fetcher.move_to_file(str(tmp_path / "absent" / "data.json"))
    assert len(fetcher.data) == 1


def test_names_of_the_mapping_file_are_those_of_the_record(database: Database, tmp_path: Path) -> None:
    mapping = tmp_path / "names.json"
    mapping.write_text(
        json.dumps({"types": {"CRYO": {"OVC": "outer_vacuum"}, "JSON-SCALE": {"mass": "dewar"}}})
    )
    with emulated("cryo", "json-scale") as (cryo, scale):
        fetcher = DataFetcher(str(mapping))
        fetcher.add_datasource("CRYO", cryo)
        fetcher.add_datasource("JSON-SCALE", scale, "/json")
        fetcher.fetch("cryostat")
        fetcher.fetch("scale")
    assert "dewar" in fetcher.data[1]["values"]
    assert "mass" not in fetcher.data[1]["values"]
    assert {"outer_vacuum"} <= {*fetcher.data[0]["values"], *fetcher.data[0].get("missing", {})}


def test_wrong_datasources_and_categories_are_told() -> None:
    fetcher = DataFetcher()
    with pytest.raises(RuntimeError, match="device_type 'mmr3'; allowed: CMCPA, MMR3"):
        fetcher.add_datasource("mmr3", "10.0.0.1")
    with pytest.raises(RuntimeError, match=r"MMR3 at '10\.0\.0\.1': prot 'x'"):
        fetcher.add_datasource("MMR3", "10.0.0.1", "x")
    with pytest.raises(RuntimeError, match="no datasource of 'imacrt' was added; added: none"):
        fetcher.fetch()
    fetcher.add_datasource("CMCPA", "10.0.0.1")
    with pytest.raises(RuntimeError, match="no datasource of 'imacrt' was added; added: compressor"):
        fetcher.fetch()
