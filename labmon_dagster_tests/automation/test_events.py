"""Events and their rates under the schedules: one run stores events and counts them, then it is quiet."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import polars as pl

from labmon_dagster import settings
from labmon_dagster.components import EventRates, Feed
from labmon_dagster.model import Window
from labmon_dagster_tests.automation.test_triggers import instance, run, scheduled
from labmon_dagster_tests.components.cosmic_lab import ASSET, COLLECTION, feed, hear
from labmon_dagster_tests.labs import lab

__all__ = ["instance"]

START = datetime.now(UTC).date() - timedelta(days=2)
SECOND = int((datetime.now(UTC) - datetime(2000, 1, 1, tzinfo=UTC)).total_seconds())


def both(folder: Path) -> list[Feed]:
    rates = {
        "asset": "cosmic/rates",
        "events": ASSET,
        "collection": COLLECTION,
        "measurement": "cosmic_rates",
        "start": str(START),
    }
    return [feed(folder, start=str(START)), EventRates.model_validate(rates).feed()]


def event(number: int) -> bytes:
    told = f'"Format": 1, "DetectorId": 3, "RunNumber": 1, "EventNumber": {number}, "Timestamp": {SECOND}'
    return f"[{told}}}".encode()


def counted() -> int:
    """All events that the rates tell of."""
    with closing(settings.open_store()) as store:
        rows = store.fetch("cosmic_rates", Window(0, 2**62))
    return int(rows.filter((pl.col("trigger_bit") == "") & (pl.col("block") == ""))["events"].sum())


def test_one_run_stores_events_and_counts_them(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    feeds = both(tmp_path)
    hear(event(1))
    run(scheduled("every_five_minutes", feeds, instance), feeds, instance)
    assert counted() == 1
    assert scheduled("every_five_minutes", feeds, instance) == []
    hear(event(2))
    hear(event(1))
    (request,) = scheduled("every_five_minutes", feeds, instance)
    assert [key.to_user_string() for key in request.asset_selection or []] == [ASSET, "cosmic/rates"]
    run([request], feeds, instance)
    assert counted() == 2
    assert scheduled("every_five_minutes", feeds, instance) == []


def test_one_sensor_sees_both(tmp_path: Path) -> None:
    repository = lab(*both(tmp_path)).get_repository_def()
    assert {one.name for one in repository.sensor_defs} == {"new_messages"}
    rates = lab(*both(tmp_path)).resolve_asset_graph().get(dg.AssetKey(["cosmic", "rates"]))
    assert rates.parent_keys == {dg.AssetKey(["cosmic", "events"])}
