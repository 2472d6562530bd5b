"""The commands on assets of documents: beside those of readings, wherever they are stored."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TypeAlias

import pytest

from labmon_dagster.components import Feed
from labmon_dagster.settings import open_documents
from labmon_dagster.stores import Quarantined
from labmon_dagster_tests.cli.lab import labmon, told
from labmon_dagster_tests.labs import materialize
from labmon_dagster_tests.notes import COLLECTION, DOCUMENTS, READINGS, feeds, note
from labmon_dagster_tests.stores.documents.conftest import STORES, url
from labmon_dagster_tests.stores.documents.records import document, everything, put

__all__ = ["url"]

DAY = date(2024, 5, 1)
NOON = int(datetime(2024, 5, 1, 12, tzinfo=UTC).timestamp()) * 10**9
JUNE = ["status", "--until", "2024-05-31"]
Lab: TypeAlias = list[Feed]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A day of notes: two, one that is none, and one of the afternoon."""
    folder = tmp_path / "desk"
    note(folder, DAY, 1, "ann", level=1, more={"x": [1, {"y": None}], "ok": True})
    note(folder, DAY, 2, "bob", level=2.5, said="é, whole")
    note(folder, DAY, 3, "", raw="{broken")
    note(folder, DAY, 50_000, "cid", level=3)
    return folder


