"""Processing files as the original's programs load them: newer ones only, each once, then deleted."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from labmon_dagster.clients.ricochetdb.database import Database
from labmon_dagster.clients.ricochetdb.processing import ProcessingDataLoader, ProcessingRecord
from labmon_dagster.records.processing import Heads, ProcessingRecords, Version
from labmon_dagster.sources.processing.folder import Folder
from labmon_dagster.stores.documents.mongo.collections import Collections
from labmon_dagster.stores.records import MongoRecords
from labmon_dagster_tests.servers.mongo import Mongod
from labmon_dagster_tests.sources.processing.cases import FIRST, SECOND_VERSION, content, names, write

PATTERN = r"[0-9a-z]{8}.json"
LOAD = """
import sys
from labmon_dagster.clients.ricochetdb.database import Database
from labmon_dagster.clients.ricochetdb.processing import ProcessingDataLoader
Database.get_database().set_address(sys.argv[1])
Database.get_database().set_db_name(sys.argv[2])
ProcessingDataLoader().parse_folder(sys.argv[3], r"[0-9a-z]{8}.json")
"""


@pytest.fixture
def database(mongod: Mongod, mongo_database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    monkeypatch.setattr(Database, "handler", None)
    found = Database.get_database()
    found.patience = 2.0
    found.set_address(mongod.url)
    found.set_db_name(mongo_database)
    yield found
    found.close()


def records(database: Database) -> ProcessingRecords:
    heads = Heads(MongoRecords(database.server), "processing")
    return ProcessingRecords(Collections(database.server), heads, "processing")


def stored(database: Database) -> list[dict[str, Any]]:
    return list(database.get_collection("processing").find().sort("_id"))


def test_a_record_has_stream_time_and_data(tmp_path: Path) -> None:
    path = write(tmp_path, "0123abcd.json", content(records=[{"timestamp": FIRST, "n": 1}]))
    found = ProcessingRecord(str(path))
    made = datetime(2022, 5, 11, 15, 2, 11, 250000, UTC)
    assert (found.stream_id, found.file_ts, found.records) == (
        "testStream001",
        made,
        [{"timestamp": made, "n": 1}],
    )


@pytest.mark.parametrize(
    ("raw", "said"), [(b"{", "line 1 column 2: no JSON"), (None, "cannot be read: No such file or directory")]
)
def test_a_file_that_is_none_is_named(tmp_path: Path, raw: bytes | None, said: str) -> None:
    path = tmp_path / "0123abcd.json"
    if raw is not None:
        path.write_bytes(raw)
    with pytest.raises(RuntimeError, match=f"^{path}: {said}"):
        ProcessingRecord(path)


def test_files_are_loaded_in_the_order_of_their_data_and_deleted(database: Database, tmp_path: Path) -> None:
    write(tmp_path, "aaaaaaaa.json", content(timestamp=SECOND_VERSION, records=[{"n": 2}]))
    write(tmp_path, "bbbbbbbb.json", content(timestamp=FIRST, records=[{"n": 1}, {"time": 5}]))
    write(tmp_path, "cccccccc.jsonx", content("other"))
    ProcessingDataLoader().parse_folder(str(tmp_path), PATTERN)
    assert names(tmp_path) == ["cccccccc.jsonx"]
    assert [one["_id"] for one in stored(database)] == [
        "testStream001/2022-05-11T15:02:11.250000000Z/0",
        "testStream001/2022-05-11T15:02:11.250000000Z/1",
        "testStream001/2022-05-11T15:02:12.000000000Z/0",
    ]
    assert records(database).records("testStream001") == [{"n": 2}]


def test_what_is_not_newer_is_not_treated(database: Database, tmp_path: Path) -> None:
    loader = ProcessingDataLoader()
    for name in ("aaaaaaaa", "bbbbbbbb", "cccccccc"):
        made = FIRST if name == "cccccccc" else SECOND_VERSION
        write(tmp_path, f"{name}.json", content(timestamp=made, records=[{"n": name}]))
        loader.parse_folder(tmp_path, PATTERN)
    assert names(tmp_path) == ["bbbbbbbb.json", "cccccccc.json"]
    assert [one["n"] for one in stored(database)] == ["aaaaaaaa"]
    assert loader.broken == {}


def test_files_may_be_kept(database: Database, tmp_path: Path) -> None:
    write(tmp_path, "aaaaaaaa.json", content())
    for _ in range(2):
        ProcessingDataLoader().parse_folder(tmp_path, PATTERN, delete_files=False)
    assert (names(tmp_path), len(stored(database))) == (["aaaaaaaa.json"], 1)


def test_broken_files_stay_and_the_others_are_loaded(
    database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path, "aaaaaaaa.json", b"{")
    write(tmp_path, "bbbbbbbb.json", content())
    write(tmp_path, "cccccccc.json", content("other", records=[{"n": 2**64}]))
    write(tmp_path, "dddddddd.json", b"{", age=0)
    loader = ProcessingDataLoader()
    with caplog.at_level(logging.ERROR):
        loader.parse_folder(tmp_path, PATTERN)
    assert list(loader.broken) == ["aaaaaaaa.json", "cccccccc.json"]
    assert loader.broken["cccccccc.json"].startswith("records[0]: n: the integer 18446744073709551616")
    assert f"{tmp_path}/aaaaaaaa.json: line 1 column 2: no JSON" in caplog.text
    assert names(tmp_path) == ["aaaaaaaa.json", "cccccccc.json", "dddddddd.json"]
    assert len(stored(database)) == 1


def test_two_programs_load_each_file_once(database: Database, tmp_path: Path, mongod: Mongod) -> None:
    for number in range(60):
        made = f"2022-05-11T15:02:{number % 6:02d}Z"
        write(tmp_path, f"{number:08d}.json", content(f"s{number // 6}", made, [{"n": number}, {}]))
    command = [sys.executable, "-c", LOAD, mongod.url, database.server.address.database, str(tmp_path)]
    both = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    for one in both:
        _, errors = one.communicate(timeout=60)
        assert (one.returncode, errors) == (0, "")
    assert names(tmp_path) == []
    assert sorted(one["n"] for one in stored(database) if "n" in one) == list(range(60))
    assert [records(database).records(f"s{n}")[0]["n"] for n in range(10)] == [6 * n + 5 for n in range(10)]


def test_a_file_is_not_deleted_before_its_head_is_set(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "aaaaaaaa.json", content())
    deleted: list[Version | None] = []
    remove = Folder.remove

    def seen(folder: Folder, *given: Any) -> bool:
        deleted.append(records(database).heads.newest("testStream001"))
        return remove(folder, *given)

    monkeypatch.setattr(Folder, "remove", seen)
    ProcessingDataLoader().parse_folder(tmp_path, PATTERN)
    assert deleted == [Version("testStream001", 1652281331_250000000, 1, "aaaaaaaa.json")]


def test_what_cannot_be_done_is_said(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loader = ProcessingDataLoader()
    with pytest.raises(RuntimeError, match="/no: No such file or directory"):
        loader.parse_folder(tmp_path / "no", PATTERN)
    with pytest.raises(RuntimeError, match=r"'\[a' is no regular expression"):
        loader.parse_folder(tmp_path, "[a")
    monkeypatch.setattr(Database, "handler", None)
    with pytest.raises(RuntimeError, match="no database is configured"):
        loader.parse_folder(tmp_path, PATTERN)


def test_a_database_that_is_away_leaves_the_files(
    database: Database, tmp_path: Path, own_mongod: Mongod
) -> None:
    database.set_address(own_mongod.url)
    folder = tmp_path / "files"
    write(folder, "aaaaaaaa.json", content())
    own_mongod.stop()
    with pytest.raises(RuntimeError, match="is away"):
        ProcessingDataLoader().parse_folder(folder, PATTERN)
    assert names(folder) == ["aaaaaaaa.json"]
    own_mongod.start()
    ProcessingDataLoader().parse_folder(folder, PATTERN)
    assert names(folder) == []
