"""A value that is taken from a point, and points that are removed: whole, or made good by the next read."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from labmon_dagster.model import Window
from labmon_dagster.stores import InfluxStore, StoreError, owner_of
from labmon_dagster.stores.base import read_token
from labmon_dagster.stores.influxdb.lines import Lines
from labmon_dagster.stores.influxdb.mending import Mending
from labmon_dagster_tests.landing.rows import ASSET, START, Row, batch, delivery, land, stored
from labmon_dagster_tests.servers.influx import Influxd
from labmon_dagster_tests.stores.frames import EVER, OWNER, TOKEN, frame, measurement, values
from labmon_dagster_tests.stores.influxdb.conftest import Open
from labmon_dagster_tests.stores.influxdb.wire import write

MET = measurement("met", ["site", "line"], x=float, n=int, note=str)
NAMES = ("time", "site", "line", "x", "n", "note")
OTHER = "lab/other"
THEIRS = read_token(OTHER, "v1", 1)
FULL = [(t, site, line, 1.5, 7, "fine") for t in range(6) for site in ("a", "") for line in ("l", "")]
KILLED = """
import os, signal, sys
from labmon_dagster.stores import InfluxStore
from labmon_dagster.stores.influxdb import Target
from labmon_dagster.stores.influxdb.mending import Mending
from labmon_dagster_tests.stores.influxdb.test_mending import LESS, MET, OWNER, TOKEN, frame
Mending.{dies} = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
store = InfluxStore(Target.parse(sys.argv[1]))
store.begin(OWNER, TOKEN)
store.write(MET, frame(MET, LESS))
"""
LESS = [(2, "a", "l", None, 7, "less"), (3, "a", "l", 2.5, None, None), (4, "", "", None, None, "none")]
UNDONE = [(2, "a", "l", 1.5, 7, "less"), (3, "a", "l", 2.5, 7, "fine"), (4, "", "", 1.5, 7, "none")]
"""What stands there before anything is removed."""


@pytest.fixture
def store(open_store: Open) -> InfluxStore:
    one = open_store()
    one.write(MET, frame(MET, FULL))
    assert one.settle() == []
    return one


def after(changes: list[tuple[object, ...]]) -> list[tuple[object, ...]]:
    rows = {row[:3]: row for row in [*FULL, *changes]}
    return sorted(rows.values())


def found(store: InfluxStore) -> list[tuple[object, ...]]:
    return sorted(values(store.fetch("met", EVER), *NAMES))


def test_a_correction_takes_values_from_points(store: InfluxStore) -> None:
    store.begin(OWNER, TOKEN)
    store.write(MET, frame(MET, LESS))
    assert found(store) == after(LESS)
    assert store.data.ask("SELECT count(x) FROM met")[0][0].rows()[0][1] == len(FULL) - 2


def test_what_the_rows_do_not_name_stays(store: InfluxStore) -> None:
    narrow = measurement("met", ["site", "line"], x=float)
    store.write(narrow, frame(narrow, [(2, "a", "l", None)]))
    assert found(store) == after([(2, "a", "l", None, 7, "fine")])


def crash(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("part", ["_carry_out", "_write", "_note"])
@pytest.mark.parametrize("call", [1, 2])
def test_a_crash_anywhere_is_made_good_by_the_next_read(
    store: InfluxStore, open_store: Open, monkeypatch: pytest.MonkeyPatch, part: str, call: int
) -> None:
    calls = iter(range(1, 9))
    original: Callable[..., None] = getattr(Mending, part)
    dies = lambda *given, **more: crash() if next(calls) == call else original(*given, **more)  # noqa: E731
    with monkeypatch.context() as patch:
        patch.setattr(Mending, part, dies)
        store.begin(OWNER, TOKEN)
        try:
            store.write(MET, frame(MET, LESS))
        except KeyboardInterrupt:
            assert next(calls) == call + 1
    again = open_store()
    again.begin(OWNER, TOKEN + 1)
    assert len(found(again)) == len(FULL), "no point is lost, whether or not it has lost its value"
    again.write(MET, frame(MET, LESS))
    again.settle()
    assert found(again) == after(LESS)
    again.begin(OWNER, TOKEN + 2)
    assert found(again) == after(LESS)


@pytest.mark.parametrize(("dies", "removed"), [("_note", 0), ("_carry_out", 0), ("_write", len(LESS))])
def test_a_killed_process_is_made_good(
    open_one: Open, influxd: Influxd, influx_database: str, dies: str, removed: int
) -> None:
    store = open_one()
    store.write(MET, frame(MET, FULL))
    store.settle()
    url = f"influxdb1+{influxd.url}/{influx_database}"
    folder = Path(__file__).parents[3]
    child = subprocess.run([sys.executable, "-c", KILLED.format(dies=dies), url], cwd=folder, timeout=60)
    assert child.returncode == -signal.SIGKILL
    assert len(found(store)) == len(FULL) - removed
    store.begin(OWNER, TOKEN + 1)
    if dies == "_note":
        store.write(MET, frame(MET, LESS, TOKEN + 1))
    assert found(store) == after(LESS)


def test_the_notes_of_others_are_left_alone(
    store: InfluxStore, open_store: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Mending, "_carry_out", crash)
        store.begin(OWNER, TOKEN)
        with pytest.raises(KeyboardInterrupt):
            store.write(MET, frame(MET, LESS))
    other = open_store()
    other.begin(OTHER, THEIRS)
    theirs = [(9, "b", "", 1.0, 1, "theirs")]
    other.write(MET, frame(MET, theirs, THEIRS))
    other.settle()
    assert found(other) == after([*UNDONE, *theirs])
    other.begin(OWNER, TOKEN + 1)
    assert found(other) == after([*LESS, *theirs])


def test_the_note_is_that_of_the_reading_asset_whoever_wrote_the_point(
    store: InfluxStore, open_store: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Flags change beside new rows, also in rows that another asset wrote into the same series."""
    with monkeypatch.context() as patch:
        patch.setattr(Mending, "_carry_out", crash)
        store.begin(OTHER, THEIRS)
        with pytest.raises(KeyboardInterrupt):
            store.write(MET, frame(MET, LESS, TOKEN))
    again = open_store()
    again.begin(OTHER, THEIRS + 1)
    assert found(again) == after(LESS)
    later = [(2, "a", "l", 9.5, 9, "later")]
    again.write(MET, frame(MET, later, THEIRS))
    again.settle()
    again.begin(OWNER, TOKEN + 1)
    assert found(again) == after([*LESS, *later])


