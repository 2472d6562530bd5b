"""Flags after any sequence of reads are those of one full read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from labmon_dagster.landing import Recipe
from labmon_dagster.model import DAY, Batch, Field, FieldType, Measurement
from labmon_dagster.quality import FieldRules, FlatLine, Range, RateOfChange, Spike
from labmon_dagster.stores import ReadingStore
from labmon_dagster_tests.landing.growing import DiedError
from labmon_dagster_tests.landing.rows import NAME, NewStore, Row, batch, delivery, land, stored

MS = 1_000_000
SENTINEL = 7999.0
NARROW = Measurement(NAME, ("site",), (Field("y", FieldType.INTEGER),))
RULES = {
    "x": FieldRules(sentinels=[SENTINEL], spike=Spike(suspect=2, fail=5, within="3ms"), on_fail="omit"),
    "y": FieldRules(
        range=Range(fail=(-5, 9)),
        rate_of_change=RateOfChange(suspect=1, per="1ms", within="4ms"),
        flat_line=FlatLine(tolerance=0, suspect="3ms", fail="5ms"),
    ),
    "sum": FieldRules(spike=Spike(suspect=3, within="2ms"), range=Range(suspect=(-4, 8))),
}
RECIPE = Recipe({"sum": "x + y"}, RULES)
BY_SITE = Recipe(
    {"sum": "x + y"},
    {
        "x": [
            FieldRules(where={"site": "a"}, sentinels=[9], spike=Spike(suspect=2, within="3ms")),
            RULES["x"],
        ],
        "y": [RULES["y"].model_copy(update={"where": {"site": "a"}})],
        "sum": RULES["sum"],
    },
)
RECIPES = st.sampled_from([RECIPE, BY_SITE])

TIMES = st.integers(-12, 12).map(lambda n: DAY + n * MS)
ROWS = st.lists(
    st.builds(
        Row,
        TIMES,
        st.sampled_from(["", "a"]),
        st.sampled_from([None, 0.0, 1.0, 1.0, 4.0, 9.0, SENTINEL]),
        st.sampled_from([None, 0, 1, 1, 1, 7, 20]),
        st.integers(0, 2),
    ),
    min_size=1,
    max_size=24,
).map(lambda rows: [row._replace(place=n) for n, row in enumerate(rows)])


def full_read(new_store: NewStore, rows: Sequence[Row], recipe: Recipe = RECIPE) -> pl.DataFrame:
    """Everything in one batch, and then all flags computed anew from what is stored."""
    with new_store() as store:
        land(store, delivery(0, 1, recipe), [batch(rows)])
        return computed_anew(store, recipe)


def computed_anew(store: ReadingStore, recipe: Recipe) -> pl.DataFrame:
    held = stored(store)
    return held if held.is_empty() else recipe.flag(held, ["site"]).select(held.columns)


@given(ROWS, RECIPES, st.data())
@settings(max_examples=40)
def test_any_sequence_of_reads_gives_the_flags_of_one(
    new_store: NewStore, rows: list[Row], recipe: Recipe, data: st.DataObject
) -> None:
    """Late rows, batches, days and reads cut anywhere, two series, collisions, values left out."""
    arriving = data.draw(st.permutations(rows))
    size = data.draw(st.integers(1, 8))
    with new_store() as store:
        for start in range(0, len(arriving), size):
            portion = arriving[start : start + size]
            half = data.draw(st.integers(0, len(portion)))
            batches = [batch(portion[:half]), batch(portion[half:])]
            for days in data.draw(st.sampled_from([[(0, 1)], [(0, 0), (1, 1)], [(1, 1), (0, 0)]])):
                land(store, delivery(*days, recipe), batches)
        assert_frame_equal(stored(store), computed_anew(store, recipe))
        assert_frame_equal(stored(store), full_read(new_store, rows, recipe), check_column_order=False)


@given(ROWS, RECIPES, st.sampled_from([(0, 0), (1, 1), (0, 1)]), st.data())
@settings(max_examples=40)
def test_replacing_days_mends_the_flags_at_their_edges(
    new_store: NewStore, rows: list[Row], recipe: Recipe, days: tuple[int, int], data: st.DataObject
) -> None:
    kept = data.draw(st.lists(st.sampled_from(rows), unique=True))
    with new_store() as store:
        land(store, delivery(0, 1, recipe), [batch(rows)])
        land(store, delivery(*days, recipe, replace=True), [batch(kept)])
        assert_frame_equal(stored(store), computed_anew(store, recipe))


def test_a_value_is_left_out_only_in_series_whose_rule_says_so(new_store: NewStore) -> None:
    rows = [Row(DAY, "a", SENTINEL, 7), Row(DAY, "", SENTINEL, 7), Row(DAY + MS, "a", 9.0), Row(DAY + MS, "")]
    with new_store() as store:
        land(store, delivery(1, 1, BY_SITE), [batch(rows)])
        assert stored(store).select("site", "x", "x_qc", "y_qc").rows() == [
            ("", None, 4, 2),
            ("a", SENTINEL, 1, 1),
            ("a", 9.0, 4, 9),
        ]


def dies() -> Iterator[Batch]:
    yield batch([])
    raise DiedError


def test_flags_are_right_even_if_the_read_after_a_removal_fails(new_store: NewStore) -> None:
    steady = [Row(DAY + n * MS, "a", 1.0 + 5 * (n == 0), place=n + 9) for n in range(-3, 3)]
    with new_store() as store:
        land(store, delivery(0, 1, RECIPE), [batch(steady)])
        assert stored(store)["x_qc"].to_list() == [1, 1, 3, 3, 3, 1]
        with suppress(DiedError):
            land(store, delivery(1, 1, RECIPE, replace=True), dies())
        assert stored(store)["x_qc"].to_list() == [1, 1, 1]


@given(ROWS, st.data())
@settings(max_examples=25)
def test_a_field_that_comes_later_is_missing_before(
    new_store: NewStore, rows: list[Row], data: st.DataObject
) -> None:
    """The rows of one header lack a field; which header is met first makes no difference."""
    rows = list({(row.time, row.site): row for row in rows}.values())
    narrow = set(data.draw(st.lists(st.sampled_from(rows), unique=True)))
    recipe = Recipe(rules={name: RULES[name] for name in ("x", "y")})
    wanted = full_read(new_store, [row._replace(x=None) if row in narrow else row for row in rows], recipe)
    with new_store() as store:
        for row in data.draw(st.permutations(rows)):
            piece = batch([row], measurement=NARROW) if row in narrow else batch([row])
            land(store, delivery(0, 1, recipe), [piece])
        names = [name for name in wanted.columns if name in stored(store).columns]
        assert_frame_equal(stored(store).select(names), wanted.select(names))


def test_a_computed_column_waits_for_no_header(new_store: NewStore) -> None:
    """Rows of a header that lacks a column have it as missing, as soon as the table knows the column."""
    recipe = Recipe({"twice": "x * 2"})
    with new_store() as store:
        land(store, delivery(0, 1, recipe), [batch([Row(1, "a", 2.0, 1), Row(DAY, "b", 5.0)])])
        land(store, delivery(0, 1, recipe), [batch([Row(2, "a", None, 1)], measurement=NARROW)])
        assert stored(store)["twice"].to_list() == [4.0, None, 10.0]
        with pytest.raises(ValueError, match="computed column twice = 'z / 2'"):
            land(store, delivery(0, 1, Recipe({"twice": "z / 2"})), [batch([Row(3, "a", 1.0)])])


def test_a_row_takes_the_place_of_another_whole(new_store: NewStore) -> None:
    """A later row without a column does not keep the column of the row it displaced."""
    first, later = Row(1, "a", 2.0, 1, place=1), Row(1, "a", None, 7, place=2)
    for batches in (
        [batch([first]), batch([later], measurement=NARROW)],
        [batch([later], measurement=NARROW), batch([first])],
    ):
        with new_store() as store:
            land(store, delivery(), batches)
            found = stored(store)
            assert found["y"].to_list() == [7]
            assert "x" not in found.columns or found["x"].to_list() == [None]
            assert [piece.raw for piece in store.quarantined()] == ['{"x": 2.0, "y": 1}']


def test_rows_of_other_assets_are_not_flagged(new_store: NewStore) -> None:
    with new_store() as store:
        other = [Row(DAY + n * MS, "b", 1.0, 1, place=n) for n in range(3)]
        land(store, delivery(0, 1), [batch(other)])
        for sites in (["a"], ["a", ""]):
            mine = [Row(DAY + n * MS, site, 1.0, 1, place=9 + n) for n in range(3) for site in sites]
            land(store, delivery(0, 1, RECIPE), [batch(mine)])
            theirs = stored(store).filter(site="b")
            assert theirs["x_qc"].null_count() == theirs.height == 3


def test_new_rules_reach_the_rows_that_are_read_again(new_store: NewStore) -> None:
    rows = [Row(DAY + n * MS, "a", float(n), place=n) for n in range(4)]
    with new_store() as store:
        land(store, delivery(1, 1, Recipe(rules={"x": RULES["x"]}), version="one"), [batch(rows)])
        land(store, delivery(1, 1, Recipe(rules={"y": RULES["y"]}), version="two"), [batch(rows)])
        assert stored(store).select("x_qc", "y_qc").rows() == [(None, 9)] * 4
