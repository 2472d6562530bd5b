"""Journals that feed documents and readings: one run for both, days that grow late, stores that are away."""

from __future__ import annotations

import time
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from labmon_dagster.automation.news import Scout, ledgers
from labmon_dagster.automation.triggers import news_requests
from labmon_dagster.components import Feed
from labmon_dagster.settings import StoreKey, open_any
from labmon_dagster.stores import LedgerRow
from labmon_dagster_tests.automation.test_triggers import instance, run, scheduled
from labmon_dagster_tests.labs import lab, tower
from labmon_dagster_tests.notes import DOCUMENTS, READINGS, feeds, note
from labmon_dagster_tests.stores.documents.conftest import STORES, url

__all__ = ["instance", "url"]

TODAY = datetime.now(UTC).date()
START = TODAY - timedelta(days=3)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for day in (START, TODAY):
        note(tmp_path / "desk", day, 0, "ann", level=1)
    return tmp_path / "desk"


def row(feed: Feed, day: date) -> LedgerRow:
    with closing(open_any(feed.store_key)) as store:
        return store.ledger(feed.asset)[day]


@pytest.mark.parametrize("url", STORES, indirect=True)
def test_one_run_reads_both_and_then_it_is_quiet(
    folder: Path, url: str, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABMON_DOCUMENTS_URL", url)
    both = feeds(folder, START)
    (request,) = scheduled("every_five_minutes", both, instance)
    assert [key.to_user_string() for key in request.asset_selection or []] == [DOCUMENTS, READINGS]
    run([request], both, instance)
    assert [row(feed, TODAY).in_store for feed in both] == [1, 1]
    assert scheduled("every_five_minutes", both, instance) == []
    assert scheduled("nightly_audit", both, instance) == [], "the first read proved the past days"
    note(folder, START, 5, "bob", level=2)
    (seen,) = scheduled("every_five_minutes", both, instance)
    assert seen.tags["dagster/asset_partition_range_end"] == str(TODAY)
    run([seen], both, instance)
    assert [(row(feed, START).stale, row(feed, START).in_store) for feed in both] == [(True, 1)] * 2
    run(scheduled("every_five_minutes", both, instance), both, instance)
    assert [(row(feed, START).stale, row(feed, START).in_store) for feed in both] == [(False, 2)] * 2
    assert scheduled("every_five_minutes", both, instance) == []
    time.sleep(1)  # the audit's clock counts seconds
    run(scheduled("nightly_audit", both, instance), both, instance)
    assert all(row(feed, START).proven for feed in both)


def test_journals_have_a_sensor_of_their_own(
    folder: Path, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    both = feeds(folder, START)
    pc = tmp_path / "pc"
    pc.mkdir()
    definitions = lab(*both, tower(pc))
    repository = definitions.get_repository_def()
    assert {one.name for one in repository.sensor_defs} == {"new_files", "new_messages"}
    context = dg.build_sensor_context(instance=instance, repository_def=repository)
    result = definitions.resolve_sensor_def("new_messages")(context)
    assert isinstance(result, dg.SensorResult)
    (request,) = result.run_requests or []
    assert [key.to_user_string() for key in request.asset_selection or []] == [DOCUMENTS, READINGS]


def test_stores_of_one_name_are_two(
    folder: Path, tmp_path: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABMON_LOCAL_URL", f"sqlite:///{tmp_path}/local.db")
    both = feeds(folder, START, store="local")
    assert set(ledgers(both)) == {StoreKey("local", True), StoreKey("local")}
    run(scheduled("every_five_minutes", both, instance), both, instance)
    assert [row(feed, TODAY).in_store for feed in both] == [1, 1]
    assert scheduled("every_five_minutes", both, instance) == []


def test_while_one_store_is_away_the_other_assets_are_read(
    folder: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABMON_DOCUMENTS_URL", "mongodb://127.0.0.1:1/lab")
    both, now = feeds(folder, START), datetime.now(UTC)
    asked = Scout().ask(both, now)
    assert set(asked.wishes) == {READINGS}
    assert "MongoDB at 127.0.0.1:1/lab is away" in asked.silent[DOCUMENTS]
    (request,), reasons = news_requests(asked, both, instance, now)
    assert [key.to_user_string() for key in request.asset_selection or []] == [READINGS]
    assert reasons == [f"{DOCUMENTS}: {asked.silent[DOCUMENTS]}"]
