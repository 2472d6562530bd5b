"""Processing output in either database: documents keep a record whole, and heads only go forward."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from labmon_dagster.records.errors import RecordError
from labmon_dagster.records.processing import Heads, ProcessingRecords, Version, documents, record_in
from labmon_dagster.settings import open_documents, open_records
from labmon_dagster.stores.documents.plain import plain
from labmon_dagster.stores.records import Change
from labmon_dagster_tests.stores.documents.conftest import url

__all__ = ["url"]

NAMES = st.sampled_from(
    [
        "_id",
        "_labmon",
        "time",
        "time_ns",
        "stream_id",
        "file_ts",
        "file_ts_ns",
        "number",
        "record",
        "a",
        "b.c",
    ]
)
VALUES = (
    st.integers(-9, 9) | st.text("ab", max_size=2) | st.dictionaries(NAMES, st.integers(-9, 9), max_size=2)
)
MADE = 1652281331_250000001
VERSION = Version("s", MADE, 2, "a.json")


@pytest.fixture
def heads(url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Heads]:
    monkeypatch.setenv("LABMON_DOCUMENTS_URL", url)
    with closing(open_records()) as store:
        yield Heads(store, "processing")


@pytest.fixture
def records(heads: Heads) -> Iterator[ProcessingRecords]:
    with closing(open_documents()) as store:
        yield ProcessingRecords(store, heads, "processing")


@given(st.dictionaries(NAMES, VALUES), st.integers(-(2**60), 2**60))
@example({"record": {"record": 1}, "file_ts": {"file_ts_ns": 5}}, 1)
@example({"timestamp": datetime(2022, 5, 11, tzinfo=UTC), "time": [datetime(2022, 5, 11, tzinfo=UTC)]}, 1)
def test_a_record_comes_back_as_it_was(record: dict[str, Any], made: int) -> None:
    (document,) = documents("s", made, [record], 5)
    body = plain(document.body)
    assert record_in(body) == record
    assert (body["stream_id"], body["file_ts_ns"], body["number"], document.time) == ("s", made, 0, 5)


def test_a_head_only_goes_forward(heads: Heads) -> None:
    older, newer = Version("s", MADE - 1, 5, "b.json"), Version("s", MADE + 1, 0, "c.json")
    assert heads.newest("s") is None
    assert [heads.advance(one) for one in (VERSION, VERSION, older)] == [True, False, False]
    assert heads.newest("s") == VERSION
    assert heads.advance(newer)
    assert heads.newest_of(["s", "t", "s"]) == {"s": newer, "t": None}


def test_of_some_versions_the_latest_is_the_newest(heads: Heads) -> None:
    versions = [Version(f"s{n % 7}", n, n, f"{n}.json") for n in range(50)]
    heads.advance_all(reversed(versions))
    newest = [max(versions[n::7], key=lambda one: one.made) for n in range(7)]
    assert [heads.newest(f"s{n}") for n in range(7)] == newest


def test_of_many_at_once_the_newest_wins(heads: Heads) -> None:
    versions = [Version("s", n, n, f"{n}.json") for n in range(1, 40)]
    with ThreadPoolExecutor(8) as workers:
        assert True in list(workers.map(heads.advance, versions[::2] + versions[1::2]))
    assert heads.newest("s") == versions[-1]


def test_a_head_of_another_program_has_milliseconds(heads: Heads) -> None:
    heads.store.insert(heads.collection, "s", {"name": "s", "file_ts": datetime(2022, 5, 11, tzinfo=UTC)})
    seen = heads.store.find(heads.collection, "s")
    assert seen is not None
    assert heads.store.change(heads.collection, seen, Change({"file_ts_ns": None}))
    found = heads.newest("s")
    assert found is not None and found.made == 1652227200_000000000
    assert heads.advance(VERSION)


def test_the_newest_version_is_read_and_older_ones_are_kept(records: ProcessingRecords) -> None:
    with pytest.raises(RecordError, match="stream 's' in processing_streams: there is no such record"):
        records.records("s")
    records.deliver(VERSION, [{"n": 1}, {"time": 2}], 7)
    records.deliver(Version("s", MADE + 1, 1, "b.json"), [{"n": 3}], 8)
    assert records.records("s") == [{"n": 3}]
    assert records.missing([VERSION]) == []
    assert records.missing([VERSION, Version("s", MADE, 3, "a.json")]) == [Version("s", MADE, 3, "a.json")]


def test_a_version_that_is_half_there_is_not_read(records: ProcessingRecords) -> None:
    records.deliver(VERSION, [{"n": 1}], 7)
    with pytest.raises(RecordError, match="stream 's' in processing: 1 of its documents are gone"):
        records.records("s")


def test_other_data_of_the_same_time_that_were_faster_are_told(records: ProcessingRecords) -> None:
    assert records.heads.advance(Version("s", MADE, 5, "b.json"))
    with pytest.raises(RecordError, match=r"stream 's' of 2022.*: b\.json has other data of the same time"):
        records.deliver(VERSION, [{"n": 1}, {"n": 2}], 7)
    records.deliver(Version("s", MADE, 5, "b.json"), [{"n": n} for n in range(5)], 7)
    records.deliver(Version("s", MADE - 1, 0, "a.json"), [], 7)


def test_what_cannot_be_stored_sets_no_head(records: ProcessingRecords) -> None:
    with pytest.raises(RecordError, match=r"processing s/.*/1: n: the integer"):
        records.deliver(VERSION, [{"n": 1}, {"n": 2**64}], 7)
    assert records.heads.newest("s") is None
