"""The tower in other databases: the environment says where its readings go, and nothing else changes."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

import labmon_dagster
from labmon_dagster.automation.news import Scout
from labmon_dagster.automation.triggers import news_requests
from labmon_dagster.components import Feed
from labmon_dagster.components.lab import feed_named
from labmon_dagster.model import Readings, Request, Window
from labmon_dagster.settings import open_store, url_variable
from labmon_dagster.stores import LedgerRow, Quarantined
from labmon_dagster_tests import tables
from labmon_dagster_tests.cli.lab import told
from labmon_dagster_tests.databases import Url
from labmon_dagster_tests.labs import materialize, tower
from labmon_dagster_tests.servers.influx import Influxd

DAY = date(2021, 6, 25)
LOCAL = datetime(2021, 6, 25, 10, 50, 5)
NOWHERE = "influxdb1+http://127.0.0.1:1/lab?patience=0"


def use(monkeypatch: pytest.MonkeyPatch, url: str, *options: str, store: str = "timeseries") -> None:
    """Make the lab's store of a name lie behind a URL."""
    monkeypatch.setenv(url_variable(store), url)
    told("create-store", "--store", store, *options)


@pytest.fixture
def server(own_influxd: Influxd, monkeypatch: pytest.MonkeyPatch) -> Influxd:
    """A server of the test's own that the readings go to."""
    use(monkeypatch, f"influxdb1+{own_influxd.url}/lab?patience=1")
    return own_influxd


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two days of a tower, one line that is none, one stamp that comes twice with other values."""
    rows = tables.rows(LOCAL, 60, record=260623) + tables.rows(LOCAL + timedelta(days=1), 30, record=300000)
    bad = tables.row(LOCAL + timedelta(hours=1), 300031, "broken")
    twice = tables.row(LOCAL + timedelta(seconds=5), 300032, -0.0, 2, 3, 6999.5, 5)
    tables.write(tmp_path / "pc" / "46m_Test.dat", tables.header(), rows, bad, twice)
    return tmp_path / "pc"


def ledger(asset: str, store: str = "timeseries") -> dict[date, LedgerRow]:
    with closing(open_store(store)) as opened:
        return opened.ledger(asset)


def quarantined(asset: str, store: str = "timeseries") -> list[Quarantined]:
    with closing(open_store(store)) as opened:
        return opened.quarantined(asset)


def figures(asset: str) -> list[tuple[object, ...]]:
    """What the ledger says of each day, without what differs from run to run."""
    rows = ledger(asset).values()
    marks = [{stream: mark.offset for stream, mark in row.read_until.items()} for row in rows]
    told = [(r.day, r.counts, r.in_store, r.first, r.last, r.proven, r.verdict, r.stale) for r in rows]
    return [(*one, mark) for one, mark in zip(told, marks, strict=True)]


def pieces(asset: str) -> list[tuple[str, ...]]:
    return [(p.id, p.kind, p.reason, p.raw, p.place, p.identity) for p in quarantined(asset)]


def checks(result: dg.ExecuteInProcessResult) -> dict[str, tuple[bool, dict[str, object]]]:
    return {
        check.check_name: (check.passed, {name: value.value for name, value in check.metadata.items()})
        for check in result.get_asset_check_evaluations()
    }


def the_tower(folder: Path) -> Feed:
    return tower(folder)


def the_real_one(folder: Path) -> Feed:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AMERIFLUX_UMBS_DIR", str(folder))
        return feed_named("ameriflux_umbs/tower_46m")


@pytest.mark.parametrize("made", [the_tower, the_real_one])
def test_a_tower_is_the_same_in_either_database(
    made: object, folder: Path, influx: Url, fresh: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed = made(folder)  # type: ignore[operator]
    seen: list[list[object]] = [[], []]
    for place in seen:
        for again in ({}, {}, {"mode": "news"}, {"replace": True}):
            result = materialize(feed, "2021-06-24", "2021-06-26", **again)
            assert result.success
            place.append((figures(feed.asset), pieces(feed.asset), checks(result)))
        place.append(told("query", feed.measurement, "--format", "csv"))
        if place is seen[0]:
            use(monkeypatch, influx(fresh))
    assert seen[0] == seen[1]
    repeated = [row[1].repeated for row in seen[1][1][0]]  # type: ignore[index]
    assert repeated == [0, 60, 30], "all was there already"
    assert [kind for _, kind, *_ in pieces(feed.asset)] == ["collided", "unreadable"]
    there = labmon_dagster.read(feed.measurement)
    monkeypatch.delenv("LABMON_TIMESERIES_URL")
    here = labmon_dagster.read(feed.measurement)
    assert len(here) == 90
    assert here.equals(there) and list(here.dtypes) == list(there.dtypes)


def test_replace_corrects_a_wrong_zone(
    folder: Path, influx: Url, fresh: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, influx(fresh))
    materialize(tower(folder, asset="umbs/other", tags={"station": "other"}), str(DAY))
    materialize(tower(folder, zone="UTC-04:00"), str(DAY))
    assert labmon_dagster.read("Fastdata", tags={"station": "46m"}).index[0].hour == 14
    materialize(tower(folder), str(DAY), replace=True)
    frame = labmon_dagster.read("Fastdata")
    assert frame["station"].value_counts().to_dict() == {"46m": 60, "other": 60}
    assert frame.index[0].isoformat() == "2021-06-25T15:50:05+00:00"


class _Unreadable:
    """A source that must not be read."""

    def read(self, request: Request) -> Readings:
        raise AssertionError(f"it is asked for {request.window}")


def told_in(instance: dg.DagsterInstance, run: str, text: str) -> int:
    return sum(text in entry.user_message for entry in instance.all_logs(run))


@pytest.fixture
def recent(tmp_path: Path) -> Feed:
    """A tower since 60 days, with rows of every day at noon, and one line of an old day that is none."""
    today = datetime.now(UTC).replace(tzinfo=None, hour=0, minute=0, second=0, microsecond=0)
    noons = tables.rows(today - timedelta(days=60) + timedelta(hours=12), 60, step=86400)
    bad = tables.row(today - timedelta(days=50), 900, "broken")
    tables.write(tmp_path / "pc" / "46m_Test.dat", tables.header(), bad, noons)
    return tower(tmp_path / "pc", zone="UTC", start=str(today.date() - timedelta(days=60)))


def test_what_the_database_does_not_keep_is_proven_without_reading(
    recent: Feed, influx: Url, fresh: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, influx(fresh), "--retention", "30d")
    today = datetime.now(UTC).date()
    old = [str(today - timedelta(days=back)) for back in (60, 35)]
    with dg.instance_for_test() as instance:
        unread = replace(recent, source=_Unreadable())  # type: ignore[arg-type]
        result = materialize(unread, *old, instance=instance)
        assert result.success
        assert told_in(instance, result.run_id, "older than what store 'timeseries' keeps; not read") == 1
    assert {row.verdict for row in ledger(recent.asset).values()} == {"not kept"}
    assert all(row.proven for row in ledger(recent.asset).values())

    younger = (str(today - timedelta(days=34)), str(today))
    result = materialize(recent, *younger)
    rows = ledger(recent.asset)
    assert checks(result)["complete"][0], "old days are no gap"
    assert checks(result)["nothing_quarantined"][0]
    kept = [row for row in rows.values() if row.verdict == "stored"]
    assert 28 <= len(kept) <= 30
    assert sum(row.in_store for row in kept) == len(labmon_dagster.read("Fastdata"))
    assert len(rows) == 61
    again = materialize(recent, *younger)
    assert checks(again)["complete"][0]
    assert sum(row.counts.repeated for row in ledger(recent.asset).values()) == len(kept)


@pytest.fixture
def towers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Feed, Feed]:
    """Two towers of one experiment, one in store `local` and one, overwritten, in store `global`."""
    now = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
    rows = tables.rows(now - timedelta(minutes=10), 60)
    for name in ("a", "b"):
        tables.write(tmp_path / name / "46m_Test.dat", tables.header(), rows)
    monkeypatch.setenv("LABMON_LOCAL_URL", "sqlite:///" + str(tmp_path / "local.db"))
    start = str(now.date() - timedelta(days=1))
    here = tower(tmp_path / "a", asset="umbs/here", store="local", zone="UTC", start=start)
    there = tower(
        tmp_path / "b", asset="umbs/there", store="global", zone="UTC", start=start, mode="overwrite"
    )
    return here, there


def test_a_store_that_is_away_holds_up_no_other_and_loses_no_file(
    towers: tuple[Feed, Feed], tmp_path: Path, influx: Url, fresh: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = towers
    file = tmp_path / "b" / "46m_Test.dat"
    first = file.read_text()
    now = datetime.now(UTC)
    with dg.instance_for_test() as instance:
        monkeypatch.setenv("LABMON_GLOBAL_URL", NOWHERE)
        asked = Scout().ask(towers, now)
        assert set(asked.wishes) == {here.asset}
        assert "InfluxDB at http://127.0.0.1:1" in asked.silent[there.asset]
        ((request,), reasons) = news_requests(asked, towers, instance, now)
        assert [key.to_user_string() for key in request.asset_selection or []] == [here.asset]
        assert reasons and there.asset in reasons[0]
        days = [request.tags[f"dagster/asset_partition_range_{end}"] for end in ("start", "end")]
        assert materialize(here, *days).success
        assert sum(row.in_store for row in ledger(here.asset, "local").values()) == 60

        # The logger PC writes the file anew: what stood in it was landed although the store is away.
        stamp = now.replace(tzinfo=None, microsecond=0) - timedelta(minutes=4)
        tables.write(file, tables.header(), tables.rows(stamp, 40, record=100))
        assert there.asset in Scout().ask(towers, now).silent
        assert first != file.read_text()

        use(monkeypatch, influx(fresh), store="global")
        assert set(Scout().ask(towers, now).wishes) == {there.asset}
        assert materialize(there, *days, instance=instance).success
    assert sum(row.in_store for row in ledger(there.asset, "global").values()) == 100
    assert set(labmon_dagster.read("Fastdata", store="global")["RECORD"]) == {*range(60), *range(100, 140)}
    for store, asset in (("local", here.asset), ("global", there.asset)):
        with closing(open_store(store)) as opened:
            assert opened.assets() == [asset]


def test_a_run_without_its_server_fails_clearly_and_the_next_makes_it_good(
    folder: Path, server: Influxd
) -> None:
    feed = tower(folder)
    materialize(feed, str(DAY))
    before = ledger(feed.asset)
    server.stop()
    with pytest.raises(Exception, match=r"InfluxDB at http://127\.0\.0\.1:\d+, .*it is tried again"):
        materialize(feed, "2021-06-26")
    asked = Scout().ask([replace(feed, start=datetime.now(UTC).date())], datetime.now(UTC))
    assert asked.wishes == {} and "it is tried again" in asked.silent[feed.asset]
    server.start()
    assert ledger(feed.asset) == before
    materialize(feed, "2021-06-26")
    after = ledger(feed.asset)
    assert (after[date(2021, 6, 26)].counts.stored, after[date(2021, 6, 26)].proven) == (30, True)
    with closing(open_store()) as store:
        assert store.fetch("Fastdata", Window.of_days(DAY, date(2021, 6, 26))).height == 90


def test_a_server_that_dies_within_a_run_leaves_the_ledger(folder: Path, server: Influxd) -> None:
    feed = tower(folder)
    read = feed.source.read

    def dying(request: Request) -> Readings:
        readings = read(request)
        server.kill()
        return readings

    class Source:
        again, news, read = feed.source.again, feed.source.news, staticmethod(dying)

    with pytest.raises(Exception, match="it is tried again"):
        materialize(replace(feed, source=Source()), str(DAY))  # type: ignore[arg-type]
    server.start()
    assert ledger(feed.asset) == {}
    materialize(feed, str(DAY))
    assert ledger(feed.asset)[DAY].counts.stored == 60
