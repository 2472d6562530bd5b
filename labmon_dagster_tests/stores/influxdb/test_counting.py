"""`fetch`, `count` and `delete` against a model: windows, buckets, owners, absent tags, points of others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import NamedTuple
from uuid import uuid4

from hypothesis import given, settings
from hypothesis import strategies as st

from labmon_dagster.model import DAY, Window
from labmon_dagster.stores import InfluxStore, owner_of
from labmon_dagster.stores.base import read_token
from labmon_dagster.stores.influxdb import Target
from labmon_dagster_tests.servers.influx import Influxd
from labmon_dagster_tests.stores.frames import EVER, OWNER, frame, measurement, values
from labmon_dagster_tests.stores.influxdb.conftest import Open
from labmon_dagster_tests.stores.influxdb.wire import write

MET = measurement("met", ["line", "site"], x=float, y=int)
ASSETS = ("lab/one", "lab/two", "lab/three")
FOREIGN = "another program"


class Point(NamedTuple):
    time: int
    line: str
    site: str
    x: float | None
    y: int | None
    owner: str


TIMES = st.sampled_from([0, 1, -1, DAY - 1, DAY, -DAY, 5 * DAY + 7, -400 * DAY, 2**62]) | st.integers(
    -20 * DAY, 20 * DAY
)
SITES = st.sampled_from(["", "a", "b c", "d,e=f"])
POINTS = st.lists(
    st.builds(
        Point,
        TIMES,
        SITES,
        SITES,
        st.none() | st.floats(-9, 9),
        st.none() | st.integers(0, 9),
        st.sampled_from(ASSETS),
    ),
    max_size=20,
    unique_by=lambda point: point[:3],
)
STRANGERS = st.lists(
    st.builds(Point, TIMES, SITES, st.just(FOREIGN), st.floats(-9, 9), st.none(), st.just(FOREIGN)),
    max_size=6,
    unique_by=lambda point: point[:3],
)
WINDOWS = st.builds(lambda a, b: Window(min(a, b), max(a, b)), TIMES, TIMES) | st.just(EVER)


@contextmanager
def filled(influxd: Influxd, points: list[Point], strangers: list[Point]) -> Iterator[InfluxStore]:
    name = f"c{uuid4().hex[:12]}"
    influxd.create_database(name)
    target = Target.parse(f"influxdb1+{influxd.url}/{name}")
    with closing(InfluxStore(target)) as store:
        for asset in ASSETS:
            rows = [point[:5] for point in points if point.owner == asset]
            store.write(MET, frame(MET, rows, read_token(asset, "v", 1)))
        store.settle()
        if strangers:
            write(influxd, name, *map(line_of, strangers))
    with closing(InfluxStore(target)) as store:
        yield store
    influxd.query(f'DROP DATABASE "{name}"')


def line_of(point: Point) -> str:
    tags = [f",{tag}={escaped(text)}" for tag, text in (("line", point.line), ("site", point.site)) if text]
    return f"met{''.join(tags)} x={point.x} {point.time}"


def escaped(text: str) -> str:
    return text.replace(" ", r"\ ").replace(",", r"\,").replace("=", r"\=")


def inside(points: list[Point], window: Window) -> list[Point]:
    return [point for point in points if window.start <= point.time < window.end]


def buckets(points: list[Point], size: int) -> dict[int, int]:
    return dict(Counter(point.time // size * size for point in points))


def series(points: list[Point], size: int) -> list[tuple[object, ...]]:
    found = Counter((point.time // size * size, point.site) for point in points)
    return sorted((*known, number) for known, number in found.items())


def by_site(
    store: InfluxStore, window: Window, size: int, owner: int | None = None
) -> list[tuple[object, ...]]:
    return values(store.count_series("met", window, size, ["site"], owner), "time", "site", "rows")


@given(POINTS, STRANGERS, WINDOWS, st.sampled_from([DAY, 7 * DAY, 3_600_000_000_000, 1_000_000_007]), SITES)
@settings(max_examples=25)
def test_windows_buckets_owners_and_tags(
    influxd: Influxd, points: list[Point], strangers: list[Point], window: Window, size: int, site: str
) -> None:
    every = [*points, *strangers]
    with filled(influxd, points, strangers) as store:
        if size >= DAY or window.end - window.start < 100 * DAY:
            assert store.count("met", window, size) == buckets(inside(every, window), size)
            assert by_site(store, window, size) == series(inside(every, window), size)
            for asset in ASSETS:
                mine = [point for point in inside(points, window) if point.owner == asset]
                assert store.count("met", window, size, owner_of(asset)) == buckets(mine, size)
                assert by_site(store, window, size, owner_of(asset)) == series(mine, size)
        for tags, wanted in (
            ({}, inside(every, window)),
            ({"site": site}, [point for point in inside(every, window) if point.site == site]),
            (
                {"site": site, "line": ""},
                [p for p in inside(every, window) if (p.line, p.site) == ("", site)],
            ),
        ):
            found = store.fetch("met", window, tags)
            if wanted:
                names = ("time", "line", "site", "x")
                assert values(found, *names) == sorted(p[:4] for p in wanted)
            assert found.height == len(wanted)


@given(POINTS, WINDOWS)
@settings(max_examples=20)
def test_what_an_owner_removes(influxd: Influxd, points: list[Point], window: Window) -> None:
    with filled(influxd, points, []) as store:
        store.delete(owner_of(ASSETS[0]), window)
        gone = [point for point in inside(points, window) if point.owner == ASSETS[0]]
        left = sorted(point[:5] for point in points if point not in gone)
        found = store.fetch("met", Window(-(2**63), 2**63 - 1))
        assert found.height == len(left)
        if left:
            assert values(found, "time", "line", "site", "x", "y") == left


def test_points_of_others_in_the_same_series_are_not_removed(
    open_one: Open, influxd: Influxd, influx_database: str
) -> None:
    store = open_one()
    token = read_token(ASSETS[0], "v", 1)
    store.write(MET, frame(MET, [(t, "l", "a", 1.0, 1) for t in (1, 3)], token))
    store.settle()
    write(influxd, influx_database, "met,line=l,site=a x=2 2")
    store.delete(owner_of(ASSETS[0]), EVER)
    assert values(store.fetch("met", EVER), "time", "x") == [(2, 2.0)]


def test_rows_of_others_are_counted_by_their_most_frequent_field(
    open_one: Open, influxd: Influxd, influx_database: str
) -> None:
    write(influxd, influx_database, "met,site=a x=1 1", "met,site=a x=1,y=2 2", "met,site=a y=2 3")
    assert open_one().count("met", EVER, 10) == {0: 2}


def test_series_of_others_are_counted_beside_those_of_labmon(
    open_store: Open, influxd: Influxd, influx_database: str
) -> None:
    store = open_store()
    store.write(MET, frame(MET, [(t, "l", "a", 1.0, None) for t in (1, 3, 12)]))
    store.settle()
    write(influxd, influx_database, "met,site=a,pump=7 z=2 2", "met,pump=7 z=2 2", "met,pump=7 z=2 11")
    found = store.count_series("met", EVER, 10, ["pump", "site"])
    assert values(found, "time", "pump", "site", "rows") == [
        (0, "", "a", 2),
        (0, "7", "", 1),
        (0, "7", "a", 1),
        (10, "", "a", 1),
        (10, "7", "", 1),
    ]
    owned = store.count_series("met", EVER, 10, ["pump"], owner_of(OWNER))
    assert values(owned, "time", "pump", "rows") == [(0, "", 2), (10, "", 1)]
