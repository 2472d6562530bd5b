"""Several processes at one database: each finds its own rows, and columns of all are known."""

from __future__ import annotations

import multiprocessing as mp
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import TypeAlias

import pytest

from labmon_dagster.stores import owner_of
from labmon_dagster_tests.databases import influx_url
from labmon_dagster_tests.landing.rows import ASSET, Row, batch, delivery, land, stored
from labmon_dagster_tests.servers.influx import Influxd
from labmon_dagster_tests.stores.frames import EVER
from labmon_dagster_tests.stores.influxdb.conftest import Open
from labmon_dagster_tests.stores.influxdb.worker import ROWS, add_columns, land_all, rows

AtOnce: TypeAlias = Callable[..., list[str]]


@pytest.fixture(scope="module")
def pool() -> Iterator[ProcessPoolExecutor]:
    with ProcessPoolExecutor(2, mp.get_context("spawn")) as two:
        yield two


@pytest.fixture
def at_once(pool: ProcessPoolExecutor, influxd: Influxd, influx_database: str) -> AtOnce:
    """Has work done by two processes at the test's database, once for each of some arguments."""
    url = influx_url(1, influxd.url, influx_database, patience=10)
    return lambda work, *given: [run.result() for run in [pool.submit(work, url, *some) for some in given]]


def test_two_assets_land_into_one_measurement(at_once: AtOnce, open_one: Open) -> None:
    pairs = [("lab/one", "a"), ("lab/two", "b")]
    assert at_once(land_all, *pairs, *pairs) == [""] * 4
    store = open_one()
    assert stored(store).height == 2 * ROWS
    for asset, site in pairs:
        found = store.fetch("table", EVER, {"site": site})
        assert found["x"].to_list() == [-1.0 if n % 100 == 0 else float(n) for n in range(ROWS)]
        assert sum(store.count("table", EVER, 2**61, owner_of(asset)).values()) == ROWS
        assert len(store.quarantined(asset)) == ROWS // 100
        assert [row.proven for row in store.ledger(asset).values()] == [True]
    assert store.assets() == ["lab/one", "lab/two"]


def test_one_asset_landed_twice_at_once_is_there_once(at_once: AtOnce, open_one: Open) -> None:
    """Nothing lets that happen; if it does all the same, no row is lost and none is there twice."""
    assert at_once(land_all, (ASSET, "a"), (ASSET, "a")) == ["", ""]
    store = open_one()
    found = rows("a")
    (row,) = land(store, delivery(), [batch(found)]).values()
    assert (row.proven, row.in_store) == (True, ROWS)
    assert stored(store)["x"].to_list() == [-1.0 if n % 100 == 0 else float(n) for n in range(ROWS)]


def test_columns_that_two_add_at_once_are_all_known(at_once: AtOnce, open_one: Open) -> None:
    assert at_once(add_columns, (0,), (1,)) == ["", ""]
    store = open_one()
    assert store.measurements() == [f"m{turn}" for turn in range(5)]
    for turn in range(5):
        tags, fields = store.columns(f"m{turn}")
        assert set(tags) == {"site", "tag0", "tag1"}
        assert set(fields) == {"x", f"x0_{turn}", f"x1_{turn}"}
        found = store.fetch(f"m{turn}", EVER).sort("tag0")
        assert found.select("tag0", "tag1", "x", f"x0_{turn}", f"x1_{turn}").rows() == [
            ("", "t1", 1.5, None, "text"),
            ("t0", "", 1.5, 0.5, None),
        ]


def test_columns_that_another_has_added_are_seen_after_two_seconds(
    open_one: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("labmon_dagster.stores.influxdb.catalog._SECONDS", 0.0)
    one, other = open_one(), open_one()
    for number, store in enumerate((one, other, one)):
        name = f"x{number}"
        land(store, delivery(), [batch([Row(number, name, 1.0)])])
    assert stored(one).equals(stored(other)) and stored(one).height == 3


def test_what_another_process_wrote_before_a_read_began_is_seen_by_it(open_one: Open) -> None:
    one, other = open_one(), open_one()
    land(one, delivery(), [batch([Row(1, "a", 1.0, place=1)])])
    land(one, delivery(), [batch([Row(2, "a", 2.0, place=2)])])
    land(other, delivery(), [batch([Row(5, "a", 5.0, place=5)])])
    (row,) = land(one, delivery(), [batch([Row(5, "a", 6.0, place=6)])]).values()
    assert (row.counts.stored, len(one.quarantined(ASSET))) == (1, 1), "5.0 has lost its place: it is kept"
    assert one.quarantined(ASSET)[0].raw == '{"x": 5.0}'
