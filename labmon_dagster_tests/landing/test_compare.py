from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from random import Random
from typing import TypeAlias

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from labmon_dagster.landing.compare import compared, source_times, store_times, times_compared
from labmon_dagster.model import DAY, Batch, Field, Mark, Measurement, Readings, Reject, Window
from labmon_dagster.model.window import day_of
from labmon_dagster.stores import ReadingStore
from labmon_dagster_tests.cli.lab import fill, times

Key: TypeAlias = tuple[int, str, str]
TAGS = ("source", "channel")
UTC_NS = pl.Datetime("ns", "UTC")
KEYS = st.tuples(
    st.integers(-2, 3).map(lambda day: day * DAY), st.sampled_from("ab"), st.sampled_from(["", "1"])
)
COUNTS = st.dictionaries(KEYS, st.integers(1, 2**40), max_size=8)
INSTANTS = st.integers(-3, 3).map(lambda n: n * 500_000) | st.integers(-2_500, 2_500)
MOMENTS = st.sets(st.tuples(INSTANTS, st.sampled_from("ab"), st.just("")), max_size=8)


def counts(rows: Iterable[tuple[int, str, str, int]]) -> pl.DataFrame:
    schema = {"time": pl.Int64, "source": pl.String, "channel": pl.String, "rows": pl.Int64}
    return pl.DataFrame(list(rows), schema=schema, orient="row").with_columns(pl.col("time").cast(UTC_NS))


def moments(keys: Iterable[Key]) -> pl.DataFrame:
    return counts((*key, 1) for key in keys).drop("rows")


def listed(frame: pl.DataFrame) -> list[tuple[object, ...]]:
    return frame.with_columns(pl.col("time").cast(pl.Int64)).rows()


@given(COUNTS, COUNTS, st.randoms(use_true_random=False))
def test_counts_stand_beside_each_other(here: dict[Key, int], there: dict[Key, int], random: Random) -> None:
    rows, others = ([(*key, rows) for key, rows in side.items()] for side in (here, there))
    random.shuffle(rows)
    random.shuffle(others)
    both = compared(counts(rows), counts(others), TAGS)
    assert both.columns == ["time", *TAGS, "in_source", "in_store"]
    assert both.dtypes == [UTC_NS, pl.String, pl.String, pl.Int64, pl.Int64]
    assert listed(both) == [(*key, here.get(key, 0), there.get(key, 0)) for key in sorted({*here, *there})]


@given(COUNTS)
def test_alike_sides_do_not_differ(here: dict[Key, int]) -> None:
    frame = counts((*key, rows) for key, rows in here.items())
    assert compared(frame, frame.reverse(), TAGS).filter(pl.col("in_source") != pl.col("in_store")).is_empty()


@given(st.lists(st.tuples(KEYS, st.integers(1, 9)), max_size=12))
def test_counts_named_twice_are_summed(parts: list[tuple[Key, int]]) -> None:
    summed: Counter[Key] = Counter()
    for key, rows in parts:
        summed[key] += rows
    both = compared(counts((*key, rows) for key, rows in parts), counts([]), TAGS)
    assert listed(both) == [(*key, summed[key], 0) for key in sorted(summed)]


def test_frames_of_nothing_and_rows_without_a_time() -> None:
    nothing = pl.DataFrame({"time": [None], "source": [None], "channel": [None], "rows": [5]})
    assert listed(compared(nothing, counts([(DAY, "a", "", 2)]), TAGS)) == [(DAY, "a", "", 0, 2)]
    one = counts([(DAY, "a", "", 2), (DAY, "b", "", 3)]).select("time", "rows")
    assert listed(compared(one, one.clear(), ())) == [(DAY, 5, 0)]


@given(MOMENTS, MOMENTS)
@example({(1_000, "a", ""), (1_500, "a", "")}, {(1_000, "a", "")})
def test_times_stand_beside_each_other(here: set[Key], there: set[Key]) -> None:
    def cut(key: Key) -> str:
        time, *tags = key
        alone = key in here and key not in there
        units = {"us": 1_000, "ms": 1_000_000} if alone else {}
        short = {unit: (time // ns * ns, *tags) for unit, ns in units.items()}
        return next((unit for unit, twin in short.items() if twin in there - here), "")

    both = times_compared(moments(here), moments([*there, *there]), TAGS)
    assert listed(both) == [(*key, key in here, key in there, cut(key)) for key in sorted(here | there)]


ABOUT = Measurement("m", TAGS, (Field("value"),))


def batch(*rows: tuple[int, str, float | None], rejects: int = 0) -> Batch:
    columns = {"time": times(*(row[0] for row in rows)), "source": [row[1] for row in rows]}
    values = pl.Series([row[2] for row in rows], dtype=pl.Float64)
    zeros = [pl.lit(0).alias(name) for name in ("_order", "_place")]
    frame = pl.DataFrame(columns).with_columns(pl.lit("1").alias("channel"), values.alias("value"), *zeros)
    (arrow,) = frame.select(ABOUT.schema.names).to_arrow().cast(ABOUT.schema).to_batches()
    pieces = tuple(Reject("why", "raw", "place", day_of(0)) for _ in range(rejects))
    return Batch(ABOUT, arrow, "s", Mark(1), pieces)


def test_times_of_a_source_are_those_with_a_value() -> None:
    first = batch((1, "a", 1.5), (2, "a", None), (3, "a", float("nan")), rejects=1)
    second = batch((1, "a", 2.5), (1, "b", 0.0), rejects=2)
    found, refused = source_times(Readings(iter([first, second])), TAGS)
    assert sorted(listed(found)) == [(1, "a", "1"), (1, "b", "1")]
    assert refused == 3
    assert listed(source_times(Readings(iter([])), TAGS)[0]) == []


def test_times_of_a_store_are_those_of_all_its_points(store: ReadingStore) -> None:
    rows = pl.DataFrame({"time": times(-1, 0, 1, DAY), "source": ["a"] * 4, "value": [1.0, 2.0, None, 3.0]})
    fill(store, "m", ("source",), rows.with_columns(pl.lit(1, dtype=pl.Int8).alias("value_qc")))
    store.settle()
    found = store_times(store, "m", Window(0, DAY), TAGS)
    assert sorted(listed(found)) == [(0, "a", ""), (1, "a", "")]
    assert listed(store_times(store, "another", Window(0, DAY), TAGS)) == []


@pytest.mark.parametrize("tags", [(), TAGS])
def test_no_times_at_all(tags: tuple[str, ...]) -> None:
    nothing = moments([])
    assert times_compared(nothing, nothing, tags).is_empty()
