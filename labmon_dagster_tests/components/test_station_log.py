"""A station log in Dagster: an asset a destination, each with its ledger, none held up by another."""

from __future__ import annotations

import socket
import time
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import dagster as dg
import pytest

from labmon_dagster import settings
from labmon_dagster.automation import triggers
from labmon_dagster.automation.news import Scout
from labmon_dagster.automation.plan import Span
from labmon_dagster.automation.runs import EXPERIMENT
from labmon_dagster.automation.triggers import news_requests
from labmon_dagster.collector.occupied import occupied
from labmon_dagster.components import Feed, StationLog
from labmon_dagster.components.assets import feed_definitions
from labmon_dagster.journal import Journal
from labmon_dagster.journal.line import Message
from labmon_dagster.model import DAY, Window
from labmon_dagster.model.window import day_number
from labmon_dagster.stores import LedgerRow
from labmon_dagster.stores.base import StoreError
from labmon_dagster_tests.databases import influx_url
from labmon_dagster_tests.labs import materialize
from labmon_dagster_tests.servers.influx import Influxd

TODAY = datetime.now(UTC).date()
START = TODAY - timedelta(days=7)
LINE = b"pps,station=KP pps_offset=-3i %d"
EVER = Window(0, 2**62)


def log(**destinations: object) -> StationLog:
    given = {"local": {"store": "eht_local"}, "global": {"store": "eht_global", "order": "newest"}}
    made = {"asset": "eht/vlbimon", "start": str(START), "destinations": destinations or given}
    return StationLog.model_validate(made)


