"""The archive as an asset: materialized by Dagster, judged by plain SQL, its collisions, news and recount."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from influxdb import InfluxDBClient

import labmon_dagster
from labmon_dagster.components import Feed, WinccArchive
from labmon_dagster.landing.recount import recount
from labmon_dagster.model import Window
from labmon_dagster.model.window import days_between
from labmon_dagster.settings import open_store
from labmon_dagster.stores import SqliteStore
from labmon_dagster_tests.labs import lab, materialize, tower
from labmon_dagster_tests.servers.influx import Influxd
from labmon_dagster_tests.sources.wincc_archive.archives import FIRST, Archive, after, small
from labmon_dagster_tests.sources.wincc_archive.judge import judged
from labmon_dagster_tests.sources.wincc_archive.large import large

_DEFS = Path(labmon_dagster.__file__).parent / "defs" / "cms_mtd" / "defs.yaml"
ASSET = "cms_mtd/dcs_readings"


def feed_of(archive: Archive, **changes: Any) -> Feed:
    """The feed of the lab's own YAML over an archive of the test."""
    attributes = yaml.safe_load(_DEFS.read_text())["attributes"]
    return WinccArchive.model_validate(
        {**attributes, "archive": f"sqlite:///{archive.path}", **changes}
    ).feed()


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return small(tmp_path / "archive.db")


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as made:
        yield made


def store_path(home: Path) -> Path:
    return home / "readings.db"


def test_the_yaml_is_that_of_the_old_program(archive: Archive) -> None:
    feed = feed_of(archive)
    assert (feed.asset, feed.measurement, [one.name for one in feed.fields]) == (
        ASSET,
        "cms_mtdtf_dcs",
        ["value"],
    )
    assert len(feed.source.datapoints()) == 22  # type: ignore[attr-defined]


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
    found = recount(embedded, feed.source, ASSET, feed.measurement, days, 0)  # type: ignore[arg-type]
    assert sum(found.reopened.values()) > 200
    assert materialize(feed, str(days[0]), str(days[-1]), mode="news").success
    assert judged(month.archive.path, store_path(home)).right
    assert all(row.proven for row in embedded.ledger(ASSET).values())


def test_the_loser_of_a_collision_waits_in_quarantine_whatever_comes_first(
    archive: Archive, embedded: SqliteStore
) -> None:
    archive.name((500, "cms_mtdtf_dcs_1:MTRS/MTD_TIF_18/Chip_0/Channel_0"))
    archive.mtrs((500, after(0), 1.0), (101, after(1), 5.0), (101, after(2), 7.0))
    feed = feed_of(archive)
    materialize(feed, str(FIRST))
    archive.mtrs((101, after(0), 9.0), (101, after(1), 4.0), (101, after(2), 8.0), (101, after(2), 8.0))
    materialize(feed, str(FIRST))
    rows = embedded.fetch(feed.measurement, Window.of_days(FIRST, FIRST))
    assert rows["value"].to_list() == [1.0, 5.0, 8.0], "larger DPID, then larger value"
    lost = {(piece.kind, piece.raw) for piece in embedded.quarantined(ASSET)}
    assert lost == {("collided", f'{{"value": {value}}}') for value in (9.0, 4.0, 7.0)}
    counts = embedded.ledger(ASSET)[FIRST].counts
    assert (counts.read, counts.stored, counts.repeated, counts.collided) == (7, 1, 4, 2)


def test_above_40_degrees_a_plc_sensor_is_suspect(archive: Archive, embedded: SqliteStore) -> None:
    archive.mtrs((101, after(0), 55.0)).plc((201, after(0), 40.0), (202, after(0), 40.5))
    feed = feed_of(archive)
    materialize(feed, str(FIRST))
    rows = embedded.fetch(feed.measurement, Window.of_days(FIRST, FIRST)).sort("source", "channel")
    assert rows.select("source", "value", "value_qc").rows() == [
        ("mtrs", 55.0, 2),
        ("plc", 40.0, 1),
        ("plc", 40.5, 3),
    ]


def test_news_read_the_lookback_again_and_store_what_came_late(
    archive: Archive, embedded: SqliteStore
) -> None:
    archive.mtrs(*((101, after(60 * n), float(n)) for n in range(120)))
    feed = feed_of(archive)
    materialize(feed, str(FIRST), mode="news")
    archive.mtrs((101, after(60 * 100.5), 1.0), (101, after(60 * 5.5), 2.0), (101, after(60 * 120), 3.0))
    materialize(feed, str(FIRST), mode="news")
    row = embedded.ledger(ASSET)[FIRST]
    assert (row.counts.stored, row.counts.repeated, row.in_store) == (2, 20, 122)
    materialize(feed, str(FIRST))
    row = embedded.ledger(ASSET)[FIRST]
    assert (row.counts.stored, row.in_store, row.proven) == (1, 123, True)


