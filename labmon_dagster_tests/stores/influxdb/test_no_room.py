"""A full disk: InfluxDB shows the points it refused until it is restarted, and then they are gone.

Whoever believes what it shows proves a day that is lost. A database that forgets is the worst case: the
ledger lies in another policy, which still takes what is written.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import polars as pl
import pytest

from labmon_dagster.landing import Delivery, Recipe
from labmon_dagster.model import SECOND
from labmon_dagster.quality import FieldRules, Spike
from labmon_dagster.stores import InfluxStore, StoreError
from labmon_dagster.stores.influxdb import Target
from labmon_dagster_tests.databases import influx_url
from labmon_dagster_tests.landing.rows import ASSET, START, Row, batch, delivery, land, stored
from labmon_dagster_tests.servers.influx import Influxd
from labmon_dagster_tests.stores.influxdb.wire import write

ROOM = 20_000
CHANCE = random.Random(7)
ROWS = [Row(n * SECOND, "a", CHANCE.random(), place=n) for n in range(2000)]
WRONG = [row._replace(x=-1.0) for row in ROWS[:10]]


@pytest.fixture(params=["for ever", "for a while"])
def store(request: pytest.FixtureRequest, own_influxd: Influxd) -> Iterator[InfluxStore]:
    own_influxd.create_database("lab")
    if request.param == "for a while":
        own_influxd.query('ALTER RETENTION POLICY autogen ON "lab" DURATION 1000w')
        own_influxd.query('CREATE RETENTION POLICY labmon ON "lab" DURATION INF REPLICATION 1')
    with closing(InfluxStore(Target.parse(influx_url(1, own_influxd.url, "lab", patience=0)))) as one:
        # A server that cannot even make a shard hangs; here all it needs is there.
        land(one, replace(delivery(), asset="lab/first"), [batch([Row(0, "first", 1.0)])])
        yield one


def fails(store: InfluxStore, delivered: Delivery, rows: list[Row] = ROWS) -> None:
    with pytest.raises(StoreError, match="error writing WAL entry"):
        land(store, delivered, [batch(rows)])
    assert not any(row.proven for row in store.ledger(ASSET).values())


def restarted(server: Influxd, store: InfluxStore, times: int = 2) -> None:
    """Make room. InfluxDB 1.6 writes behind a torn end of its log, and forgets that, unless started twice."""
    server.limit_files(None)
    for _ in range(times):
        server.restart()
    store.close()


def mine(store: InfluxStore) -> pl.DataFrame:
    return stored(store).filter(pl.col("site") == "a")


def right(store: InfluxStore) -> None:
    (row,) = store.ledger(ASSET).values()
    assert (row.proven, row.in_store) == (True, len(ROWS))
    assert mine(store)["x"].to_list() == [row.x for row in ROWS]


@pytest.mark.parametrize(("anew", "failures"), [(False, 1), (False, 3), (True, 2)])
def test_points_that_were_refused_are_written_again(
    own_influxd: Influxd, store: InfluxStore, failures: int, anew: bool
) -> None:
    """However often it is tried while they can be seen and no room is there, or the server not restarted."""
    own_influxd.limit_files(ROOM)
    for number in range(failures):
        fails(store, delivery(replace=anew and number == 0))
        assert mine(store).height == len(ROWS), "the trap: all of them can be seen"
        own_influxd.limit_files(None)
    restarted(own_influxd, store)
    assert mine(store).is_empty(), "and none of them is there"
    land(store, delivery(), [batch(ROWS)])
    right(store)
    own_influxd.restart()
    right(store)


def test_a_server_that_forgets_what_it_acknowledged_is_filled_by_a_read_of_the_whole_day(
    own_influxd: Influxd, store: InfluxStore
) -> None:
    own_influxd.limit_files(ROOM)
    fails(store, delivery())
    restarted(own_influxd, store, 1)
    land(store, delivery(), [batch(ROWS)])
    right(store)
    own_influxd.restart()
    store.close()
    assert mine(store).is_empty(), "acknowledged, and gone"
    land(store, delivery(), [batch(ROWS)])
    right(store)


def test_values_that_were_corrected_in_vain_are_corrected_again(
    own_influxd: Influxd, store: InfluxStore
) -> None:
    """Other settings give other values: refused, seen as if written, and gone after the restart."""
    land(store, delivery(version="old"), [batch([*WRONG, *ROWS[10:]])])
    own_influxd.limit_files(ROOM)
    for _ in range(2):
        with pytest.raises(StoreError, match="HTTP 500"):
            land(store, delivery(version="new"), [batch(ROWS)])
        assert mine(store)["x"].to_list() == [row.x for row in ROWS], "the trap"
    restarted(own_influxd, store)
    assert mine(store)["x"].to_list()[:10] == [-1.0] * 10
    land(store, delivery(version="new"), [batch(ROWS)])
    right(store)


def test_flags_that_were_changed_in_vain_are_changed_again(own_influxd: Influxd, store: InfluxStore) -> None:
    """A row is corrected, and the one behind it is no spike any more."""
    recipe = Recipe(rules={"x": FieldRules(spike=Spike(suspect=5, within="1min"))})
    rows = [Row(n * SECOND, "a", 9.0 if n in {2, 3} else 1.0, place=n) for n in range(6)]
    wrong = [row._replace(x=1.0) if row.place == 2 else row for row in rows]
    land(store, replace(delivery(), asset="lab/first"), [batch([row._replace(site="b") for row in ROWS])])
    land(store, delivery(recipe=recipe), [batch(wrong)])
    assert mine(store)["x_qc"].to_list() == [2, 1, 1, 3, 1, 2]
    own_influxd.limit_files(ROOM)
    for _ in range(2):
        with pytest.raises(StoreError, match="error writing WAL entry"):
            land(store, delivery(recipe=recipe), [batch(rows)])
        assert mine(store)["x_qc"].to_list() == [2, 1, 1, 1, 1, 2], "the trap"
    restarted(own_influxd, store)
    assert mine(store)["x_qc"].to_list() == [2, 1, 1, 3, 1, 2]
    land(store, delivery(recipe=recipe), [batch(rows)])
    own_influxd.restart()
    assert mine(store)["x_qc"].to_list() == [2, 1, 1, 1, 1, 2]


def test_a_mending_that_finds_no_room_is_done_by_the_next_read(
    own_influxd: Influxd, store: InfluxStore
) -> None:
    full, less = Row(0, "a", 1.0, 2), Row(0, "a", None, 2)
    land(store, delivery(), [batch([full, *ROWS[1:]])])
    own_influxd.limit_files(ROOM)
    with pytest.raises(StoreError, match="HTTP 500"):
        land(store, delivery(), [batch([less])])
    restarted(own_influxd, store)
    land(store, delivery(), [batch([less])])
    assert mine(store)["x"][0] is None
    assert mine(store)["y"][0] == 2
    assert mine(store).height == len(ROWS)


def test_what_others_write_meanwhile_is_not_held_against_them(
    own_influxd: Influxd, store: InfluxStore
) -> None:
    own_influxd.limit_files(ROOM)
    fails(store, delivery())
    restarted(own_influxd, store)
    other = replace(delivery(), asset="lab/other")
    land(store, other, [batch([Row(1, "b", 2.0)])])
    write(own_influxd, "lab", f"table,site=c x=3 {START}")
    (row,) = land(store, other, [batch([Row(1, "b", 2.0)])]).values()
    assert row.counts.repeated == 1
    assert stored(store).height == 3
