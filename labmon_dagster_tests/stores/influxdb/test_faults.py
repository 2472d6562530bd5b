"""A server that dies or is away: in the end every row is there once, and the ledger is right."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from threading import Timer

import pytest

from labmon_dagster.model import DAY, SECOND, Batch
from labmon_dagster.stores import Counts, InfluxStore, StoreError
from labmon_dagster.stores.influxdb import Target
from labmon_dagster_tests.databases import influx_url
from labmon_dagster_tests.landing.rows import ASSET, START, Row, batch, delivery, land, stored
from labmon_dagster_tests.servers.influx import Influxd
from labmon_dagster_tests.stores.influxdb.conftest import Open
from labmon_dagster_tests.stores.influxdb.wire import Counting1, write

ROWS = [Row(n * DAY // 50, "ab"[n % 2], n / 7, n, place=n) for n in range(100)]
EXPECTED = sorted((START + row.time, row.site, row.x, row.y) for row in ROWS)


def batches() -> Iterator[Batch]:
    for n in range(0, len(ROWS), 40):
        yield batch(ROWS[n : n + 40], n + 40)


@contextmanager
def opened(
    server: Influxd, before: Callable[[bytes], object] = bytes, patience: int = 5
) -> Iterator[InfluxStore]:
    target = Target.parse(influx_url(1, server.url, "lab", patience=patience))
    link = Counting1(target)
    link.before = before
    with closing(InfluxStore(target, link)) as store:
        yield store


def right(store: InfluxStore) -> None:
    """Every row is there once, and the ledger says so."""
    found = stored(store).with_columns(time=stored(store)["time"].cast(int)).sort("time", "site")
    assert found.select("time", "site", "x", "y").rows() == EXPECTED
    days = store.ledger(ASSET)
    assert [(row.proven, row.in_store) for row in days.values()] == [(True, 50)] * 2
    assert all(sum_of(row.counts) for row in days.values())


def sum_of(counts: Counts) -> bool:
    counts.check("here")
    return counts.read == 50


@pytest.mark.parametrize("comes_back", ["meanwhile", "after the landing"])
def test_killed_at_any_write_of_a_delivery(own_influxd: Influxd, comes_back: str) -> None:
    number = 0
    while True:
        number += 1
        own_influxd.query('DROP DATABASE "lab"')
        own_influxd.create_database("lab")
        if survived(own_influxd, number, comes_back):
            break
    assert number >= 6, "columns, read, three batches, ledger, end of the read"


def survived(server: Influxd, number: int, comes_back: str) -> bool:
    """Kill at a write of that number, and land again; whether there were not as many writes."""
    left = number

    def kill(_: bytes) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            server.kill()
            if comes_back != "after the landing":
                Timer(0.1, server.start).start()

    patience = 0 if comes_back == "after the landing" else 5
    with opened(server, kill, patience) as store:
        try:
            land(store, delivery(0, 1), batches())
        except StoreError as error:
            assert "InfluxDB at " in str(error)
            assert comes_back == "after the landing"
            server.kill()  # by now it is gone, whoever has killed it
            server.start()
        else:
            assert comes_back != "after the landing" or left > 0
            right(store)
    with opened(server) as store:
        land(store, delivery(0, 1), batches())
        right(store)
    return left > 0


def test_away_for_the_whole_run(own_influxd: Influxd) -> None:
    own_influxd.create_database("lab")
    with opened(own_influxd, patience=1) as store:
        land(store, delivery(0, 0), list(batches())[:1], now=START)
        before = store.ledger(ASSET)
        own_influxd.kill()
        begun = time.monotonic()
        with pytest.raises(StoreError, match=r"NewConnectionError.*nothing is lost, it is tried again"):
            land(store, delivery(0, 1), batches())
        assert time.monotonic() - begun < 4
        own_influxd.start()
        assert store.ledger(ASSET) == before
        land(store, delivery(0, 1), batches())
        right(store)


def test_restarted_between_data_and_ledger(own_influxd: Influxd) -> None:
    own_influxd.create_database("lab")

    def dies(body: bytes) -> None:
        if body.startswith(b"labmon_ledger"):
            own_influxd.kill()

    with opened(own_influxd, dies, patience=0) as store, pytest.raises(StoreError):
        land(store, delivery(0, 1), batches())
    own_influxd.start()
    with opened(own_influxd) as store:
        assert store.ledger(ASSET) == {}
        assert stored(store).height == 100, "the data were acknowledged"
        ledger = land(store, delivery(0, 1), batches())
        assert [row.counts for row in ledger.values()] == [Counts(read=50, repeated=50)] * 2
        right(store)


def test_a_value_of_another_type_goes_to_quarantine(
    open_one: Open, influxd: Influxd, influx_database: str
) -> None:
    """Another program has made `y` a text in the shard of the day; labmon knows it as an integer."""
    store = open_one()
    land(store, delivery(-40, -40), [batch([Row(-40 * DAY, "a", 1.0, 1)])])
    write(influxd, influx_database, f'table,site=foreign y="text" {START}')
    some = [row._replace(site="a", y=row.y if row.place % 10 == 0 else None) for row in ROWS]
    ledger = land(store, delivery(0, 1), [batch(some)])
    assert [row.counts for row in ledger.values()] == [Counts(read=50, stored=45, quarantined=5)] * 2
    assert [(row.proven, row.in_store) for row in ledger.values()] == [(True, 45)] * 2
    pieces = store.quarantined(ASSET)
    assert {(piece.kind, piece.raw) for piece in pieces} == {
        ("unfit", f'{{"x": {row.x}, "y": {row.y}}}') for row in some if row.y is not None
    }
    assert all("field type conflict" in piece.reason for piece in pieces)
    again = land(store, delivery(0, 1), [batch(some)])
    assert [row.counts for row in again.values()] == [Counts(read=50, repeated=45, quarantined=5)] * 2
    assert store.quarantined(ASSET) == pieces


@pytest.mark.parametrize("value", ['"text"', "1.5", "true"])
def test_a_value_of_another_type_beside_labmons_own_is_no_crash(
    open_one: Open, influxd: Influxd, influx_database: str, value: str
) -> None:
    store = open_one()
    land(store, delivery(-40, -40), [batch([Row(-40 * DAY, "a", 1.0, 1)])])
    write(influxd, influx_database, f"table,site=a y={value},x=2 {START + 1}")
    ledger = land(store, delivery(), [batch([Row(1, "a", 2.0), Row(2, "a", 3.0)])])
    assert [(row.proven, row.trouble) for row in ledger.values()] == [(True, "")]


def test_what_a_failed_landing_left_under_way_does_not_hinder_the_next(
    open_one: Open, influxd: Influxd, influx_database: str
) -> None:
    store = open_one()
    land(store, delivery(-40, -40), [batch([Row(-40 * DAY, "a", 1.0, 1)])])
    write(influxd, influx_database, f'table,site=foreign y="text" {START}')

    def breaks() -> Iterator[Batch]:
        yield batch([row._replace(site="a") for row in ROWS[:10]])
        yield batch([row._replace(site="a") for row in ROWS[10:20]])
        raise RuntimeError("the source is gone")

    with pytest.raises(RuntimeError):
        land(store, delivery(0, 1), breaks())
    other = replace(delivery(60, 60), asset="lab/other")
    (row,) = land(store, other, [batch([Row(60 * DAY, "c", 1.0, 1)])]).values()
    assert row.counts == Counts(read=1, stored=1)


def test_a_landing_leaves_one_note_of_itself_however_often_it_is_done(open_one: Open) -> None:
    store = open_one()
    for second in range(5):
        land(store, delivery(0, 0), [batch([Row(second * SECOND, "a", 1.0)])])
    series = store.data.ask("SHOW SERIES FROM labmon_reads")[0]
    assert len([row for one in series for row in one.rows()]) == 1