def test_one_note_serves_all_mendings(store: InfluxStore) -> None:
    store.begin(OWNER, TOKEN)
    for n in range(4):
        store.write(MET, frame(MET, [(n, "a", "l", None, n, "x")]))
    series = store.data.ask("SHOW SERIES FROM labmon_pending")[0]
    assert len([row for one in series for row in one.rows()]) == 1


def test_nothing_is_removed_that_could_not_be_written_anew(
    open_one: Open, influxd: Influxd, influx_database: str
) -> None:
    """Another program's point has `x` as an integer; a labmon that knows a float would take its `n`."""
    far = 10**18
    open_one().write(MET, frame(MET, [(0, "a", "l", 1.5, 7, "fine")]))
    write(influxd, influx_database, f'met,line=l,site=a x=1i,n=3i,note="theirs" {far}')
    store = open_one()
    store.begin(OWNER, TOKEN)
    store.write(MET, frame(MET, [(far, "a", "l", 2.5, None, "ours")]))
    narrow = measurement("met", ["site", "line"], n=int, note=str)
    store.write(narrow, frame(narrow, [(far, "a", "l", None, "x beside it is read as a float")]))
    refusals = store.settle()
    assert all("field type conflict" in one.reason for one in refusals)
    assert [one.rows.columns[1:-3] for one in refusals] == [
        ["site", "line", "x", "n", "note"],
        ["site", "line", "n", "note"],
    ]
    assert values(store.fetch("met", Window(far, far + 1)), "n", "note") == [(3, "theirs")]
    store.begin(OWNER, TOKEN + 1)


def test_what_a_note_holds_and_the_server_refuses_is_told_once(
    store: InfluxStore, open_store: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(_: Mending, lines: Lines) -> list[str]:
        return [f"no room for {len(lines)}"]

    with monkeypatch.context() as patch:
        patch.setattr(Mending, "_carry_out", crash)
        store.begin(OWNER, TOKEN)
        with pytest.raises(KeyboardInterrupt):
            store.write(MET, frame(MET, LESS))
    again = open_store()
    with monkeypatch.context() as patch:
        patch.setattr(Mending, "_write", never)
        with pytest.raises(StoreError, match="refuses points that it held before: no room for 1"):
            again.begin(OWNER, TOKEN + 1)
    again.begin(OWNER, TOKEN + 1)
    again.write(MET, frame(MET, LESS))
    assert found(again) == after(LESS)


def test_points_in_another_policy_are_not_removed_with_them(
    open_one: Open, influxd: Influxd, influx_database: str
) -> None:
    store = open_one()
    influxd.query(f'CREATE RETENTION POLICY "long term" ON "{influx_database}" DURATION INF REPLICATION 1')
    store.write(MET, frame(MET, FULL))
    store.settle()
    write(influxd, influx_database, "met,site=a n=1i 5", policy="long%20term")
    for refused in (lambda: store.write(MET, frame(MET, LESS)), lambda: store.delete(owner_of(OWNER), EVER)):
        with pytest.raises(StoreError, match="the retention policy 'long term' of"):
            refused()
        assert found(store) == after([])
        store.settle()
    assert influxd.query(f'SELECT n FROM "{influx_database}"."long term".met') == [{"time": 5, "n": 1}]
    influxd.query(f'DROP RETENTION POLICY "long term" ON "{influx_database}"')
    store.delete(owner_of(OWNER), EVER)
    assert found(store) == []


def test_of_a_series_that_two_share_each_removes_its_own(store: InfluxStore) -> None:
    theirs = [(t, "a", "l", 2.5, 1, "theirs") for t in (2, 4, 7)]
    store.write(MET, frame(MET, theirs, THEIRS))
    store.delete(owner_of(OTHER), Window(0, 5))
    left = [row for row in FULL if row[:3] not in {(2, "a", "l"), (4, "a", "l")}]
    assert found(store) == sorted([*left, theirs[2]])
    store.delete(owner_of(OWNER), Window(1, 4))
    assert found(store) == sorted([*(row for row in left if not 1 <= row[0] < 4), theirs[2]])


def test_a_landing_that_corrects_a_value_away(open_one: Open) -> None:
    store = open_one()
    land(store, delivery(), [batch([Row(n, "a", 1.0, n, place=n) for n in range(5)])])
    (row,) = land(store, delivery(), [batch([Row(3, "a", None, 3, place=3)])]).values()
    assert (row.counts.stored, row.proven, row.in_store) == (1, True, 5)
    assert stored(store)["x"].to_list() == [1.0, 1.0, 1.0, None, 1.0]
    assert store.count("table", EVER, 2**61, owner_of(ASSET)) == {START // 2**61 * 2**61: 5}