def test_a_datapoint_silent_for_weeks_disturbs_nothing(archive: Archive, embedded: SqliteStore) -> None:
    archive.plc((202, after(0), 20.0)).mtrs(*((101, after(86400 * n), float(n)) for n in range(20)))
    feed = feed_of(archive)
    materialize(feed, str(FIRST), str(FIRST + timedelta(days=19)))
    assert all(row.proven for row in embedded.ledger(ASSET).values())
    archive.mtrs((101, after(86400 * 20), 1.0))
    materialize(feed, str(FIRST + timedelta(days=20)), mode="news")
    assert embedded.ledger(ASSET)[FIRST + timedelta(days=20)].counts.stored == 1


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


def test_the_sensor_asks_for_new_rows(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    now = datetime.now(UTC).replace(tzinfo=None)
    archive = small(tmp_path / "recent.db").mtrs((101, now - timedelta(seconds=30), 1.0))
    feed = feed_of(archive, start=str(now.date()))
    definitions = lab(feed)
    context = dg.build_sensor_context(instance=instance, repository_def=definitions.get_repository_def())
    result = definitions.resolve_sensor_def("new_rows")(context)
    assert isinstance(result, dg.SensorResult)
    (request,) = result.run_requests or []
    assert request.tags["dagster/asset_partition_range_end"] == str(now.date())
    with pytest.raises(dg.DagsterInvariantViolationError):
        definitions.resolve_sensor_def("new_files")


def test_an_influxdb_that_the_old_program_filled_goes_on(
    archive: Archive, influxd: Influxd, influx_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABMON_TIMESERIES_URL", f"influxdb1+{influxd.url}/{influx_database}")
    archive.mtrs(*((101, after(n), n / 3) for n in range(100))).plc((201, after(0), 41.0))
    tags = {"source": "mtrs", "chip": "0", "channel": "0"}
    named = {"measurement": "cms_mtdtf_dcs", "tags": tags}
    points = [{**named, "time": after(n).isoformat(), "fields": {"value": n / 3}} for n in range(60)]
    with closing(InfluxDBClient("127.0.0.1", influxd.port, database=influx_database)) as client:
        assert client.write_points(points)
    feed = feed_of(archive)
    for counts in ((41, 60), (0, 101)):
        assert materialize(feed, str(FIRST)).success
        with closing(open_store()) as store:
            row = store.ledger(ASSET)[FIRST]
        assert (row.counts.stored, row.counts.repeated, row.in_store, row.proven) == (*counts, 101, True)
    query = "SELECT value, chip, channel FROM cms_mtdtf_dcs WHERE source = 'mtrs'"
    found = influxd.query(query, db=influx_database)
    assert [(one["value"], one["chip"], one["channel"]) for one in found] == [
        (n / 3, "0", "0") for n in range(100)
    ]


def test_assets_of_different_first_days_are_one_lab(
    archive: Archive, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    now = datetime.now(UTC)
    archive.mtrs((101, now.replace(tzinfo=None) - timedelta(seconds=5), 1.0))
    feeds = [feed_of(archive), tower(tmp_path, start=str(now.date() - timedelta(days=2)))]
    definitions = lab(*feeds)
    repository = definitions.get_repository_def()
    repository.load_all_definitions()
    context = dg.build_schedule_context(
        instance=instance, scheduled_execution_time=now, repository_def=repository
    )
    asked = definitions.resolve_schedule_def("every_five_minutes").evaluate_tick(context).run_requests or []
    assert sorted(one.tags["labmon/experiment"] for one in asked) == ["cms_mtd", "umbs"]


def test_three_days_of_outage_are_filled_by_themselves(
    archive: Archive, instance: dg.DagsterInstance, embedded: SqliteStore
) -> None:
    now = datetime.now(UTC).replace(tzinfo=None)
    before = now.date() - timedelta(days=4)
    archive.mtrs(*((101, now - timedelta(hours=6 * n), float(n)) for n in range(17)))
    feed = feed_of(archive, start=str(before))
    materialize(feed, str(before), mode="news")
    definitions = lab(feed)
    repository = definitions.get_repository_def()
    context = dg.build_schedule_context(
        instance=instance, scheduled_execution_time=now, repository_def=repository
    )
    (asked,) = (
        definitions.resolve_schedule_def("every_five_minutes").evaluate_tick(context).run_requests or []
    )
    job = definitions.resolve_implicit_global_asset_job_def()
    assert job.execute_in_process(
        instance=instance, tags=dict(asked.tags), run_config=asked.run_config
    ).success
    assert embedded.fetch(feed.measurement, Window(0, 1 << 62))["value"].sort().to_list() == [
        float(n) for n in range(17)
    ]
    assert all(row.was_read for row in embedded.ledger(ASSET).values())
    assert len(embedded.ledger(ASSET)) == 5