@pytest.fixture
def lab(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """The lab is these two feeds."""
    found = feeds(folder, DAY)
    monkeypatch.setattr("labmon_dagster.components.lab.load_feeds", lambda: found)
    return found


@pytest.fixture
def landed(lab: Lab, url: str, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """Both were read at noon, when the note of the afternoon lay in the future."""
    monkeypatch.setenv("LABMON_DOCUMENTS_URL", url)
    with monkeypatch.context() as patch:
        patch.setattr("labmon_dagster.components.assets.time.time_ns", lambda: NOON)
        for feed in lab:
            materialize(feed, str(DAY))
    return lab


def pieces() -> list[Quarantined]:
    with closing(open_documents()) as store:
        return sorted(store.quarantined(DOCUMENTS), key=lambda piece: piece.place)


def titles(shown: str) -> list[str]:
    return [line for line in shown.splitlines() if line.startswith("desk/")]


@pytest.mark.usefixtures("landed")
@pytest.mark.parametrize("url", STORES, indirect=True)
def test_status_shows_the_assets_of_both_stores() -> None:
    assert titles(told(*JUNE)) == [READINGS, DOCUMENTS]
    assert titles(told(*JUNE, "--store", "documents")) == [DOCUMENTS]
    assert titles(told(*JUNE, "--store", "timeseries")) == [READINGS]
    shown = told(*JUNE, DOCUMENTS)
    assert titles(shown) == [DOCUMENTS] and "2 rows" in shown
    found = json.loads(told(*JUNE, "--format", "json"))
    assert {asset: one["rows"] for asset, one in found.items()} == {DOCUMENTS: 2, READINGS: 2}
    hours = json.loads(told("status", "--day", DAY, "--format", "json"))
    assert {asset: one["hours"][0]["rows"] for asset, one in hours.items()} == {DOCUMENTS: 2, READINGS: 2}
    assert "there are: desk/levels, desk/notes" in labmon("status", "desk/none").stderr


def test_one_file_may_hold_both(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABMON_LOCAL_URL", f"sqlite:///{tmp_path}/local.db")
    for feed in feeds(tmp_path / "desk", DAY, store="local"):
        materialize(feed, str(DAY))
    assert titles(told(*JUNE, "--store", "local")) == [READINGS, DOCUMENTS]
    hours = json.loads(told("status", "--day", DAY, "--store", "local", "--format", "json"))
    assert {asset: sum(hour["rows"] for hour in one["hours"]) for asset, one in hours.items()} == {
        DOCUMENTS: 3,
        READINGS: 3,
    }
    listed = told("quarantine", "list", "--store", "local", "--format", "jsonl").splitlines()
    assert sorted(json.loads(one)["asset"] for one in listed) == [READINGS, DOCUMENTS]
    assert [feed.store for feed in lab] == ["documents", "timeseries"]


def test_a_store_that_is_away_hides_no_other(landed: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABMON_DOCUMENTS_URL", "mongodb://127.0.0.1:1/lab")
    result = labmon(*JUNE)
    assert (result.exit_code, titles(result.stdout)) == (1, [READINGS])
    assert "MongoDB at 127.0.0.1:1/lab is away" in result.stderr
    assert len(landed) == 2


def test_where_nothing_is_stored_yet() -> None:
    result = labmon("status")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "nothing is stored yet: there is no file" in result.stderr
    assert "readings.db" in result.stderr and "documents.db" in result.stderr
    assert labmon("quarantine", "list", "--store", "nowhere").exit_code == 1


@pytest.mark.usefixtures("lab")
def test_a_preview_of_documents() -> None:
    result = labmon("preview", DOCUMENTS)
    assert result.exit_code == 0, result.output
    first, second, third = result.stdout.split("\n\n")
    assert first.splitlines() == [
        "2024-05-01T00:00:01.000000000Z  ann 2024-05-01T00:00:01.000000000Z",
        "  level    1",
        "  more.ok  true",
        '  more.x   [1, {"y": null}]',
        "  who      ann",
    ]
    assert "  said   é, whole" in second.splitlines() and "who    cid" in third
    assert f"{DAY}.jsonl:3: no JSON" in result.stderr
    (first,) = told("preview", DOCUMENTS, "--partition", DAY, "--limit", 1, "--format", "jsonl").splitlines()
    assert json.loads(first) == {
        "time": "2024-05-01T00:00:01.000000000Z",
        "_id": "ann 2024-05-01T00:00:01.000000000Z",
        "who": "ann",
        "level": 1,
        "more": {"x": [1, {"y": None}], "ok": True},
    }
    newest = told("preview", DOCUMENTS, "--limit", 2, "--format", "csv").splitlines()
    assert newest[1].endswith(',2.5,"é, whole",bob') and newest[2].endswith(",cid")
    assert "1 of 3 documents" in labmon("preview", DOCUMENTS, "--partition", DAY, "--limit", 1).stderr
    assert labmon("preview", DOCUMENTS, "--partition", "2024-04-30").stderr == "no documents on 2024-04-30\n"
    refused = labmon("preview", DOCUMENTS, "--format", "line")
    assert refused.exit_code == 2 and "there are: table, csv, jsonl" in " ".join(refused.stderr.split())
    assert len(told("preview", READINGS, "--format", "csv").splitlines()) == 4


@pytest.mark.usefixtures("landed")
@pytest.mark.parametrize("url", STORES, indirect=True)
def test_the_life_of_a_piece() -> None:
    broken, late = pieces()
    listed = told("quarantine", "list")
    assert listed.count(DOCUMENTS) == listed.count(READINGS) == 2
    assert told("quarantine", "show", broken.id).endswith("raw:\n{broken\n")
    with closing(open_documents()) as store:
        before = store.ledger(DOCUMENTS)[DAY]
    said = told("quarantine", "retry", "--asset", DOCUMENTS)
    assert f"{broken.id} {DOCUMENTS} {DAY}.jsonl:3: still refused: no JSON" in said
    assert f"{late.id} {DOCUMENTS} {DAY}.jsonl:4: stored" in said
    assert said.endswith("1 of 2 pieces are out of quarantine\n")
    assert pieces() == [broken]
    with closing(open_documents()) as store:
        after = store.ledger(DOCUMENTS)[DAY]
        assert [one.body["who"] for one in everything(store, COLLECTION)] == ["ann", "bob", "cid"]
    assert after.read_until == before.read_until, "a retry reads nothing of the source"
    assert (after.counts, after.written, after.in_store) == (before.counts, before.written, 3)
    assert after.last == int(datetime(2024, 5, 1, 13, 53, 20, tzinfo=UTC).timestamp()) * 10**9


@pytest.mark.usefixtures("landed")
@pytest.mark.parametrize("url", STORES, indirect=True)
def test_a_document_whose_id_is_taken_stays_in_quarantine() -> None:
    _, late = pieces()
    known_by = "cid 2024-05-01T13:53:20.000000000Z"
    with closing(open_documents()) as store:
        put(store, COLLECTION, [document(known_by, NOON, other=1)])
        assert "still refused: the store holds another document of that id" in told(
            "quarantine", "retry", late.id
        )
        assert [one.body for one in everything(store, COLLECTION) if one.id == known_by] == [{"other": 1}]
    assert late in pieces()


@pytest.mark.usefixtures("landed")
def test_a_document_that_is_there_by_now_only_leaves(lab: Lab) -> None:
    _, late = pieces()
    materialize(lab[0], str(DAY))
    with closing(open_documents()) as store:
        ledger = store.ledger(DOCUMENTS)
        assert "the store has this document already" in told("quarantine", "retry", late.id[:8])
        assert store.ledger(DOCUMENTS) == ledger
    assert late not in pieces()


def test_the_check_lists_every_feed_of_a_component(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "defs" / "desk").mkdir(parents=True)
    text = f"type: labmon_dagster_tests.notes.Notes\n\nattributes:\n  asset: x/y\n  folder: {tmp_path}\n"
    (tmp_path / "defs" / "desk" / "defs.yaml").write_text(f'{text}  start: "2024-05-01"\n')
    monkeypatch.chdir(tmp_path)
    shown = told("check", "--defs", tmp_path / "defs").splitlines()
    assert [line.split() for line in shown[1:]] == [
        ["x/y", "notes", str(tmp_path)],
        ["x/y_levels", "Levels", str(tmp_path)],
    ]
