"""The schedules and the sensor on a lab: what they ask for, when they are silent, how they recover."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from labmon_dagster.automation import triggers
from labmon_dagster.automation.news import Scout
from labmon_dagster.automation.runs import obstacle
from labmon_dagster.components import Feed
from labmon_dagster.model import Position, Window
from labmon_dagster.stores import SqliteStore
from labmon_dagster_tests import tables
from labmon_dagster_tests.labs import lab, tower


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as made:
        yield made


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def feed(tmp_path: Path, now: datetime) -> Feed:
    recent = tables.rows((now - timedelta(minutes=10)).replace(tzinfo=None), 60)
    path = tables.write(tmp_path / "pc" / "46m_Test.dat", tables.header(), recent)
    return tower(path.parent, zone="UTC", start=str(now.date() - timedelta(days=3)))


def scheduled(name: str, feeds: list[Feed], instance: dg.DagsterInstance) -> list[dg.RunRequest]:
    definitions = lab(*feeds)
    context = dg.build_schedule_context(
        instance=instance,
        scheduled_execution_time=datetime.now(UTC).replace(hour=1),  # on Sundays at 3 the audit does more
        repository_def=definitions.get_repository_def(),
    )
    return list(definitions.resolve_schedule_def(name).evaluate_tick(context).run_requests or [])


def sensed(
    definitions: dg.Definitions, instance: dg.DagsterInstance, cursor: str | None = None
) -> dg.SensorResult | dg.SkipReason:
    context = dg.build_sensor_context(
        instance=instance, cursor=cursor, repository_def=definitions.get_repository_def()
    )
    return definitions.resolve_sensor_def("new_files")(context)  # type: ignore[return-value]


def run(
    requests: list[dg.RunRequest], feeds: list[Feed], instance: dg.DagsterInstance, *, ok: bool = True
) -> None:
    definitions = lab(*feeds)
    for request in requests:
        assert request.asset_selection
        job = definitions.resolve_implicit_global_asset_job_def().get_subset(
            asset_selection=set(request.asset_selection)
        )
        result = job.execute_in_process(
            instance=instance, tags=dict(request.tags), run_config=request.run_config, raise_on_error=ok
        )
        assert result.success is ok


def stored(store: SqliteStore) -> int:
    return store.fetch("Fastdata", Window(0, 1 << 62)).height


def test_the_schedule_reads_what_is_new_and_then_is_silent(
    feed: Feed, instance: dg.DagsterInstance, embedded: SqliteStore, now: datetime
) -> None:
    (request,) = scheduled("every_five_minutes", [feed], instance)
    assert request.tags["dagster/asset_partition_range_start"] == str(feed.start)
    assert request.tags["dagster/asset_partition_range_end"] == str(now.date())
    assert request.tags["dagster/priority"] == "1", "news do not wait behind the audit"
    run([request], [feed], instance)
    assert stored(embedded) == 60
    assert scheduled("every_five_minutes", [feed], instance) == []


def test_the_first_read_proves_the_past_days(
    feed: Feed, instance: dg.DagsterInstance, embedded: SqliteStore, now: datetime
) -> None:
    run(scheduled("every_five_minutes", [feed], instance), [feed], instance)
    ledger = embedded.ledger(feed.asset)
    assert [row.verdict for day, row in ledger.items() if day < now.date() - timedelta(days=1)] == [
        "empty"
    ] * 2
    assert not ledger[now.date()].proven
    assert scheduled("nightly_audit", [feed], instance) == []


def test_one_run_an_experiment_with_its_own_days(
    feed: Feed, instance: dg.DagsterInstance, tmp_path: Path, embedded: SqliteStore
) -> None:
    later = replace(
        tower(feed.source.folder.url, asset="umbs/other", measurement="Other", zone="UTC"), start=feed.start
    )  # type: ignore[attr-defined]
    young = replace(later, asset="umbs/young", start=datetime.now(UTC).date())
    elsewhere = replace(later, asset="elsewhere/tower")
    feeds = [feed, later, young, elsewhere]
    requests = scheduled("every_five_minutes", feeds, instance)
    selections = [[key.to_user_string() for key in request.asset_selection or []] for request in requests]
    assert selections == [["umbs/tower", "umbs/other"], ["umbs/young"], ["elsewhere/tower"]]
    run(requests, feeds, instance)
    assert {asset: bool(embedded.ledger(asset)) for asset in embedded.assets()} == dict.fromkeys(
        (f.asset for f in feeds), True
    )


def test_no_second_run_while_one_is_under_way(feed: Feed, instance: dg.DagsterInstance) -> None:
    job = lab(feed).resolve_implicit_global_asset_job_def()
    instance.create_run_for_job(
        job, status=dg.DagsterRunStatus.STARTED, tags={"labmon/experiment": "umbs", "labmon/trigger": "news"}
    )
    assert scheduled("every_five_minutes", [feed], instance) == []


def test_a_failing_experiment_is_asked_again_with_pauses(
    feed: Feed, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("labmon_dagster.landing.close.Book.closed", lambda *_, **__: 1 / 0)
    run(scheduled("every_five_minutes", [feed], instance), [feed], instance, ok=False)
    assert scheduled("every_five_minutes", [feed], instance) == []
    monkeypatch.setattr("labmon_dagster.automation.runs.pause_after", lambda _: timedelta(0))
    assert len(scheduled("every_five_minutes", [feed], instance)) == 1


def test_runs_of_one_tick_that_fail_are_one_try(feed: Feed, instance: dg.DagsterInstance) -> None:
    job = lab(feed).resolve_implicit_global_asset_job_def()
    tags = {"labmon/experiment": "umbs", "labmon/trigger": "news", "dagster/tick": "7"}
    for _ in range(5):
        instance.create_run_for_job(job, status=dg.DagsterRunStatus.FAILURE, tags=tags)
    now = datetime.now(UTC)
    assert "5 runs failed in a row" in str(obstacle(instance, "umbs", "news", now))
    assert obstacle(instance, "umbs", "news", now + timedelta(minutes=6)) is None
    instance.create_run_for_job(job, status=dg.DagsterRunStatus.FAILURE, tags={**tags, "dagster/tick": "8"})
    assert obstacle(instance, "umbs", "news", now + timedelta(minutes=6)) is not None
    assert obstacle(instance, "umbs", "news", now + timedelta(minutes=11)) is None


def test_a_run_that_fails_after_the_cursor_moved_is_made_good_by_the_schedule(
    feed: Feed, instance: dg.DagsterInstance, embedded: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    definitions = lab(feed)
    result = sensed(definitions, instance)
    assert isinstance(result, dg.SensorResult)
    assert json.loads(result.cursor or "")["umbs"]
    with monkeypatch.context() as broken:
        broken.setattr("labmon_dagster.landing.close.Book.closed", lambda *_, **__: 1 / 0)
        run(list(result.run_requests or []), [feed], instance, ok=False)
    assert isinstance(sensed(definitions, instance, result.cursor), dg.SkipReason)
    monkeypatch.setattr("labmon_dagster.automation.runs.pause_after", lambda _: timedelta(0))
    run(scheduled("every_five_minutes", [feed], instance), [feed], instance)
    assert stored(embedded) == 60


@pytest.mark.parametrize("cursor", [None, "not json", "[]", '{"umbs": "now"}'])
def test_an_unreadable_cursor_is_no_cursor(
    cursor: str | None, feed: Feed, instance: dg.DagsterInstance
) -> None:
    definitions = lab(feed)
    assert isinstance(sensed(definitions, instance, cursor), dg.SensorResult)
    assert isinstance(sensed(definitions, instance, cursor), dg.SensorResult)


def test_the_sensor_asks_once_in_two_minutes(feed: Feed, instance: dg.DagsterInstance) -> None:
    definitions = lab(feed)
    first = sensed(definitions, instance)
    assert isinstance(first, dg.SensorResult)
    again = sensed(definitions, instance, first.cursor)
    assert isinstance(again, dg.SkipReason)
    assert again.skip_message == "asked a moment ago"


def test_the_first_tick_after_a_start_asks_at_once(feed: Feed, instance: dg.DagsterInstance) -> None:
    before = sensed(lab(feed), instance)
    assert isinstance(before, dg.SensorResult)
    assert isinstance(sensed(lab(feed), instance, before.cursor), dg.SensorResult)


def test_a_hanging_source_delays_no_other(feed: Feed, instance: dg.DagsterInstance, now: datetime) -> None:
    hang = threading.Event()

    class Hanging:
        def news(self, known: Position) -> bool:
            return hang.wait()

    stuck = replace(feed, asset="stuck/tower", source=Hanging())  # type: ignore[arg-type]
    scout = Scout(patience=0.2)
    try:
        asked = scout.ask([stuck, feed], now)
        assert set(asked.wishes) == {feed.asset}
        assert asked.silent == {"stuck/tower": "did not answer within 0.2 s"}
        again = scout.ask([stuck, feed], now)
        assert again.silent == {"stuck/tower": "still has not answered an earlier question"}
        requests, reasons = triggers.news_requests(again, [stuck, feed], instance, now)
        assert [request.tags["labmon/experiment"] for request in requests] == ["umbs"]
        assert reasons == ["stuck/tower: still has not answered an earlier question"]
    finally:
        hang.set()


def test_a_source_that_raises_is_named_and_the_others_go_on(feed: Feed, now: datetime) -> None:
    gone = replace(tower(Path("/nowhere/at/all"), asset="gone/tower"), start=feed.start)
    asked = Scout().ask([gone, feed], now)
    assert set(asked.wishes) == {feed.asset}
    assert asked.silent == {"gone/tower": "SourceError: folder /nowhere/at/all does not exist"}


def test_one_wild_stamp_stops_nothing(
    feed: Feed, instance: dg.DagsterInstance, embedded: SqliteStore, now: datetime
) -> None:
    path = Path(feed.source.folder.url) / "46m_Test.dat"  # type: ignore[attr-defined]
    run(scheduled("every_five_minutes", [feed], instance), [feed], instance)
    for n, stamp in enumerate(
        [datetime(2099, 1, 1), now.replace(tzinfo=None), now.replace(tzinfo=None) + timedelta(seconds=5)]
    ):
        with path.open("ab") as file:
            file.write(tables.row(stamp, 1000 + n).encode())
        os.utime(path, ns=(n, n))
        run(scheduled("every_five_minutes", [feed], instance), [feed], instance)
    assert stored(embedded) == 62
    (piece,) = embedded.quarantined(feed.asset)
    assert piece.reason.startswith(
        "time stamp 2099-01-01T00:00:00.000000000Z lies more than 30 minutes in the future"
    )
    assert date(2099, 1, 1) not in embedded.ledger(feed.asset)
    assert scheduled("every_five_minutes", [feed], instance) == []


def test_the_audit_reads_missed_days_as_a_whole_and_proves_them(
    feed: Feed, instance: dg.DagsterInstance, embedded: SqliteStore, now: datetime
) -> None:
    feed = replace(feed, start=now.date() - timedelta(days=70))
    requests = scheduled("nightly_audit", [feed], instance)
    assert [r.tags["dagster/asset_partition_range_start"] for r in requests] == [
        str(now.date() - timedelta(days=back)) for back in (70, 39, 8)
    ]
    run(requests, [feed], instance)
    ledger = embedded.ledger(feed.asset)
    assert all(row.proven for day, row in ledger.items() if day < now.date())
    assert scheduled("nightly_audit", [feed], instance) == []
