from __future__ import annotations

import json
import random
from contextlib import closing
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from labmon_dagster.cli import lacking
from labmon_dagster.model import DAY, Window
from labmon_dagster.settings import open_store
from labmon_dagster.stores import SqliteStore, owned_by, owner_of
from labmon_dagster_tests.cli.allsensor import (
    ASSET,
    ELSEWHERE,
    EXTRA,
    FOUND,
    GAPS,
    IDS,
    MEASUREMENT,
    NAMES,
    SWAPPED,
    Lab,
    Past,
    a_past,
    at,
    figures,
    into_influxdb,
    into_sqlite,
)
from labmon_dagster_tests.cli.lab import labmon, told
from labmon_dagster_tests.servers.influx import Influxd
from labmon_dagster_tests.sources.wincc_archive.archives import FIRST, START


@pytest.fixture(params=["sqlite", "influxdb"])
def lab(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """The lab with the original's points in either kind of database; in InfluxDB by its own client."""
    if request.param == "sqlite":
        with closing(open_store()) as store:
            store.assets()
        return Lab(tmp_path, into_sqlite, monkeypatch)
    influxd: Influxd = request.getfixturevalue("influxd")
    database: str = request.getfixturevalue("influx_database")
    monkeypatch.setenv("LABMON_TIMESERIES_URL", f"influxdb1+{influxd.url}/{database}")

    return Lab(tmp_path, partial(into_influxdb, influxd.url, database), monkeypatch)


def test_every_kind_of_loss_is_told(lab: Lab) -> None:
    lab.has(a_past())
    found = lab.json()
    assert {name: found["datapoints"][name] for name in FOUND} == FOUND
    assert list(found["datapoints"]) == sorted(NAMES)
    assert found["total"] == {
        "archive": 49,
        "store": 29,
        "lost": 4,
        "not_fetched": 18,
        "only_in_store": 2,
        "cut_to_us": 0,
        "cut_to_ms": 1,
        "newest": "2025-06-07T12:00:02.092000000Z",
        "first_lacking": "2025-06-01",
    }
    assert (found["first"], found["last"]) == ("2025-06-01", "2025-06-07")
    assert found["unknown"] == [ELSEWHERE]
    assert found["without_cursor"] == sorted(set(NAMES) - set(a_past().cursors))
    assert found["without_rows"] == sorted(set(NAMES) - set(a_past().archive))
    assert (found["of_no_datapoint"], found["unreadable"]) == (2, 0)
    assert found["lacking_days"] == ["2025-06-01", "2025-06-02", "2025-06-03", "2025-06-07"]
    launch = f'dg launch --assets "key:{ASSET}" --partition-range 2025-06-01...2025-06-07'
    assert found["command"] == launch


def test_thorough_sees_other_times_behind_equal_counts(lab: Lab) -> None:
    lab.has(a_past())
    swapped = {"lost": 1, "only_in_store": 1, "first_lacking": "2025-06-06"}
    found = lab.json("--thorough")["datapoints"]
    assert {name: found[name] for name in FOUND} == {**FOUND, SWAPPED: {**FOUND[SWAPPED], **swapped}}


def test_after_the_days_are_read_nothing_lacks(lab: Lab) -> None:
    lab.has(a_past())
    lab.land(FIRST, FIRST + timedelta(days=6))
    found = lab.json("--thorough")
    total = found["total"]
    assert (total["lost"], total["not_fetched"], total["archive"]) == (0, 0, 49)
    assert total["only_in_store"] == 3 and total["store"] == 52
    assert found["command"] is None
    assert lab.told().endswith(
        "\nThe store lacks nothing that the archive has from 2025-06-01 to 2025-06-07.\n"
    )


def test_days_read_keep_the_points_of_the_original(lab: Lab) -> None:
    lab.has(Past(written={EXTRA: [at(0, 0), at(0, 77)]}))
    lab.archive.plc((201, at(0, 0), 21.5), (201, at(0, 1), 21.5))
    lab.land(FIRST, FIRST)
    with closing(open_store()) as store:
        rows = store.fetch(MEASUREMENT, Window.of_days(FIRST, FIRST))
    assert rows["time"].dt.second().to_list() == [0, 1, 17]
    assert rows["value"].to_list() == [21.5, 21.5, 20.5]
    assert rows.select(owned_by(owner_of(ASSET))).to_series().to_list() == [True, True, False]


def test_the_table_ends_with_what_to_do(lab: Lab) -> None:
    lab.has(a_past())
    shown = lab.told()
    lines = shown.splitlines()
    assert lines[0] == f"{ASSET}, store 'timeseries', 2025-06-01 to 2025-06-07 (UTC)"
    (row,) = (line for line in lines if line.startswith(f"{GAPS} "))
    assert row.split() == [
        GAPS,
        "2025-06-02T12:00:06.092Z",
        "2025-06-03T12:00:09.092Z",
        *("30", "14", "3", "13", "0"),
        "2025-06-01",
    ]
    (row,) = (line for line in lines if line.startswith("all "))
    assert row.split()[1:] == ["2025-06-07T12:00:02.092Z", "49", "29", "4", "18", "2", "2025-06-01"]
    assert f"in the file of last times, but not read by labmon:\n  {ELSEWHERE}\n" in shown
    assert "2 readings in the store belong to none of these datapoints\n" in shown
    assert shown.endswith(
        "The store lacks 22 readings on 4 days: 4 that the original would never ask for again, "
        "18 that it had not fetched yet.\n"
        "Of these the store has 0 with the time cut to µs and 1 with the time cut to ms: materialized, they "
        "stand there twice.\n"
        "Materialize these days; those between them are read too, which does no harm:\n"
        f'  dg launch --assets "key:{ASSET}" --partition-range 2025-06-01...2025-06-07\n'
    )


def test_the_day_of_a_last_time_is_compared_by_time(lab: Lab) -> None:
    both = [at(1, 0), at(2, 0)]
    past = Past({EXTRA: [at(0, 0), at(0, 1), *both]}, {EXTRA: [at(0, 0), at(0, 2), *both]})
    lab.has(past)
    agreed = figures(archive=4, store=4, newest="2025-06-03T12:00:00.092000000Z")
    assert lab.json()["datapoints"][EXTRA] == agreed
    past.cursors[EXTRA] = at(0, 3).isoformat()
    lab.file.write_text(json.dumps(past.cursors))
    found = lab.json()["datapoints"][EXTRA]
    assert (found["lost"], found["only_in_store"], found["archive"]) == (1, 1, 4)


def test_days_are_looked_at_in_portions(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lacking, "PORTION", 5)
    rows = {0: 1, 1: 3, 2: 1, 3: 9, 5: 2, 6: 3}
    lab.has(Past({EXTRA: [at(day, n) for day, count in rows.items() for n in range(count)]}))
    with closing(open_store()) as store:
        found = lacking.Lacking(lab.source, store, Window.of_days(FIRST, FIRST + timedelta(days=6)), {})
    portions = [([(day - FIRST).days for day in days], count) for days, count in found.portions]
    assert portions == [([0, 1, 2], 5), ([3], 9), ([5, 6], 5)]


def test_days_the_store_does_not_keep_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lab = Lab(tmp_path, into_sqlite, monkeypatch)
    lab.has(a_past())
    for kept_since, first in ((START + 2 * DAY, "2025-06-03"), (START + 2 * DAY + 1, "2025-06-04")):
        monkeypatch.setattr(SqliteStore, "kept_since", lambda store, now, kept=kept_since: kept)
        assert lab.json()["first"] == first
    monkeypatch.setattr(SqliteStore, "kept_since", lambda store, now: START + 7 * DAY)
    result = labmon("migrate", "cms-mtd", "--last-times", lab.file)
    assert result.exit_code == 1 and "the store keeps nothing before 2025-06-08\n" in result.stderr


def test_another_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lab = Lab(tmp_path, into_sqlite, monkeypatch)
    lab.has(a_past())
    monkeypatch.setenv("LABMON_LOCAL_URL", f"sqlite:///{tmp_path}/other.db")
    assert labmon("migrate", "cms-mtd", "--last-times", lab.file, "--store", "local").exit_code == 1
    told("create-store", "--store", "local")
    shown = lab.told("--store", "local")
    assert "The store lacks 49 readings on 5 days: " in shown
    assert shown.endswith(f"\nThat fills store 'timeseries', where {ASSET} is landed.\n")


def test_only_the_days_asked_for(lab: Lab) -> None:
    lab.has(a_past())
    found = lab.json("--since", "2025-06-02", "--until", "2025-06-02")
    assert found["total"]["archive"] == 14
    assert (found["total"]["lost"], found["total"]["not_fetched"]) == (1, 7)
    assert found["command"] == f'dg launch --assets "key:{ASSET}" --partition 2025-06-02'
    found = lab.json("--since", "2020-01-01", "--until", "2030-01-01")
    assert (found["first"], found["last"]) == ("2025-06-01", "2025-06-07")
    result = labmon("migrate", "cms-mtd", "--last-times", lab.file, "--since", "2025-06-08")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "no day is left from 2025-06-08 to 2025-06-07" in result.stderr
    assert result.stderr.endswith("begins on 2025-06-01, the archive ends on 2025-06-07\n")


def test_a_store_and_an_archive_with_nothing(lab: Lab) -> None:
    lab.has(Past())
    found = lab.json()
    assert set(map(str, found["datapoints"].values())) == {str(found["datapoints"][GAPS])}
    assert found["datapoints"][GAPS] == figures() and found["command"] is None
    lab.archive.plc((201, at(3, 0), 1.0))
    found = lab.json()
    assert found["total"]["not_fetched"] == 1 and found["lacking_days"] == ["2025-06-04"]


def test_what_cannot_be_a_reading_is_not_lacking(lab: Lab) -> None:
    lab.has(Past({EXTRA: [at(0, 0)]}, {EXTRA: [at(0, 0)]}))
    lab.archive.plc((201, at(0, 1), "broken"), (201, at(0, 2), None), (201, at(1, 0), None))
    found = lab.json()
    assert found["total"]["archive"] == found["total"]["store"] == 1
    assert (found["unreadable"], found["command"]) == (1, None)


def test_the_store_is_only_looked_at(influxd: Influxd, influx_database: str, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LABMON_TIMESERIES_URL", f"influxdb1+{influxd.url}/{influx_database}")
        lab = Lab(tmp_path, lambda past: None, patch)
        lab.has(a_past())
        lab.told("--thorough")
    assert influxd.query("SHOW MEASUREMENTS", db=influx_database) == []
    assert len(influxd.query("SHOW RETENTION POLICIES", db=influx_database)) == 1


@pytest.mark.parametrize("seed", range(4))
def test_figures_agree_with_a_plain_count(seed: int, lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lacking, "PORTION", 60)
    dice = random.Random(seed)
    past = Past()
    for name in IDS:
        times = sorted({at(dice.randrange(9), 0, dice.randrange(40_000) * 500) for _ in range(80)})
        past.archive[name] = times
        past.written[name] = [time for time in times if dice.random() < 0.8]
        past.written[name] += [
            at(dice.randrange(9), 40, dice.randrange(1000)) for _ in range(dice.randrange(3))
        ]
        past.cursors[name] = dice.choice(times).isoformat()
    lab.has(past)
    found = lab.json("--thorough")["datapoints"]
    for name, times in past.archive.items():
        kept = {time for time in past.written[name] if time <= at(9, 0)}
        missing = set(times) - kept
        cursor = datetime.fromisoformat(past.cursors[name])
        gone = {
            time for time in missing if time <= cursor.replace(microsecond=cursor.microsecond // 1000 * 1000)
        }
        one = found[name]
        assert (one["archive"], one["store"]) == (len(times), len(kept))
        assert (one["lost"], one["not_fetched"]) == (len(gone), len(missing - gone))
        assert one["only_in_store"] == len(kept - set(times))
        assert one["first_lacking"] == min((f"{time:%Y-%m-%d}" for time in missing), default=None)
        assert one["newest"] == f"{max(times):%Y-%m-%dT%H:%M:%S.%f}000Z"


def test_what_is_away_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lab = Lab(tmp_path, into_sqlite, monkeypatch)
    lab.has(Past())
    result = labmon("migrate", "cms-mtd", "--last-times", lab.file)
    assert result.exit_code == 1 and "nothing is stored yet: there is no file" in result.stderr
    with closing(open_store()) as store:
        store.assets()
    lab.archive.path.unlink()
    result = labmon("migrate", "cms-mtd", "--last-times", lab.file)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"labmon: archive {lab.archive.path}: there is no such file\n"


def test_the_lab_s_own_yaml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        lab = Lab(tmp_path, into_sqlite, patch)
        lab.has(a_past())
    monkeypatch.setenv("CMS_MTD_ARCHIVE_URL", f"sqlite:///{lab.archive.path}")
    found = json.loads(told("migrate", "cms-mtd", "--last-times", lab.file, "--format", "json"))
    assert {name: found["datapoints"][name] for name in FOUND} == FOUND
    result = labmon("migrate", "cms-mtd", "--last-times", lab.file, "--asset", "ameriflux_umbs/tower_46m")
    assert result.exit_code == 2 and "ameriflux_umbs/tower_46m reads no WinCC archive" in result.stderr
    result = labmon("migrate", "cms-mtd", "--last-times", lab.file, "--asset", "x/y")
    assert result.exit_code == 1 and "no asset 'x/y'" in result.stderr
