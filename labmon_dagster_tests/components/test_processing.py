"""Files of processing output, from the folder into either database, and what becomes of the files."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmon_dagster import settings
from labmon_dagster.components.processing.entry import State, Taken
from labmon_dagster.journal import Entry
from labmon_dagster.records.processing import Version
from labmon_dagster.sources.processing.folder import Found
from labmon_dagster_tests.components.processing_lab import ASSET, ProcessingLab
from labmon_dagster_tests.labs import materialize
from labmon_dagster_tests.sources.processing.cases import FIRST, SECOND_VERSION, content, names, write
from labmon_dagster_tests.stores.documents.conftest import STORES, url

__all__ = ["url"]

T1, T2 = 1652281331_250000000, 1652281332_000000000


@pytest.fixture
def lab(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ProcessingLab:
    monkeypatch.setenv("LABMON_DOCUMENTS_URL", url)
    return ProcessingLab(tmp_path / "processing")


@pytest.mark.parametrize("url", STORES, indirect=True)
def test_a_run_of_dagster_delivers_and_deletes(lab: ProcessingLab, instance: dg.DagsterInstance) -> None:
    write(lab.folder, "0a.json", content(records=[{"n": 1, "time": 5}, {"timestamp": FIRST}]))
    write(lab.folder, "0b.json", content("other", records=[]))
    assert lab.news()
    today = datetime.now(UTC).date().isoformat()
    assert materialize(lab.feed(), today, instance=instance, mode="news").success
    version = "testStream001/2022-05-11T15:02:11.250000000Z"
    assert [one.id for one in lab.documents()] == [f"{version}/0", f"{version}/1"]
    made = datetime(2022, 5, 11, 15, 2, 11, 250000, UTC)
    first = {"stream_id": "testStream001", "file_ts": made, "file_ts_ns": T1, "number": 0, "n": 1}
    assert lab.documents()[0].body == {**first, "record": {"time": 5}}
    assert lab.records() == [{"n": 1, "time": 5}, {"timestamp": made}]
    assert lab.head() == Version("testStream001", T1, 2, "0a.json")
    assert lab.head("other") == Version("other", T1, 0, "0b.json")
    assert names(lab.folder) == []
    assert not lab.news()


@pytest.mark.parametrize("url", STORES, indirect=True)
def test_of_two_versions_the_older_is_first_and_both_are_kept(lab: ProcessingLab) -> None:
    write(lab.folder, "0a.json", content(timestamp=SECOND_VERSION, records=[{"n": 2}]))
    write(lab.folder, "0b.json", content(timestamp=FIRST, records=[{"n": 1}, {"n": 1}]))
    lab.run()
    assert [one.body["n"] for one in lab.documents()] == [1, 1, 2]
    assert (lab.records(), names(lab.folder)) == ([{"n": 2}], [])


@pytest.mark.parametrize("url", STORES, indirect=True)
def test_what_is_not_newer_stays_and_is_told_once(lab: ProcessingLab) -> None:
    write(lab.folder, "0a.json", content(timestamp=SECOND_VERSION))
    lab.run()
    write(lab.folder, "0b.json", content(timestamp=SECOND_VERSION, records=[{"n": 5}]))
    write(lab.folder, "0c.json", content(timestamp=FIRST))
    assert lab.news()
    told = "{}: outdated: stream testStream001 of {}, but there are data of 2022-05-11T15:02:12.000000000Z"
    assert lab.run()[:2] == [
        told.format("0c.json", "2022-05-11T15:02:11.250000000Z"),
        told.format("0b.json", "2022-05-11T15:02:12.000000000Z"),
    ]
    assert not lab.news()
    assert lab.run() == []
    assert names(lab.folder) == ["0b.json", "0c.json"]
    assert [one.body["n"] for one in lab.documents()] == [1]


@pytest.mark.parametrize("url", STORES, indirect=True)
def test_what_the_database_has_from_elsewhere_counts_too(lab: ProcessingLab) -> None:
    lab.advance(Version("testStream001", T2, 1, "elsewhere.json"))
    write(lab.folder, "0a.json", content(timestamp=FIRST))
    lab.run()
    assert [one.newer for one in lab.journalled()] == [T2]
    assert lab.head() == Version("testStream001", T2, 1, "elsewhere.json")


@pytest.mark.parametrize("url", STORES, indirect=True)
def test_a_broken_file_stays_and_is_told_once_until_it_changes(lab: ProcessingLab) -> None:
    path = write(lab.folder, "0a.json", b'{"stream_id"')
    assert lab.run()[0] == "0a.json: line 1 column 13: no JSON: Expecting ':' delimiter"
    (piece,) = lab.quarantined()
    assert (piece.raw, piece.reason) == ('{"stream_id"', "line 1 column 13: no JSON: Expecting ':' delimiter")
    assert piece.place.endswith(f" {path}")
    assert not lab.news()
    assert lab.run() == []
    assert (len(lab.quarantined()), names(lab.folder)) == (1, ["0a.json"])
    write(lab.folder, "0a.json", content())
    assert lab.news()
    lab.run()
    assert (len(lab.documents()), names(lab.folder)) == (1, [])


@pytest.mark.parametrize("url", STORES, indirect=True)
def test_files_that_are_kept_are_known_and_deleted_when_it_is_wanted(lab: ProcessingLab) -> None:
    write(lab.folder, "0a.json", content())
    lab.run(delete_files=False)
    assert (names(lab.folder), lab.news(delete_files=False)) == (["0a.json"], False)
    assert lab.run(delete_files=False) == []
    assert lab.news(delete_files=True)
    lab.run()
    assert (names(lab.folder), lab.news(), len(lab.documents())) == ([], False, 1)


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_an_emptied_store_is_filled_again_with_its_heads(lab: ProcessingLab) -> None:
    write(lab.folder, "0a.json", content())
    lab.run()
    before = [one._replace(read=0) for one in lab.documents()]
    for path in Path(settings.store_url("documents").removeprefix("sqlite:///")).parent.glob("documents.db*"):
        path.unlink()
    assert lab.news()
    lab.run()
    assert [one._replace(read=0) for one in lab.documents()] == before
    assert lab.head() == Version("testStream001", T1, 1, "0a.json")


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_the_index_is_made_anew_when_it_is_lost(lab: ProcessingLab) -> None:
    for name, raw in (("0a", content()), ("0b", b"{"), ("0c", content()), ("0d", content("kept"))):
        write(lab.folder, f"{name}.json", raw)
    lab.run(delete_files=False)
    before = lab.journalled()
    assert [one.state for one in before] == [State.BROKEN, State.GOOD, State.OUTDATED, State.GOOD]
    for path in settings.collector_folder().rglob("*.db*"):
        path.unlink()
    assert lab.news(delete_files=False)
    lab.run(delete_files=False)
    assert (lab.journalled(), lab.news(delete_files=False)) == (before, False)


def test_a_folder_of_ours_may_be_missing_and_any_other_is_told(tmp_path: Path) -> None:
    lab = ProcessingLab(tmp_path / "there")
    lab.folder.rmdir()
    with pytest.raises(Exception, match=f"folder {lab.folder} does not exist"):
        lab.news()
    assert lab.run() == [f"folder {lab.folder} does not exist"]
    with closing(settings.open_documents()) as store:
        assert [row.trouble for row in store.ledger(ASSET).values()] == [""]


NUMBERS = st.integers(-(2**63), 2**63 - 1)
TEXTS = st.text(max_size=9).map(lambda text: text.encode("utf-8", "replace").decode())


@given(
    st.builds(
        Taken,
        st.builds(Found, TEXTS, NUMBERS, NUMBERS),
        *(TEXTS, TEXTS, NUMBERS, NUMBERS),
        newer=st.none() | NUMBERS,
        wrong=st.none() | TEXTS,
    )
)
def test_what_is_noted_is_read_back(taken: Taken) -> None:
    assert Taken.of(Entry(0, b"", taken.meta, "2022-05-11", 0, 1)) == taken
    assert taken.about.startswith(f"{taken.found.name}: ")
