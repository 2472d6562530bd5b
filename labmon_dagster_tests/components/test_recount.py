"""The recount of an archive: what came days late, what waits in quarantine, what was tagged otherwise."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from labmon_dagster.landing.recount import recount
from labmon_dagster.model import DAY
from labmon_dagster.model.window import days_between
from labmon_dagster.stores import SqliteStore
from labmon_dagster_tests.components.archive_lab import ASSET, attributes, feed_of, land
from labmon_dagster_tests.labs import lab, materialize
from labmon_dagster_tests.sources.wincc_archive.archives import FIRST, START, Archive, after, small
from labmon_dagster_tests.sources.wincc_archive.judge import judged
from labmon_dagster_tests.sources.wincc_archive.large import large

LATER = START + 40 * DAY


def store_path(home: Path) -> Path:
    return home / "readings.db"


def test_the_recount_is_a_job_that_opens_days_again(
    tmp_path: Path, embedded: SqliteStore, instance: dg.DagsterInstance
) -> None:
    yesterday = datetime.now(UTC).replace(
        tzinfo=None, hour=12, minute=0, second=0, microsecond=0
    ) - timedelta(days=1)
    archive = small(tmp_path / "recent.db").mtrs((101, yesterday, 1.0), (102, yesterday, "no number"))
    feed = feed_of(archive, start=str(yesterday.date() - timedelta(days=3)))
    materialize(feed, str(yesterday.date() - timedelta(days=3)), str(yesterday.date()))
    assert embedded.ledger(ASSET)[yesterday.date()].proven
    definitions = lab(feed)
    job = definitions.resolve_job_def("recount")
    assert job.execute_in_process(instance=instance).success
    assert embedded.ledger(ASSET)[yesterday.date()].proven, "what waits in quarantine is not lacking"
    archive.mtrs((101, yesterday + timedelta(seconds=1), 2.0))
    result = job.execute_in_process(instance=instance)
    row = embedded.ledger(ASSET)[yesterday.date()]
    assert (row.proven, row.stale, dict(row.read_until)) == (False, True, {})
    (observed,) = result.get_asset_observation_events()
    assert observed.asset_observation_data.asset_observation.metadata["days opened again"].value == str(
        yesterday.date()
    )
    assert definitions.resolve_schedule_def("nightly_recount").cron_schedule == "40 2 * * *"
    materialize(feed, str(yesterday.date()), mode="news")
    row = embedded.ledger(ASSET)[yesterday.date()]
    assert (row.proven, row.in_store) == (True, 2)


def test_what_waits_in_quarantine_hides_nothing_from_the_recount(
    archive: Archive, embedded: SqliteStore
) -> None:
    noon = START + 12 * 3600 * 10**9
    archive.mtrs(
        (101, after(3600), 1.0), (102, after(0), "nan"), (103, after(1), "1e400"), (104, after(0), 2.0)
    )
    feed = feed_of(archive)
    land(feed, embedded, noon)  # one o'clock is in the future still
    assert len(embedded.quarantined(ASSET)) == 3
    later = START + 40 * DAY
    land(feed, embedded, later)
    assert embedded.ledger(ASSET)[FIRST].proven
    for number in range(3):
        found = recount(embedded, feed.source, ASSET, feed.measurement, [FIRST], later)  # type: ignore[arg-type]
        assert found.in_source == 4 + number
        assert dict(found.reopened) == ({FIRST: 1} if number else {})
        assert embedded.ledger(ASSET)[FIRST].proven is not bool(number)
        land(feed, embedded, later)
        archive.plc((201 + number, after(60), 20.0))


def test_a_change_of_tags_is_seen_by_the_recount(archive: Archive, embedded: SqliteStore) -> None:
    archive.mtrs((101, after(0), 1.0), (101, after(1), 2.0))
    land(feed_of(archive), embedded, START + 40 * DAY)
    tables = [{**one, "tags": [{"match": one["tags"][0]["match"]}]} for one in attributes()["tables"]]
    feed = feed_of(archive, tables=tables, quality={})
    found = recount(embedded, feed.source, ASSET, feed.measurement, [FIRST], LATER)  # type: ignore[arg-type]
    assert found.differing.select("source", "in_source", "in_store").sort("source").rows() == [
        ("", 2, 0),
        ("mtrs", 0, 2),
    ]
    assert dict(found.reopened) == {FIRST: 2}
    materialize(feed, str(FIRST), replace=True)
    found = recount(embedded, feed.source, ASSET, feed.measurement, [FIRST], LATER)  # type: ignore[arg-type]
    assert found.differing.is_empty()


@pytest.mark.slow
def test_a_month_is_stored_as_plain_sql_counts_and_sums_it(
    tmp_path: Path, home: Path, embedded: SqliteStore
) -> None:
    month = large(tmp_path / "large.db", 200_000, days=30)
    month.fill()
    feed = feed_of(month.archive)
    days = days_between(FIRST, FIRST + timedelta(days=29))
    assert materialize(feed, str(days[0]), str(days[-1])).success
    ledger = embedded.ledger(ASSET)
    for day in days:
        row = ledger[day]
        counts = row.counts
        total = counts.stored + counts.repeated + counts.collided + counts.empty + counts.quarantined
        assert counts.read == total
        assert row.proven
    read = sum(row.counts.read for row in ledger.values())
    in_archive = month.archive.sql(
        "SELECT (SELECT count(*) FROM MTRSCHANNEL) + (SELECT count(*) FROM TKPLCREADSENSOR)"
    )
    assert [(read,)] == in_archive
    assert judged(month.archive.path, store_path(home)).right
    assert sum(row.counts.collided for row in ledger.values()) > 150
    month.fill_late()
    assert not judged(month.archive.path, store_path(home)).right
    found = recount(embedded, feed.source, ASSET, feed.measurement, days, LATER)  # type: ignore[arg-type]
    assert sum(found.reopened.values()) > 200
    assert materialize(feed, str(days[0]), str(days[-1]), mode="news").success
    assert judged(month.archive.path, store_path(home)).right
    assert all(row.proven for row in embedded.ledger(ASSET).values())
