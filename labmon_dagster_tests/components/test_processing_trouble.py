"""Files that change, vanish or cannot be had; a database that is away: nothing is deleted too soon."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

import pytest

from labmon_dagster import settings
from labmon_dagster.components import ProcessingFolder
from labmon_dagster.components.processing import taking
from labmon_dagster.components.processing.entry import State
from labmon_dagster.model import Window
from labmon_dagster.sources.processing.folder import Folder
from labmon_dagster.stores import StoreError, owner_of
from labmon_dagster_tests.cli.lab import labmon
from labmon_dagster_tests.components.processing_lab import ASSET, ProcessingLab
from labmon_dagster_tests.servers.mongo import Mongod
from labmon_dagster_tests.sources.processing.cases import SECOND_VERSION, content, names, write
from labmon_dagster_tests.stores.documents.records import mongo_url


@pytest.fixture
def lab(tmp_path: Path) -> ProcessingLab:
    return ProcessingLab(tmp_path / "processing")


@pytest.mark.parametrize("raw", [content()[:-5], content()])
def test_a_file_that_may_be_written_to_still_is_taken_later(lab: ProcessingLab, raw: bytes) -> None:
    """Within a tick of the disk's clock it may become another one without looking like it."""
    write(lab.folder, "0a.json", raw, age=0)
    assert (lab.news(), lab.run(), lab.journalled()) == (False, [], [])
    write(lab.folder, "0a.json", content())
    lab.run()
    assert (len(lab.documents()), names(lab.folder)) == (1, [])


@pytest.mark.parametrize("value", ["9" * 30, "[" * 150 + "]" * 150])
def test_no_key_of_a_broken_file_holds_up_the_others(lab: ProcessingLab, value: str) -> None:
    write(lab.folder, "0a.json", content(records=[]).replace(b"[]", b'[{"\\ud800":' + value.encode() + b"}]"))
    write(lab.folder, "0b.json", content())
    assert lab.run()[0].startswith("0a.json: records[0]: \\ud800")
    assert (names(lab.folder), len(lab.documents()), len(lab.quarantined())) == (["0a.json"], 1, 1)


@pytest.mark.parametrize("damage", [b"no database at all" * 1000, b"\xff" * 50])
def test_a_damaged_index_is_made_anew(lab: ProcessingLab, damage: bytes) -> None:
    write(lab.folder, "0a.json", content())
    lab.run(delete_files=False)
    (index,) = settings.collector_folder().rglob("*.db")
    with index.open("r+b") as file:
        file.seek(0 if len(damage) > 50 else 110)
        file.write(damage)
    assert lab.news()
    lab.run()
    assert (names(lab.folder), len(lab.journalled()), lab.news()) == ([], 1, False)


def test_files_of_a_journal_that_was_lost_are_new_again(lab: ProcessingLab) -> None:
    write(lab.folder, "0a.json", content())
    feed = lab.feed()
    assert feed.take
    feed.take(lab.told.append)
    shutil.rmtree(settings.journal_root())
    assert lab.news()
    lab.run()
    assert (names(lab.folder), len(lab.documents()), lab.news()) == ([], 1, False)


def test_of_many_files_in_trouble_some_are_named(lab: ProcessingLab, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*given: object) -> None:
        raise PermissionError(13, "Permission denied")

    for number in range(25):
        write(lab.folder, f"{number:02d}.json", content(f"s{number}"))
    with monkeypatch.context() as patched:
        patched.setattr(Folder, "read", denied)
        told = lab.run()
    assert told[0].endswith("json cannot be read: Permission denied")
    assert told[20:] == ["5 more files cannot be read"]
    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", denied)
        told = lab.run()
    assert sum(line.endswith("json cannot be deleted: Permission denied") for line in told) == 20
    assert "and 5 more files that cannot be finished" in told


def test_a_file_that_changed_since_it_was_taken_stays_and_is_new(lab: ProcessingLab) -> None:
    write(lab.folder, "0a.json", content())
    lab.run(between=lambda: write(lab.folder, "0a.json", content(timestamp=SECOND_VERSION), age=10**10))
    assert (len(lab.documents()), names(lab.folder), lab.news()) == (1, ["0a.json"], True)
    lab.run()
    assert (len(lab.documents()), names(lab.folder)) == (2, [])


def test_a_file_that_vanished_or_was_renamed_is_delivered_all_the_same(lab: ProcessingLab) -> None:
    path = write(lab.folder, "0a.json", content())
    lab.run(between=lambda: path.rename(lab.folder / "0b.json"))
    assert (len(lab.documents()), names(lab.folder), lab.news()) == (1, ["0b.json"], True)
    lab.run()
    assert [one.state for one in lab.journalled()] == [State.GOOD, State.OUTDATED]
    assert (len(lab.documents()), names(lab.folder)) == (1, ["0b.json"])


