"""The temperature of streams: what it is, when it is made, when it is made again."""

from __future__ import annotations

import math
import sqlite3
from contextlib import closing

import pytest

from labmon_dagster.model import Window
from labmon_dagster.records.lab import LabRecords
from labmon_dagster.records.models import Temperature
from labmon_dagster.records.spans import window_of
from labmon_dagster.records.temperature import Thermometer, Wanting, Watch
from labmon_dagster.stores import InfluxStore, SqliteStore
from labmon_dagster.stores.influxdb import Target
from labmon_dagster_tests.databases import influx_url
from labmon_dagster_tests.records.thermometer import (
    ASSET,
    DAY,
    FIELD,
    MEASUREMENT,
    NOON,
    THERMOMETER,
    enter,
    say,
    stream,
)
from labmon_dagster_tests.servers.influx import Influxd


def names(found: Wanting) -> tuple[list[str], list[str], list[str]]:
    return tuple([one.name for one in part] for part in (found.due, found.bare, found.foreign))  # type: ignore[return-value]


def look(watch: Watch, lab: LabRecords, store: SqliteStore, patience: float = 60) -> Wanting:
    return watch.look(lab.streams.all(), store.ledger(ASSET), store, patience)


def note(lab: LabRecords, store: SqliteStore, name: str) -> Temperature:
    window = window_of(lab.streams.get(name))
    assert window is not None
    found = THERMOMETER.measured(store, store.ledger(ASSET), window)
    assert found is not None
    lab.streams.add_temperature(name, found)
    return found


def test_it_is_what_plain_sql_says(lab: LabRecords, embedded: SqliteStore) -> None:
    say(embedded, {n: 3.6 + 0.01 * math.sin(n) for n in range(0, 5000, 5)})
    say(embedded, {10: 300.0}, device="other")
    say(embedded, {1001: 299.0}, flag=4)
    say(embedded, {1002: None, 1003: float("inf")}, flag=9)
    say(embedded, {1004: 3.7}, flag=3)
    stream(lab, "s1", 1000, 2000)
    found = note(lab, embedded, "s1")
    with sqlite3.connect(embedded.database.path) as plain:
        n, mean, square = plain.execute(
            f"SELECT count(*), avg(v), avg(v * v) FROM (SELECT {FIELD} v FROM {MEASUREMENT} "
            f"WHERE device = 'mmr3' AND {FIELD}_qc <> 4 AND abs({FIELD}) < 1e9 AND time BETWEEN ? AND ?)",
            (NOON + 1000 * 10**9, NOON + 2000 * 10**9),
        ).fetchone()
    assert found.readings == n == 202
    assert found.mean == pytest.approx(mean, abs=1e-12)
    assert found.std == pytest.approx(math.sqrt(square - mean * mean), rel=1e-6)
    kept = lab.streams.get("s1").temperature
    assert kept is not None
    assert (kept.mean, kept.std, kept.readings) == (found.mean, found.std, 202)
    assert (kept.model_extra or {})["unit"] == "K"


def test_both_ends_count_and_one_reading_has_no_spread(lab: LabRecords, embedded: SqliteStore) -> None:
    say(embedded, {0: 3.0, 10: 4.0, 11: 9.0})
    stream(lab, "both", 0, 10)
    stream(lab, "one", 10, 10)
    assert (note(lab, embedded, "both").mean, note(lab, embedded, "both").std) == (3.5, 0.5)
    assert (note(lab, embedded, "one").std, note(lab, embedded, "one").readings) == (0.0, 1)


def test_without_readings_there_is_none(embedded: SqliteStore) -> None:
    window = Window(NOON, NOON + 1)
    assert THERMOMETER.measured(embedded, {}, window) is None
    say(embedded, {0: 3.0}, flag=4)
    assert THERMOMETER.measured(embedded, {}, window) is None
    assert Thermometer(ASSET, MEASUREMENT, "other", {}).measured(embedded, {}, window) is None


def test_a_stream_is_due_once_and_again_when_readings_come_late(
    lab: LabRecords, embedded: SqliteStore
) -> None:
    watch = Watch(THERMOMETER, 0)
    stream(lab, "s1", 0, 10)
    stream(lab, "running", 5, None)
    stream(lab, "bare", 500, 600)
    assert names(look(watch, lab, embedded)) == ([], ["bare", "s1"], [])
    say(embedded, {1: 3.0, 2: 4.0})
    enter(embedded, 2, written=1)
    assert names(look(watch, lab, embedded)) == (["s1"], ["bare"], [])
    assert note(lab, embedded, "s1").mean == 3.5
    assert names(look(watch, lab, embedded)) == ([], ["bare"], [])
    say(embedded, {3: 8.0})
    enter(embedded, 3, written=2)
    assert names(look(watch, lab, embedded)) == (["s1"], ["bare"], [])
    assert note(lab, embedded, "s1").mean == 5.0
    say(embedded, {505: 8.0})
    enter(embedded, 4, written=3)
    assert names(look(watch, lab, embedded)) == (["bare"], [], []), "s1 was counted: nothing came for it"


