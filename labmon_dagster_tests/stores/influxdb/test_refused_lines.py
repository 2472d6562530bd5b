"""Lines that a real server refuses: those alone come back, with its reason, and few requests find them."""

from __future__ import annotations

import time

import polars as pl
import pytest

from labmon_dagster.model import DAY, SECOND, Window
from labmon_dagster.stores import InfluxStore
from labmon_dagster_tests.servers.influx import Influxd
from labmon_dagster_tests.stores.frames import EVER, OWNER, TOKEN, frame, measurement, values
from labmon_dagster_tests.stores.influxdb.conftest import Open
from labmon_dagster_tests.stores.influxdb.wire import write

MET = measurement("met", ["site"], x=float, y=float)
LATER = 1000 * DAY
MANY = 20_000


@pytest.fixture
def store(open_store: Open, influxd: Influxd, influx_database: str) -> InfluxStore:
    """A store that knows `x` as a float; in the shard of `LATER` another program has made it an integer."""
    store = open_store(batch=MANY)
    store.write(MET, frame(MET, [(0, "a", 1.0, 1.0)]))
    assert store.settle() == []
    write(influxd, influx_database, f"met,site=foreign x=1i {LATER - 1}")
    store.link.writes = 0
    return store


def rows(number: int, bad: set[int]) -> pl.DataFrame:
    """Rows of which some have a value that the server refuses."""
    return frame(MET, [(LATER + n * SECOND, "a", 0.5 if n in bad else None, float(n)) for n in range(number)])


def refused(store: InfluxStore, number: int, bad: set[int]) -> int:
    """Write rows, check what is refused and what is stored; give the number of requests."""
    given = rows(number, bad)
    before = store.link.writes
    store.write(MET, given, given.clear())
    refusals = store.settle()
    requests = store.link.writes - before
    found = pl.concat([one.rows for one in refusals]) if refusals else given.clear()
    assert sorted(found["y"]) == sorted(map(float, bad))
    assert all("field type conflict" in one.reason and one.measurement == "met" for one in refusals)
    held = values(store.fetch("met", EVER, {"site": "a"}), "time", "y")[1:]
    assert held == [(LATER + n * SECOND, float(n)) for n in range(number) if n not in bad]
    assert store.settle() == [], "told once"
    return requests


@pytest.mark.parametrize(
    ("bad", "most"),
    [(set(), 1), ({0}, 31), ({MANY - 1}, 31), ({7, 9_999, 15_003}, 90), (set(range(MANY)), 1)],
)
def test_few_requests_find_them_among_twenty_thousand(store: InfluxStore, bad: set[int], most: int) -> None:
    assert refused(store, MANY, bad) <= most + 1  # and one notes columns, at most


def test_even_every_second_one_is_found_with_two_requests_a_line(store: InfluxStore) -> None:
    assert refused(store, 64, set(range(0, 64, 2))) <= 2 * 64


def test_a_line_that_cannot_be_parsed(open_store: Open) -> None:
    store = open_store()
    long = "x" * 70_000
    given = frame(MET, [(1, "a", 1.0, None), (2, long, 1.0, None), (3, "b", 1.0, None)])
    store.write(MET, given)
    (refusal,) = store.settle()
    assert refusal.rows["_place"].to_list() == [1]
    assert "max key length exceeded" in refusal.reason
    assert values(store.fetch("met", EVER), "time", "site") == [(1, "a"), (3, "b")]


def test_a_first_batch_in_two_types(open_store: Open, influxd: Influxd, influx_database: str) -> None:
    """Where another program is the first in a shard, all rows of one type are refused and come back."""
    store = open_store()
    store.write(MET, frame(MET, [(0, "a", 1.0, 1.0)]))
    store.settle()
    write(influxd, influx_database, f"met,site=foreign x=1i {LATER}")
    store.write(MET, frame(MET, [(1, "a", 2.0, 1.0), (LATER, "a", 2.0, 1.0), (LATER + 1, "a", None, 1.0)]))
    (refusal,) = store.settle()
    assert refusal.rows["_place"].to_list() == [1]
    assert values(store.fetch("met", EVER, {"site": "a"}), "time") == [(0,), (1,), (LATER + 1,)]


def test_points_beyond_the_retention_come_back(
    open_store: Open, influxd: Influxd, influx_database: str
) -> None:
    books, now = f"{influx_database}_labmon", time.time_ns()
    influxd.query(f'ALTER RETENTION POLICY autogen ON "{influx_database}" DURATION 30d')
    influxd.query(f'CREATE RETENTION POLICY labmon ON "{influx_database}" DURATION INF REPLICATION 1')
    influxd.create_database(books)
    store = open_store()
    store.write(MET, frame(MET, [(now - 40 * DAY, "a", 1.0, 1.0), (now, "a", 1.0, 1.0)]))
    (refusal,) = store.settle()
    assert values(refusal.rows, "time") == [(now - 40 * DAY,)]
    assert "points beyond retention policy" in refusal.reason
    assert values(store.fetch("met", EVER), "time") == [(now,)]
    influxd.query(f'DROP DATABASE "{books}"')


def test_of_rows_that_lose_a_value_those_refused_come_back_and_the_rest_is_written(
    store: InfluxStore, influxd: Influxd, influx_database: str
) -> None:
    """In the shard of `LATER`, `x` is an integer; rows that take `y` from their points give one a new `x`."""
    store.begin(OWNER, TOKEN)
    store.write(MET, rows(4, set()))
    assert store.settle() == []
    less = [(LATER + n * SECOND, "a", 0.5 if n == 2 else None, None) for n in range(1, 4)]
    note = measurement("met", ["site"], x=float, y=float, note=str)
    store.write(note, frame(note, [(*row, "less") for row in less]))
    (refusal,) = store.settle()
    assert values(refusal.rows, "time", "x", "_place") == [(LATER + 2 * SECOND, 0.5, 1)]
    assert "field type conflict" in refusal.reason
    assert values(store.fetch("met", Window(LATER, LATER + DAY), {"site": "a"}), "y", "note") == [
        (0.0, None),
        (None, "less"),
        (2.0, None),
        (None, "less"),
    ]
    assert store.settle() == [], "told once"


def test_a_refused_row_is_whole(open_one: Open) -> None:
    store = open_one()
    given = frame(MET, [(1, "x" * 70_000, 1.0, None)])
    store.write(MET, given)
    (refusal,) = store.settle()
    assert values(refusal.rows, "_order", "_place") == [(0, 0)]