def test_a_file_that_cannot_be_read_is_put_aside(lab: ProcessingLab, monkeypatch: pytest.MonkeyPatch) -> None:
    write(lab.folder, "0a.json", content())

    def denied(*given: object) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr(Folder, "read", denied)
        assert lab.run() == ["0a.json cannot be read: Permission denied"]
    assert not lab.news()
    lab.run()
    assert (len(lab.documents()), names(lab.folder)) == (1, [])


def test_a_file_that_cannot_be_deleted_is_deleted_later(
    lab: ProcessingLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(lab.folder, "0a.json", content())

    def denied(*given: object) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", denied)
        assert "0a.json cannot be deleted: Permission denied" in lab.run()
    assert (lab.news(), len(lab.documents()), names(lab.folder)) == (False, 1, ["0a.json"])
    assert lab.run() == ["1 files finished, and deleted if they were there"]
    assert names(lab.folder) == []


def test_a_file_whose_documents_are_not_all_there_is_not_deleted(lab: ProcessingLab) -> None:
    write(lab.folder, "0a.json", content(records=[{"n": 1}, {"n": 2}]))
    feed = lab.feed()
    assert feed.landed
    lab.run(delete_files=False)
    with closing(settings.open_documents()) as store:
        store.delete(owner_of(ASSET), Window(0, 2**62))
        feed.landed(store, lab.told.append)
    assert "0a.json stays: not all of its records are in the store; see the quarantine" in lab.told
    assert (names(lab.folder), lab.news()) == (["0a.json"], False)


def test_a_file_that_is_too_large_is_broken(lab: ProcessingLab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taking, "LARGEST", 100)
    raw = content(records=[{"n": "x" * 100}])
    write(lab.folder, "0a.json", raw)
    assert lab.run()[0] == f"0a.json: {len(raw)} bytes are too large; allowed: 100, so split the file"
    assert names(lab.folder) == ["0a.json"]
    assert lab.quarantined()[0].raw == raw[:101].decode()


def test_the_largest_file_fits_into_the_journal(lab: ProcessingLab) -> None:
    quotes = '\\"' * ((taking.LARGEST - 200) // 4)
    record = '{"a":"' + quotes[: len(quotes) // 4 * 2] + '"}'
    raw = content(records=[]).replace(b"[]", f"[{record},{record}]".encode())
    raw += b"\n" * (taking.LARGEST - len(raw))
    write(lab.folder, "0a.json", raw)
    lab.run()
    assert [one.found.size for one in lab.journalled()] == [taking.LARGEST]
    assert (len(lab.documents()), names(lab.folder)) == (2, [])


def test_a_database_that_is_away_keeps_files_where_they_are(
    lab: ProcessingLab, own_mongod: Mongod, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABMON_DOCUMENTS_URL", mongo_url(own_mongod, "lab"))
    write(lab.folder, "0a.json", content())
    own_mongod.stop()
    with pytest.raises(StoreError, match="is away"):
        lab.run()
    assert (names(lab.folder), lab.journalled()) == (["0a.json"], [])
    own_mongod.start()
    with pytest.raises(StoreError, match="is away"):
        lab.run(between=own_mongod.stop)
    assert (names(lab.folder), len(lab.journalled())) == (["0a.json"], 1)
    own_mongod.start()
    lab.run()
    assert (names(lab.folder), len(lab.documents()), lab.news()) == ([], 1, False)


DEFS = """type: labmon_dagster.components.ProcessingFolder

attributes:
  asset: x/processing
  directory: processing
  {line}
  collection: processing
  start: "2026-01-01"
"""


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('pattern: "[a.json"', "defs.yaml:6: attributes.pattern: '[a.json' is no regular expression"),
        ("delete: no", "defs.yaml:6: "),
    ],
)
def test_check_names_file_and_line(tmp_path: Path, line: str, said: str) -> None:
    (tmp_path / "defs" / "x").mkdir(parents=True)
    (tmp_path / "defs" / "x" / "defs.yaml").write_text(DEFS.format(line=line))
    result = labmon("check", "--defs", tmp_path / "defs")
    assert result.exit_code == 1
    assert said in result.stderr


def test_where_files_lie_changes_no_version() -> None:
    given = {"asset": "x/y", "directory": "a", "collection": "c", "start": "2026-01-01"}
    feeds = [
        ProcessingFolder.model_validate({**given, **more}).feed()
        for more in ({}, {"directory": "/b", "pattern": "b", "delete_files": False})
    ]
    assert feeds[0].version == feeds[1].version
