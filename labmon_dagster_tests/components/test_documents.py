"""Assets of documents: landed in either database, counted, checked, and never removed for nothing."""

from __future__ import annotations

from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import pytest

from labmon_dagster.components import Feed
from labmon_dagster.settings import StoreKey, open_documents
from labmon_dagster.stores import LedgerRow
from labmon_dagster_tests.components.test_databases import checks
from labmon_dagster_tests.components.test_databases import ledger as readings_ledger
from labmon_dagster_tests.labs import lab, materialize
from labmon_dagster_tests.notes import COLLECTION, DOCUMENTS, READINGS, feeds, note
from labmon_dagster_tests.stores.documents.conftest import STORES, url
from labmon_dagster_tests.stores.documents.records import everything

__all__ = ["url"]

FIRST = date(2024, 5, 1)
SECOND = FIRST + timedelta(days=1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two days of notes, and a line that is none."""
    for number in range(3):
        note(tmp_path / "desk", FIRST, number, "ann", level=number, more={"deep": [number, None]})
    note(tmp_path / "desk", FIRST, 3, "", raw="{broken")
    note(tmp_path / "desk", SECOND, 1, "bob", level=7.5)
    return tmp_path / "desk"


@pytest.fixture(autouse=True)
def store(url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The lab's store of documents, in either database."""
    monkeypatch.setenv("LABMON_DOCUMENTS_URL", url)
    return url


def ledger(asset: str = DOCUMENTS) -> dict[date, LedgerRow]:
    with closing(open_documents()) as opened:
        return opened.ledger(asset)


def metadata(result: dg.ExecuteInProcessResult, partition: str) -> dict[str, object]:
    (found,) = [one for one in result.get_asset_materialization_events() if one.partition == partition]
    return {name: one.value for name, one in found.materialization.metadata.items()}


@pytest.mark.parametrize("url", STORES, indirect=True)
def test_one_journal_becomes_documents_and_readings(folder: Path, url: str) -> None:
    documents, readings = feeds(folder, FIRST)
    assert (documents.store_key, readings.store_key) == (StoreKey("documents", True), StoreKey("timeseries"))
    result = materialize(documents, "2024-05-01", "2024-05-02")
    rows = ledger()
    assert [
        (row.counts.read, row.counts.stored, row.counts.quarantined, row.proven) for row in rows.values()
    ] == [
        (4, 3, 1, True),
        (1, 1, 0, True),
    ]
    assert [{stream: mark.offset for stream, mark in row.read_until.items()} for row in rows.values()] == [
        {"2024-05-01": 4},
        {"2024-05-02": 1},
    ]
    with closing(open_documents()) as opened:
        found = everything(opened, COLLECTION)
    assert [one.body.get("level") for one in found] == [0, 1, 2, 7.5]
    assert found[1].body == {"who": "ann", "level": 1, "more": {"deep": [1, None]}}
    shown = metadata(result, "2024-05-01")
    assert (shown["stored"], shown["dagster/partition_row_count"], shown["days"]) == (
        3,
        3,
        "2024-05-01, 2024-05-02",
    )
    offset = shown.get("store clock offset")
    if url.startswith("sqlite"):
        assert offset is None, "there is no other clock"
    else:
        assert isinstance(offset, str) and abs(float(offset.removesuffix(" ms"))) < 500
    materialize(readings, "2024-05-01", "2024-05-02")
    assert [row.in_store for row in readings_ledger(READINGS).values()] == [3, 1]
    assert ledger(READINGS) == {}


@pytest.mark.parametrize("url", STORES, indirect=True)
def test_news_whole_and_replace(folder: Path) -> None:
    documents, _ = feeds(folder, FIRST)
    materialize(documents, "2024-05-01", "2024-05-02", mode="news")
    note(folder, SECOND, 2, "bob", level=8)
    materialize(documents, "2024-05-02", mode="news")
    assert ledger()[SECOND].counts.read == 1
    materialize(documents, "2024-05-02")
    row = ledger()[SECOND]
    assert (row.counts.read, row.counts.repeated, row.in_store, row.proven) == (2, 2, 2, True)
    (folder / f"{SECOND}.jsonl").write_text("")
    note(folder, SECOND, 3, "cid")
    materialize(documents, "2024-05-02", replace=True)
    row = ledger()[SECOND]
    assert (row.counts.stored, row.in_store, row.proven) == (1, 1, True)


@pytest.mark.parametrize("url", STORES, indirect=True)
def test_the_checks_of_documents(folder: Path) -> None:
    documents, _ = feeds(folder, FIRST)
    found = checks(materialize(documents, "2024-05-01"))
    assert set(found) == {"complete", "nothing_quarantined"}
    complete, quarantine = found["complete"], found["nothing_quarantined"]
    assert complete[0] is False and complete[1]["oldest"] == "2024-05-02"
    assert quarantine == (
        False,
        {
            "pieces": 1,
            "reasons": {"no JSON; write one object a line": 1},
            "latest": "2024-05-01.jsonl:4: no JSON; write one object a line",
        },
    )
    node = lab(documents).resolve_asset_graph().get(dg.AssetKey(DOCUMENTS.split("/")))
    assert {name: node.metadata[name] for name in ("labmon/collection", "labmon/store")} == {
        "labmon/collection": COLLECTION,
        "labmon/store": "documents",
    }


def test_what_was_pruned_is_not_removed(folder: Path) -> None:
    for feed, kept in zip(
        feeds(folder, FIRST, pruned=lambda day: day == FIRST), feeds(folder, FIRST), strict=True
    ):
        materialize(kept, "2024-05-01", "2024-05-02")
        with pytest.raises(ValueError, match=r"'desk' was pruned of 2024-05-01: .*`replace: true`"):
            materialize(feed, "2024-05-01", "2024-05-02", replace=True)
        materialize(feed, "2024-05-02", replace=True)
    assert ledger()[FIRST].in_store == readings_ledger(READINGS)[FIRST].in_store == 3


def test_a_source_that_gives_what_its_feed_does_not_say_is_refused(folder: Path) -> None:
    _, readings = feeds(folder, FIRST)
    wrong = Feed("desk/wrong", "M", readings.source, FIRST, "1", documents=True)
    with pytest.raises(TypeError, match=r"desk/wrong: its source gives Readings"):
        materialize(wrong, "2024-05-01")