def test_what_did_not_change_is_not_counted_again(
    lab: LabRecords, embedded: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[Window] = []
    count = SqliteStore.count_series
    monkeypatch.setattr(SqliteStore, "count_series", lambda *given: counted.append(given[2]) or count(*given))
    watch = Watch(THERMOMETER, 0)
    stream(lab, "s1", 0, 10)
    say(embedded, {1: 3.0})
    enter(embedded, 1, written=1)
    note(lab, embedded, "s1")
    counted.clear()
    look(watch, lab, embedded)
    assert counted == [], "the ledger says what it said when the temperature was made"
    enter(embedded, 1, written=2)
    for _ in range(3):
        assert names(look(watch, lab, embedded)) == ([], [], [])
    assert len(counted) == 1


def test_when_the_days_are_proven_it_is_made_once_more(lab: LabRecords, embedded: SqliteStore) -> None:
    watch = Watch(THERMOMETER, 0)
    stream(lab, "s1", 0, 10)
    say(embedded, {1: 3.0})
    enter(embedded, 1, written=1)
    note(lab, embedded, "s1")
    say(embedded, {1: 4.0})
    enter(embedded, 1, written=2, proven=True)
    assert names(look(watch, lab, embedded))[0] == ["s1"], "its value was corrected"
    assert note(lab, embedded, "s1").mean == 4.0
    assert names(look(Watch(THERMOMETER, 0), lab, embedded)) == ([], [], [])


def test_readings_none_of_which_is_good_are_asked_for_once(lab: LabRecords, embedded: SqliteStore) -> None:
    watch = Watch(THERMOMETER, 0)
    stream(lab, "s1", 0, 10)
    say(embedded, {1: 3.0}, flag=4)
    enter(embedded, 1, written=1)
    assert names(look(watch, lab, embedded)) == ([], ["s1"], [])
    assert names(look(watch, lab, embedded)) == ([], ["s1"], [])


def test_temperatures_of_other_programs_and_streams_before_the_start_are_left_alone(
    lab: LabRecords, embedded: SqliteStore
) -> None:
    stream(lab, "foreign", 0, 10, temperature={"mean": 1.0, "std": 2.0})
    stream(lab, "old", -100, -50)
    say(embedded, {-60: 3.0, 1: 3.0})
    enter(embedded, 2, written=1)
    assert names(look(Watch(THERMOMETER, NOON), lab, embedded)) == ([], [], ["foreign"])


def test_another_thermometer_makes_them_anew(lab: LabRecords, embedded: SqliteStore) -> None:
    stream(lab, "s1", 0, 10)
    say(embedded, {1: 3.0})
    enter(embedded, 1, written=1, proven=True)
    note(lab, embedded, "s1")
    other = Thermometer(ASSET, MEASUREMENT, FIELD, {})
    assert names(look(Watch(other, 0), lab, embedded))[0] == ["s1"]


def test_counting_ends_after_a_while_and_goes_on_the_next_time(
    lab: LabRecords, embedded: SqliteStore
) -> None:
    watch = Watch(THERMOMETER, 0)
    for number in range(3):
        stream(lab, f"s{number}", number, number + 1)
    say(embedded, {0: 3.0})
    enter(embedded, 1, written=1)
    assert look(watch, lab, embedded, patience=-1).left == 3
    assert look(watch, lab, embedded).left == 0
    assert DAY in embedded.ledger(ASSET)


def test_readings_in_influxdb_give_the_same(influxd: Influxd, influx_database: str) -> None:
    store = InfluxStore(Target.parse(influx_url(1, influxd.url, influx_database)))
    window = Window(NOON, NOON + 10 * 10**9 + 1)
    with closing(store):
        assert THERMOMETER.measured(store, {}, window) is None
        say(store, {0: 3.0, 4: 4.0, 10: 5.0, 11: 300.0})
        say(store, {5: 300.0}, flag=4)
        say(store, {6: 300.0}, device="other")
        assert store.settle() == []
        found = THERMOMETER.measured(store, {}, window)
        assert THERMOMETER.rows(store, window) == 4
    assert found is not None
    assert (found.mean, found.readings) == (4.0, 3)
    assert found.std == pytest.approx(math.sqrt(2 / 3))
