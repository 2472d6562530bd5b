"""Who holds a place, who goes to quarantine, and that it makes no difference how rows are cut or come."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TypeAlias

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labmon_dagster.landing import Recipe
from labmon_dagster.landing.merge import FATE, merge
from labmon_dagster.model import DAY, Batch
from labmon_dagster.model.window import instant_text
from labmon_dagster.quality import FieldRules
from labmon_dagster.stores import Counts, ReadingStore
from labmon_dagster_tests.landing.growing import DiedError
from labmon_dagster_tests.landing.rows import MEASUREMENT, START, NewStore, Row, batch, delivery, land, stored

Identity: TypeAlias = tuple[int, str]
Values: TypeAlias = tuple[object, ...]
SENTINEL = 7999.0
OMITTING = Recipe(rules={"x": FieldRules(sentinels=[SENTINEL], on_fail="omit")})


@dataclass
class Place:
    values: Values
    order: tuple[int, int]
    version: str
    read: int
    counted: bool


@dataclass
class Model:
    """The rules, one row at a time."""

    places: dict[Identity, Place] = field(default_factory=dict)
    losers: set[tuple[Identity, Values]] = field(default_factory=set)
    counts: dict[int, Counts] = field(default_factory=dict)

    def count(self, row: Row, **fates: int) -> None:
        day = row.time // DAY
        self.counts[day] = self.counts.get(day, Counts()) + Counts(**fates)

    def meet(self, row: Row, read: int, version: str = "") -> None:
        self.count(row, read=1)
        identity, order = (row.time, row.site), (row.order, row.place)
        values: Values = ("omitted" if row.x == SENTINEL else row.x, row.y)
        held = self.places.get(identity)
        if values == (None, None):
            self.count(row, empty=1)
        elif held is None:
            self.count(row, stored=1)
            self.places[identity] = Place(values, order, version, read, True)
        elif held.values == values:
            self.count(row, repeated=1)
            held.order = order if held.version != version else max(order, held.order)
            held.version = version
        elif held.version == version and order < held.order:
            self.count(row, collided=1)
            self.losers.add((identity, values))
        else:
            self.take(row, values, held, version, read)

    def take(self, row: Row, values: Values, held: Place, version: str, read: int) -> None:
        identity, order = (row.time, row.site), (row.order, row.place)
        rival = held.version == version and order > held.order
        self.count(row, stored=1)
        if held.read == read:
            self.count(row, stored=-1, **{"collided" if rival else "repeated": 1})
        self.losers.discard((identity, values))
        if rival:
            self.losers.add((identity, held.values))
        self.places[identity] = Place(values, order, version, read, True)


TIMES = [0, 5, DAY - 1, DAY, DAY + 7]
ROWS = st.builds(
    Row,
    st.sampled_from(TIMES),
    st.sampled_from(["", "a"]),
    st.sampled_from([None, 1.0, 2.5, SENTINEL]),
    st.sampled_from([None, None, 3]),
    st.integers(0, 2),
    st.integers(0, 2),
)
READS = st.lists(st.lists(ROWS, max_size=8), min_size=1, max_size=4)


def cut(rows: Sequence[Row], cuts: Sequence[int]) -> Iterator[Sequence[Row]]:
    ends = sorted({min(one, len(rows)) for one in cuts} | {len(rows)})
    yield from (rows[a:b] for a, b in zip([0, *ends[:-1]], ends, strict=True))


def found(store: ReadingStore) -> dict[Identity, tuple[Values, tuple[int, int]]]:
    rows = stored(store)
    if rows.is_empty():
        return {}
    if "x_qc" not in rows.columns:
        rows = rows.with_columns(x_qc=None)
    times = rows["time"].cast(int).to_list()
    return {
        (time - START, row["site"]): (
            ("omitted" if row["x"] is None and row["x_qc"] == 4 else row["x"], row["y"]),
            (row["_order"], row["_place"]),
        )
        for time, row in zip(times, rows.iter_rows(named=True), strict=True)
    }


def lost(store: ReadingStore) -> set[tuple[str, str, Values]]:
    pieces = store.quarantined()
    assert {piece.kind for piece in pieces} <= {"collided"}
    told = [(json.loads(piece.identity), json.loads(piece.raw)) for piece in pieces]
    return {
        (one["time"], one.get("site", ""), ("omitted" if raw.get("x_qc") else raw.get("x"), raw.get("y")))
        for one, raw in told
    }


def agree(store: ReadingStore, model: Model) -> None:
    assert found(store) == {one: (place.values, place.order) for one, place in model.places.items()}
    assert lost(store) == {
        (instant_text(START + time), site, values) for (time, site), values in model.losers
    }


@given(READS, st.lists(st.integers(1, 8), max_size=3))
@settings(max_examples=50)
def test_rows_end_as_if_they_had_come_one_by_one(
    new_store: NewStore, reads: list[list[Row]], cuts: list[int]
) -> None:
    model = Model()
    with new_store() as store:
        for number, rows in enumerate(reads):
            model.counts = {}
            for row in rows:
                model.meet(row, number)
            ledger = land(store, delivery(0, 1, OMITTING), map(batch, cut(rows, cuts)))
            assert [row.counts for row in ledger.values()] == [
                model.counts.get(day, Counts()) for day in (0, 1)
            ]
            agree(store, model)
        assert all(row.proven for row in ledger.values())


@given(READS, st.lists(st.sampled_from(["one", "two"]), min_size=4, max_size=4))
@settings(max_examples=40)
def test_other_settings_correct_and_do_not_collide(
    new_store: NewStore, reads: list[list[Row]], versions: list[str]
) -> None:
    model = Model()
    with new_store() as store:
        for number, (rows, version) in enumerate(zip(reads, versions, strict=False)):
            for row in rows:
                model.meet(row, number, version)
            land(store, delivery(0, 1, OMITTING, version=version), [batch(rows)])
            agree(store, model)


@given(st.lists(ROWS, max_size=8, unique_by=lambda row: (row.order, row.place)), st.data())
@settings(max_examples=30)
def test_the_order_of_arrival_makes_no_difference(
    new_store: NewStore, rows: list[Row], data: st.DataObject
) -> None:
    outcomes = []
    for way in (rows, data.draw(st.permutations(rows))):
        with new_store() as store:
            for portion in cut(way, data.draw(st.lists(st.integers(1, 8), max_size=3))):
                land(store, delivery(0, 1, OMITTING), [batch(portion)])
            outcomes.append((stored(store).rows(), lost(store)))
            once = stored(store).rows()
            land(store, delivery(0, 1, OMITTING), [batch(way)])
            assert stored(store).rows() == once, "writing twice changes nothing"
    assert outcomes[0] == outcomes[1]


def test_rows_can_be_judged_without_a_store() -> None:
    rows = pl.DataFrame(batch([B, Row(9, "b"), A, Row(8, "a", 3.0)]).rows)
    judged = merge(rows, rows.clear(), ["site"], ["x", "y"]).judged
    assert set(judged.columns) == {*rows.columns, FATE}
    assert dict(zip(judged["x"], judged[FATE], strict=True)) == {
        2.0: "stored",
        None: "empty",
        1.0: "collided",
        3.0: "stored",
    }


A, B, C = Row(5, "a", 1.0, order=1), Row(5, "a", 2.0, order=2), Row(5, "a", 1.0, order=3)


@pytest.mark.parametrize(
    "portions", [[[A, B, C]], [[A], [B], [C]], [[A, B], [C]], [[A], [B, C]], [[C, A], [B]]]
)
def test_a_row_that_wins_its_place_back_leaves_quarantine(
    new_store: NewStore, portions: list[list[Row]]
) -> None:
    with new_store() as store:
        land(store, delivery(), map(batch, portions))
        assert stored(store)["x"].to_list() == [1.0]
        assert [json.loads(piece.raw) for piece in store.quarantined()] == [{"x": 2.0}]


def test_a_repeated_row_defends_its_place_at_its_latest_order(new_store: NewStore) -> None:
    """1.0 stands first and third in the source; 2.0 stands between and comes last."""
    with new_store() as store:
        for row in (A, C, B):
            land(store, delivery(), [batch([row])])
        assert stored(store)["x"].to_list() == [1.0]


def test_a_reread_under_other_settings_rewrites_no_value_and_settles_the_version(new_store: NewStore) -> None:
    with new_store() as store:
        land(store, delivery(version="one"), [batch([A, B])])
        counts = land(store, delivery(version="two"), [batch([B])])
        assert [row.counts for row in counts.values()] == [Counts(read=1, repeated=1)]
        land(store, delivery(version="two"), [batch([A])])
        assert stored(store)["x"].to_list() == [2.0]


def dies_after(*batches: Batch) -> Iterator[Batch]:
    yield from batches
    raise DiedError


@pytest.mark.parametrize("portions", [[[A, B]], [[A], [B]]])
def test_a_row_of_a_read_that_died_is_adopted_and_loses_like_any_other(
    new_store: NewStore, portions: list[list[Row]]
) -> None:
    with new_store() as store:
        with pytest.raises(DiedError):
            land(store, delivery(), dies_after(batch([A]), batch([])))
        assert stored(store)["x"].to_list() == [1.0]
        ledger = land(store, delivery(), map(batch, portions))
        assert stored(store)["x"].to_list() == [2.0]
        (piece,) = store.quarantined()
        assert (piece.kind, json.loads(piece.raw)) == ("collided", {"x": 1.0})
        assert [row.counts for row in ledger.values()] == [Counts(read=2, stored=1, repeated=1)]


def test_a_row_of_nothing_but_values_left_out_is_kept_with_its_flag(new_store: NewStore) -> None:
    with new_store() as store:
        ledger = land(store, delivery(recipe=OMITTING), [batch([Row(5, "a", SENTINEL)])])
        assert stored(store).select("x", "x_qc").rows() == [(None, 4)]
        assert [row.verdict for row in ledger.values()] == ["stored"]


@settings(max_examples=40)
@given(
    values=st.lists(
        st.tuples(st.integers(0, 1), st.sampled_from([0.0, 1.5, -2.0, 3.0])), min_size=1, max_size=6
    ),
    cuts=st.lists(st.integers(1, 5), max_size=3),
)
def test_where_the_source_has_no_order_the_larger_value_wins_whatever_comes_first(
    new_store: NewStore, values: list[tuple[int, float]], cuts: list[int]
) -> None:
    """``(order, value)`` of rows of one identity, landed in one or several reads."""
    ranked = replace(MEASUREMENT, ranked_by=("x",))
    parts = [values[a:b] for a, b in pairwise([0, *sorted(set(cuts)), len(values)]) if values[a:b]]
    with new_store() as store:
        for part in parts:
            rows = [Row(0, "a", value, order=order) for order, value in part]
            land(store, delivery(whole=False), [batch(rows, measurement=ranked)])
        (found,) = stored(store).iter_rows(named=True)
        lost = {json.loads(piece.raw)["x"] for piece in store.quarantined()}
    _, value = max(values)
    assert found["x"] == value
    assert lost - {value} == {other for _, other in values} - {value}