def write(*days: date) -> None:
    """Log a point on each of some days, at noon, or now."""
    noons = [day_number(day) * DAY + DAY // 2 for day in days]
    times = [min(at, time.time_ns()) for at in noons]
    journal = Journal(settings.journal_root(), "eht/vlbimon")
    journal.append_many([Message(LINE % at, {}, at) for at in times])


def ledger(feed: Feed) -> dict[date, LedgerRow]:
    with closing(settings.open_store(feed.store)) as store:
        return store.ledger(feed.asset)


def points(store: str) -> int:
    with closing(settings.open_store(store)) as opened:
        return opened.fetch("pps", EVER).height


def run(requests: list[dg.RunRequest], feeds: list[Feed], instance: dg.DagsterInstance) -> None:
    for one in requests:
        (key,) = one.asset_selection or []
        feed = next(feed for feed in feeds if feed.asset == key.to_user_string())
        span = [one.tags[f"dagster/asset_partition_range_{end}"] for end in ("start", "end")]
        materialize(feed, *span, instance=instance, mode="news")


def ask(feeds: list[Feed], instance: dg.DagsterInstance) -> list[dg.RunRequest]:
    now = datetime.now(UTC)
    requests, _ = news_requests(Scout().ask(feeds, now), feeds, instance, now)
    return requests


def test_two_destinations_are_two_assets_of_one_log(instance: dg.DagsterInstance) -> None:
    feeds = log().feeds()
    assert [feed.asset for feed in feeds] == ["eht/vlbimon_local", "eht/vlbimon_global"]
    write(TODAY, START)
    materialize(feeds[0], str(TODAY), instance=instance)
    assert (points("eht_local"), points("eht_global")) == (1, 0)
    assert [len(ledger(feed)) for feed in feeds] == [1, 0]
    materialize(feeds[1], str(START), str(TODAY), instance=instance)
    assert (points("eht_local"), points("eht_global")) == (1, 2)
    row = ledger(feeds[1])[START]
    assert (row.proven, row.verdict, row.in_store) == (True, "stored", 1)


def test_rows_of_several_measurements_are_said_to_be_of_no_table() -> None:
    for feed in log().feeds():
        (asset,) = feed_definitions(feed).assets or []
        assert isinstance(asset, dg.AssetsDefinition)
        (shown,) = asset.metadata_by_key.values()
        assert shown.keys() == {"labmon/measurement", "labmon/store"}


def test_each_destination_runs_in_a_lane_of_its_own(instance: dg.DagsterInstance) -> None:
    feeds = log().feeds()
    write(TODAY)
    requests = ask(feeds, instance)
    assert {one.tags[EXPERIMENT] for one in requests} == {feed.asset for feed in feeds}
    assert all(len(one.asset_selection or []) == 1 for one in requests)


def test_one_that_is_away_holds_up_no_other(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABMON_EHT_GLOBAL_URL", "influxdb1+http://127.0.0.1:1/vlbimon?patience=0")
    feeds = log().feeds()
    write(TODAY)
    requests = ask(feeds, instance)
    assert {one.tags[EXPERIMENT] for one in requests} == {"eht/vlbimon_local"}


def test_one_that_hangs_holds_up_no_other(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, influxd: Influxd
) -> None:
    name = f"l{uuid4().hex[:12]}"
    influxd.create_database(name)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hanging = f"influxdb1+http://127.0.0.1:{silent.getsockname()[1]}/vlbimon"
        monkeypatch.setenv("LABMON_EHT_GLOBAL_URL", hanging)
        monkeypatch.setenv("LABMON_EHT_LOCAL_URL", influx_url(1, influxd.url, name))
        feeds = log().feeds()[::-1]  # the one that hangs is asked first
        write(TODAY)
        scout = Scout(patience=3)
        for why in ("did not answer within 3 s", "still has not answered an earlier question"):
            asked = scout.ask(feeds, datetime.now(UTC))
            assert asked.silent == {"eht/vlbimon_global": why}
            assert set(asked.wishes) == {"eht/vlbimon_local"}
    influxd.query(f'DROP DATABASE "{name}"')


def test_the_audit_waits_for_all_stores_together(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    until: list[float] = []

    def hangs(feed: Feed, _books: object, deadline: float) -> str:
        until.append(deadline)
        return f"{feed.asset}: its store did not answer"

    monkeypatch.setattr(triggers, "_trouble", hangs)
    feeds = log().feeds()
    context = dg.build_schedule_context(instance=instance, scheduled_execution_time=datetime.now(UTC))
    triggers.nightly_audit(feeds).evaluate_tick(context)
    assert len(until) == 2 and len(set(until)) == 1


def test_a_week_without_internet_drains_newest_first(instance: dg.DagsterInstance) -> None:
    local, far = feeds = log().feeds()
    week = [START + timedelta(days=n) for n in range(8)]
    write(*week)
    for _ in range(2):
        run(ask([local], instance), feeds, instance)
    assert points("eht_local") == 8
    came: list[str] = []
    for _ in week:
        requests = ask([far], instance)
        run(requests, feeds, instance)
        came += [one.tags["dagster/asset_partition_range_start"] for one in requests]
    past = [day for day in came if day != str(TODAY)]
    assert past == sorted(past, reverse=True) and set(came) == {str(day) for day in week}
    assert points("eht_global") == 8 and points("eht_local") == 8
    assert ask([far], instance) == []


def test_each_day_is_a_run(instance: dg.DagsterInstance) -> None:
    feeds = log(only={"store": "eht_local"}).feeds()
    first, last = START + timedelta(days=1), TODAY - timedelta(days=1)
    write(START, first, TODAY)
    asked = Scout().ask(feeds, datetime.now(UTC))
    days = [Span(day, day) for day in (TODAY, START, first)]
    assert asked.wishes == {"eht/vlbimon_only": [*days, Span(START + timedelta(days=2), last)]}


def test_a_program_that_delivers_too_is_told_of(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("labmon_dagster.io_managers._TURN", 0.2)
    (feed,) = log(only={"store": "eht_local"}).feeds()
    write(TODAY)
    assert feed.turns is not None
    with (
        occupied(feed.turns, feed.asset) as mine,
        pytest.raises(StoreError, match="`deliver = dagster`"),
    ):
        assert mine
        materialize(feed, str(TODAY), instance=instance)
    materialize(feed, str(TODAY), instance=instance)
    assert points("eht_local") == 1


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({}, "at least 1"),
        ({"Local": {"store": "eht_local"}}, "small letters, digits and _"),
        (
            {name: {"store": "eht_local"} for name in ("local", "global")},
            "two destinations have store 'eht_local'",
        ),
        ({"local": {"store": "eht_local", "order": "random"}}, "no such order; allowed: oldest, newest"),
        ({"local": {"store": "eht_local", "bucket": "b"}}, "Extra inputs are not permitted"),
    ],
)
def test_what_makes_no_sense_is_refused(given: object, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        StationLog.model_validate({"asset": "eht/vlbimon", "start": "2026-11-01", "destinations": given})
