"""However a growing source is delivered, everything in it is stored once, and the ledger never lies."""

from __future__ import annotations

from typing import Any, TypeAlias

from hypothesis import example, given, settings
from hypothesis import strategies as st

from labmon_dagster.landing import Landing
from labmon_dagster_tests.landing.growing import DAYS, Growing, World, day
from labmon_dagster_tests.landing.rows import ASSET, NewStore

Act: TypeAlias = tuple[Any, ...]

STREAMS = st.sampled_from(["f", "g"])
SPAN = st.tuples(st.integers(0, DAYS - 1), st.integers(0, DAYS - 1)).map(lambda two: (min(two), max(two)))
GROW = st.tuples(st.just("grow"), STREAMS, st.lists(st.integers(-DAYS, DAYS - 1), min_size=1, max_size=5))
DELIVER = st.tuples(st.just("deliver"), SPAN, st.booleans())
CRASH = st.tuples(st.just("crash"), SPAN, st.booleans(), st.integers(0, 3))
AWAY = st.tuples(st.just("away"), SPAN, st.booleans(), STREAMS)
REPLACE = st.tuples(st.just("replace"), SPAN, st.integers(-1, 3))
ACTS = st.lists(st.one_of(GROW, GROW, DELIVER, DELIVER, CRASH, AWAY, REPLACE), min_size=1, max_size=10)


def play(world: World, act: Act) -> None:
    match act:
        case ("grow", stream, days):
            world.source.streams.setdefault(stream, []).extend(days)
        case ("deliver", span, whole):
            world.deliver(span[0], span[1], whole)
        case ("crash", span, whole, after):
            world.deliver(span[0], span[1], whole, fails_after=after)
        case ("away", span, whole, stream):
            world.deliver(span[0], span[1], whole, away=stream)
        case ("replace", span, after):
            world.deliver(span[0], span[1], True, fails_after=after, replace=True)
        case ("both", (first, whole, then), (second, other), seen_by_both):
            compete(world, first, whole, then, second, other, seen_by_both)


def compete(
    world: World, first: Any, whole: bool, grows: list[int], second: Any, other: bool, begun: bool
) -> None:
    """Two runs at once: the first begins, the source grows, the second begins and ends, the first ends."""
    request, delivered, now = world.begin(first[0], first[1], whole)
    readings = world.source.read(request)
    landing = Landing(world.store, delivered, now)
    world.source.streams.setdefault("f", []).extend(grows)
    world.deliver(second[0], second[1], other)
    landing.land(readings)


def finish(world: World) -> None:
    world.catch_up()
    rows, pieces = world.source.holds({day(n) for n in range(DAYS)}, world.source.end)
    assert sorted(world.rows) == sorted(rows), "everything once, nothing missing"
    assert {piece.raw for piece in world.store.quarantined()} == pieces
    for row in world.store.ledger(ASSET).values():
        row.counts.check(str(row.day))


@given(st.integers(1, 4), ACTS)
@settings(max_examples=40)
@example(
    2, [("grow", "f", [1, 0]), ("deliver", (0, 0), True), ("grow", "f", [0, 1]), ("deliver", (0, 0), False)]
)
def test_everything_is_stored_once_whatever_is_read_when(
    new_store: NewStore, size: int, acts: list[Act]
) -> None:
    with new_store() as store:
        world = World(store, Growing(size))
        for act in acts:
            play(world, act)
            world.check()
        finish(world)


BOTH = st.tuples(
    st.just("both"),
    st.tuples(SPAN, st.booleans(), st.lists(st.integers(-DAYS, DAYS - 1), max_size=4)),
    st.tuples(SPAN, st.booleans()),
    st.booleans(),
)


@given(st.integers(1, 4), st.lists(st.one_of(GROW, DELIVER, BOTH, BOTH), min_size=1, max_size=8))
@settings(max_examples=40)
def test_two_runs_at_once_lose_nothing(new_store: NewStore, size: int, acts: list[Act]) -> None:
    with new_store() as store:
        world = World(store, Growing(size))
        for act in acts:
            play(world, act)
            world.check()
        finish(world)
