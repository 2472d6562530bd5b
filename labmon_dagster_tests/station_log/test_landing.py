"""However a station log is read, the store ends with what InfluxDB itself would hold of its lines."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

from hypothesis import example, given, settings
from hypothesis import strategies as st

from labmon_dagster_tests.landing.rows import NewStore
from labmon_dagster_tests.station_log.log_world import DAYS, Identity, World

Act: TypeAlias = tuple[Any, ...]
SHARED = {"a": 7.0, "b": 8.0, "c": 9.0}  # of a point that is written on several days, always alike

DAY_NUMBER = st.integers(0, len(DAYS) - 1)
SUBSET = st.lists(st.sampled_from("abc"), min_size=1, max_size=3, unique=True)


@st.composite
def point(draw: st.DrawFn, day: int) -> tuple[Identity, dict[str, float]]:
    measurement, tag = draw(st.sampled_from(["m", "w"])), draw(st.sampled_from(["", "KP"]))
    names = draw(SUBSET)
    if draw(st.booleans()):
        return (measurement, tag, 5), {name: SHARED[name] for name in names}
    time = 1000 * (day + 1) + draw(st.integers(0, 1))
    return (measurement, tag, time), {name: draw(st.sampled_from([1.0, 2.0])) for name in names}


@st.composite
def act(draw: st.DrawFn) -> Act:
    kind = draw(st.sampled_from(["write", "write", "write", "news", "whole", "replace", "crash"]))
    if kind == "write":
        day = draw(DAY_NUMBER)
        return (kind, day, draw(st.lists(point(day), min_size=1, max_size=4)))
    first, last = sorted(draw(st.tuples(DAY_NUMBER, DAY_NUMBER)))
    return (kind, first, last, *([draw(st.integers(0, 2)), draw(st.booleans())] if kind == "crash" else []))


def play(one: World, acts: list[Act]) -> None:
    for kind, *how in acts:
        match kind:
            case "write":
                one.write(*how)
            case "crash":
                first, last, dies, replaced = how
                one.read(first, last, dies=dies, replaced=replaced)
            case _:
                one.read(*how, whole=kind == "whole", replaced=kind == "replace")


P, Q = ("m", "", 1000), ("m", "", 5)


@given(acts=st.lists(act(), max_size=10))
@settings(max_examples=120)
@example(
    acts=[("write", 0, [(P, {"a": 1.0})]), ("news", 0, 0), ("write", 0, [(P, {"b": 1.0})]), ("news", 0, 0)]
)
@example(acts=[("write", 0, [(P, {"a": 1.0}), (P, {"a": 1.0, "b": 2.0}), (P, {"b": 2.0}), (P, {"a": 2.0})])])
@example(
    acts=[("write", 1, [(Q, {"a": 7.0})]), ("whole", 1, 1), ("write", 0, [(Q, {"b": 8.0})]), ("whole", 0, 1)]
)
@example(
    acts=[
        ("write", 0, [(Q, {"a": 7.0})]),
        ("whole", 0, 0),
        ("write", 2, [(Q, {"a": 7.0})]),
        ("replace", 0, 2),
    ]
)
def test_it_ends_as_influxdb_would_have_it(new_store: NewStore, acts: list[Act]) -> None:
    with TemporaryDirectory() as folder, new_store() as store:
        one = World(store, Path(folder))
        play(one, acts)
        for _ in range(2):
            rows = one.read(0, len(DAYS) - 1, whole=True)
        assert one.stored() == one.held
        assert one.overwritten <= one.in_quarantine()
        past = [(rows[day].proven, rows[day].trouble, rows[day].in_store) for day in DAYS[:-1]]
        assert past == [(True, "", sum(last == n for last in one.last.values())) for n in range(len(past))]
