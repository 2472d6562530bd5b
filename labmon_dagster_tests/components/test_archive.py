"""The archive as an asset: materialized by Dagster, judged by plain SQL, its collisions, news and recount."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from influxdb import InfluxDBClient

from labmon_dagster.model import Window
from labmon_dagster.settings import open_store
from labmon_dagster.stores import SqliteStore
from labmon_dagster_tests.components.archive_lab import ASSET, feed_of
from labmon_dagster_tests.labs import lab, materialize, tower
from labmon_dagster_tests.servers.influx import Influxd
from labmon_dagster_tests.sources.wincc_archive.archives import FIRST, Archive, after, small


def test_the_yaml_is_that_of_the_old_program(archive: Archive) -> None:
    feed = feed_of(archive)
    assert (feed.asset, feed.measurement, [one.name for one in feed.fields]) == (
        ASSET,
        "cms_mtdtf_dcs",
        ["value"],
    )
    assert len(feed.source.datapoints()) == 22  # type: ignore[attr-defined]


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


def test_a_value_left_out_does_not_win_against_a_real_one(archive: Archive, embedded: SqliteStore) -> None:
    archive.mtrs((101, after(0), 5.0), (101, after(0), -999.0))
    rules = {"value": {"sentinels": [-999], "on_fail": "omit"}}
    feed = feed_of(archive, quality=rules)
    materialize(feed, str(FIRST))
    assert embedded.fetch(feed.measurement, Window.of_days(FIRST, FIRST))["value"].to_list() == [5.0]
