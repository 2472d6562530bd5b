"""How far the clock of a database is ahead is noted beside what is heard, and never holds anything up."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from labmon_dagster.collector.database import DatabaseClocks, offset_of
from labmon_dagster.collector.once import poll_due
from labmon_dagster.collector.station import DATABASE
from labmon_dagster.journal import Journal
from labmon_dagster.settings import open_documents
from labmon_dagster_tests.collector.fakes import Script, counting, station
from labmon_dagster_tests.servers.mongo import Mongod
from labmon_dagster_tests.stores.documents.records import mongo_url

AHEAD = 3_000_000_000


def test_the_offset_is_taken_against_the_middle_of_the_asking() -> None:
    def slow() -> int:
        began = time.time_ns()
        time.sleep(0.1)
        return (began + time.time_ns()) // 2 + AHEAD

    found = offset_of(slow)
    assert found is not None
    assert abs(found - AHEAD) < 40_000_000


def test_a_store_without_a_clock_has_no_offset() -> None:
    clocks = DatabaseClocks({"lab/fake": lambda: None})
    clocks.ask_all()
    assert clocks("lab/fake") is None
    assert clocks("lab/other") is None


def test_while_the_database_is_away_no_offset_is_told() -> None:
    answers: list[object] = [time.time_ns() + AHEAD, OSError("away")]

    def read() -> int:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, int)
        return answer

    clocks = DatabaseClocks({"lab/fake": read})
    clocks.ask_all()
    assert clocks("lab/fake") is not None
    clocks.ask_all()
    assert clocks("lab/fake") is None


def test_it_stands_beside_the_answer_where_the_yaml_wants_it(
    tmp_path: Path, mongod: Mongod, mongo_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABMON_DOCUMENTS_URL", mongo_url(mongod, mongo_database))
    with closing(open_documents()) as store:
        assert store.clock() is not None
    plain = station(Script(counting), "plain", asset="lab/plain")
    wanting = replace(station(Script(counting), "wanting"), clock="documents")
    assert poll_due([plain, wanting], tmp_path / "journal", tmp_path / "collector") == []
    for asset, has in (("lab/plain", False), ("lab/fake", True)):
        entry = Journal(tmp_path / "journal", asset).last()
        assert entry is not None
        assert (DATABASE in entry.meta) is has
    offset = entry.meta[DATABASE]
    assert isinstance(offset, int)
    assert abs(offset) < 1_000_000_000
