"""What every store of readings does with rows."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import TypeAlias

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labmon_dagster.model import DAY, Measurement, Window
from labmon_dagster.stores import ReadingStore, SqliteStore, StoreError, owner_of
from labmon_dagster.stores.base import read_token
from labmon_dagster_tests.stores.frames import EVER, OWNER, frame, measurement, values

MET = measurement("met", ["site"], x=float, n=int, ok=bool, note=str)
Rows: TypeAlias = list[tuple[object, ...]]
MET_NAMES = ("time", "site", "x", "n", "ok", "note")
ROWS = [(3, "a", 1.5, 7, True, "fine"), (3, "", None, None, None, None), (1, "a", -0.0, -(2**63), False, "")]


def test_what_was_written_is_found_by_time_and_tags(store: ReadingStore) -> None:
    store.write(MET, frame(MET, ROWS))
    found = store.fetch("met", EVER)
    assert values(found, *MET_NAMES) == [ROWS[2], ROWS[1], ROWS[0]]
    assert values(found, "_order", "_place") == [(2, 2), (1, 1), (0, 0)]
    assert found.schema == {
        "time": pl.Datetime("ns", "UTC"),
        "site": pl.String,
        "x": pl.Float64,
        "n": pl.Int64,
        "ok": pl.Boolean,
        "note": pl.String,
        "_order": pl.Int64,
        "_place": pl.Int64,
        "_read": pl.Int64,
    }


def test_writing_again_changes_nothing(store: ReadingStore) -> None:
    for _ in range(2):
        store.write(MET, frame(MET, ROWS))
    assert store.fetch("met", EVER).height == 3


def test_a_row_of_the_same_identity_takes_the_place(store: ReadingStore) -> None:
    store.write(MET, frame(MET, ROWS))
    store.write(MET, frame(MET, [(3, "a", None, 8, None, "new"), (4, "a", 1.0, 1, True, "more")]))
    assert values(store.fetch("met", Window(3, 9), {"site": "a"}), "x", "n", "ok", "note") == [
        (None, 8, None, "new"),
        (1.0, 1, True, "more"),
    ]


def test_columns_a_frame_does_not_have_stay(store: ReadingStore) -> None:
    store.write(MET, frame(MET, ROWS[:1]))
    narrow = measurement("met", ["site"], x=float)
    store.write(narrow, frame(narrow, [(3, "a", 9.0)]))
    assert values(store.fetch("met", EVER), "x", "n", "note") == [(9.0, 7, "fine")]


FLOATS = [5e-324, -0.0, 0.0, 2.0**53 + 2, 1.7976931348623157e308, 0.1, 1e22, 2.0, None]


@pytest.mark.parametrize("value", FLOATS)
def test_floats_are_exact(store: ReadingStore, value: float | None) -> None:
    one = measurement("one", [], x=float)
    store.write(one, frame(one, [(0, value)]))
    (found,) = store.fetch("one", EVER)["x"]
    assert found is value is None or struct.pack("d", found) == struct.pack("d", value)


@given(
    st.lists(
        st.tuples(
            st.integers(-(2**62), 2**62 - 1),
            st.text(st.characters(codec="utf-8"), max_size=4),
            st.floats(allow_nan=False, allow_infinity=False) | st.none(),
            st.integers(-(2**63), 2**63 - 1) | st.none(),
            st.booleans() | st.none(),
            st.text(st.characters(codec="utf-8"), max_size=4) | st.none(),
        ),
        max_size=6,
        unique_by=lambda row: row[:2],
    )
)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_value_comes_back_as_it_was(store: ReadingStore, rows: list[tuple[object, ...]]) -> None:
    taken, refused = store.admit(MET, frame(MET, rows))
    assert taken.height + refused.height == len(rows)
    assert all("line protocol cannot carry" in why for why in refused["_why"])
    store.write(MET, taken)
    found = values(store.fetch("met", EVER), *MET_NAMES)
    assert set(map(repr, values(taken, *MET_NAMES))) <= set(map(repr, found))


@pytest.mark.parametrize("value", [math.inf, -math.inf])
def test_infinity_is_kept_or_left_out_as_the_store_says(store: ReadingStore, value: float) -> None:
    taken, refused = store.admit(MET, frame(MET, [(1, "a", value, 7, None, None)]))
    assert refused.is_empty()
    store.write(MET, taken)
    kept = isinstance(store, SqliteStore)
    assert values(store.fetch("met", EVER), "x", "n") == [(value if kept else None, 7)]


NAMES = [
    'a "quoted" name',
    "select",
    "rowid",
    "naïve Größe",
    "it's",
    "a;b--c",
    "x.y",
    "日本",
    "%s ?",
    "A",
    "table",
]


@pytest.mark.parametrize("name", NAMES)
def test_names_are_free(store: ReadingStore, name: str) -> None:
    one = Measurement(name, (f"{name} tag",), measurement("", [], **{name: float}).fields)
    store.write(one, frame(one, [(1, name, 2.5)]))
    wider = Measurement(
        name, (f"{name} tag", f"{name} 2"), measurement("", [], **{f"{name} new": float}).fields
    )
    store.write(wider, frame(wider, [(2, name, "b", 3.5)]))
    assert store.measurements() == [name]
    assert values(store.fetch(name, EVER, {f"{name} tag": name}), name, f"{name} new") == [
        (2.5, None),
        (None, 3.5),
    ]
    assert store.count(name, EVER, 10) == {0: 2}
    store.delete(owner_of(OWNER), EVER)
    assert store.fetch(name, EVER).is_empty()


@pytest.mark.parametrize("field", ["X", "TIME", "_Read", "", "a\0b", "Site", "*", "^x.*$"])
def test_names_that_cannot_be_kept_are_refused_in_words(store: ReadingStore, field: str) -> None:
    store.write(MET, frame(MET, ROWS))
    with pytest.raises(StoreError, match="name"):
        store.write(MET, frame(MET, ROWS).with_columns(pl.lit(1.0).alias(field)))
    assert store.fetch("met", EVER).height == 3


def test_a_tag_is_not_a_field(store: ReadingStore) -> None:
    store.write(MET, frame(MET, ROWS))
    for tags, said in (((), "'site' is a tag"), (("site", "note"), "'note' is a field")):
        with pytest.raises(StoreError, match=said):
            store.write(Measurement("met", tags), frame(MET, ROWS))


@pytest.mark.parametrize("name", ["MET", "labmon_ledger", "Labmon_x", "sqlite_x", ""])
def test_measurements_that_cannot_be_kept_are_refused_in_words(store: ReadingStore, name: str) -> None:
    store.write(MET, frame(MET, ROWS))
    with pytest.raises(StoreError, match="measurement"):
        store.write(Measurement(name, MET.tags, MET.fields), frame(MET, ROWS))
    assert store.measurements() == ["met"]


def test_new_fields_and_flags_are_added(store: ReadingStore) -> None:
    store.write(MET, frame(MET, ROWS[:1]))
    wider = measurement("met", ["site"], y=float)
    store.write(wider, frame(wider, [(9, "b", 2.0)]).with_columns(y_qc=pl.lit(1, dtype=pl.Int8)))
    found = store.fetch("met", EVER)
    assert values(found, "x", "y", "y_qc") == [(1.5, None, None), (None, 2.0, 1)]
    assert found.schema["y_qc"] == pl.Int8
    assert set(store.columns("met")[1]) == {"x", "n", "ok", "note", "y", "y_qc"}


def test_a_field_may_end_like_a_flag(store: ReadingStore) -> None:
    one = measurement("one", [], x_qc=float)
    store.write(one, frame(one, [(1, 300.5)]))
    assert values(store.fetch("one", EVER), "x_qc") == [(300.5,)]


def test_new_tags_are_absent_from_what_was_there(store: ReadingStore) -> None:
    store.write(MET, frame(MET, ROWS))
    tagged = measurement("met", ["line", "site"], x=float)
    store.write(tagged, frame(tagged, [(3, "l", "a", 8.0), (3, "", "a", 2.0)]))
    assert store.columns("met")[0] == ("site", "line")
    found = store.fetch("met", Window(3, 4))
    assert values(found, "line", "site", "x") == [("", "", None), ("", "a", 2.0), ("l", "a", 8.0)]
    store.write(MET, frame(MET, ROWS[:1]))
    assert values(store.fetch("met", EVER, {"site": "a", "line": ""}), "time", "x") == [(1, -0.0), (3, 1.5)]


def test_tags_or_fields_there_must_be(store: ReadingStore) -> None:
    bare, tagged = measurement("bare", []), measurement("tagged", ["site"])
    with pytest.raises(StoreError, match="neither tags nor fields"):
        store.write(bare, frame(bare, [(1,), (2,)]))
    store.write(tagged, frame(tagged, [(1, "a"), (1, "b")]))
    store.write(tagged, frame(tagged, []))
    assert values(store.fetch("tagged", EVER), "time", "site") == [(1, "a"), (1, "b")]


@pytest.mark.parametrize(
    "other", [measurement("met", ["site"], n=float), measurement("met", ["site"], x=str)]
)
def test_another_type_is_refused(store: ReadingStore, other: Measurement) -> None:
    store.write(MET, frame(MET, ROWS))
    value = "t" if other.fields[0].type == "text" else 1.5
    with pytest.raises(StoreError, match="of type"):
        store.write(other, frame(other, [(9, "a", value)]))
    assert store.fetch("met", EVER).height == 3


def test_a_window_ends_before_its_end(store: ReadingStore) -> None:
    one = measurement("one", [], x=float)
    store.write(one, frame(one, [(n, float(n)) for n in range(10)]))
    assert store.fetch("one", Window(3, 6))["x"].to_list() == [3.0, 4.0, 5.0]
    assert store.fetch("one", Window(6, 6)).is_empty()


def test_what_is_not_there_is_empty(store: ReadingStore) -> None:
    assert store.fetch("none", EVER).columns == ["time", "_order", "_place", "_read"]
    assert store.columns("none") == ((), {})
    assert store.count("none", EVER, DAY) == {}
    store.write(MET, frame(MET, ROWS))
    assert store.fetch("met", EVER, {"other": "a"}).is_empty()
    assert store.fetch("met", EVER, {"other": ""}).height == 3
    assert store.fetch("met", EVER, {"x": "1.5"}).is_empty()
    assert store.fetch("met", EVER, {"site": "b"}).columns == store.fetch("met", EVER).columns


def test_counting_by_bucket_and_owner(store: ReadingStore) -> None:
    one = measurement("one", [], x=float)
    store.write(one, frame(one, [(t, 1.0) for t in (-DAY, -1, 0, 5, DAY - 1, DAY)]))
    store.write(one, frame(one, [(7, 1.0)], read_token("lab/other", "v", 3)))
    assert store.count("one", EVER, DAY) == {-DAY: 2, 0: 4, DAY: 1}
    assert store.count("one", Window(0, DAY), DAY, owner_of(OWNER)) == {0: 3}
    assert store.count("one", Window(0, DAY), DAY, owner_of("lab/other")) == {0: 1}


def counted(store: ReadingStore, name: str, window: Window, tags: Sequence[str], owner: str = "") -> Rows:
    """Rows by day and series: start of the day, tags, number."""
    found = store.count_series(name, window, DAY, tags, owner_of(owner) if owner else None)
    kinds = {"time": pl.Datetime("ns", "UTC"), **dict.fromkeys(tags, pl.String), "rows": pl.Int64}
    assert found.schema == kinds
    return values(found, *kinds)


def test_counting_by_series(store: ReadingStore) -> None:
    two = measurement("two", ["line", "site"], x=float)
    rows = [(DAY, "l", "b"), (DAY, "l", "a"), (0, "", "b"), (5, "", "b"), (-1, "m", "a"), (-DAY, "m", "")]
    store.write(two, frame(two, [(*row, 1.0 if row[0] else None) for row in rows]))
    store.write(two, frame(two, [(9, "", "b", 1.0), (DAY, "", "b", 1.0)], read_token("lab/other", "v", 3)))
    whole = [
        (-DAY, "m", "", 1),
        (-DAY, "m", "a", 1),
        (0, "", "b", 3),
        (DAY, "", "b", 1),
        (DAY, "l", "a", 1),
        (DAY, "l", "b", 1),
    ]
    assert counted(store, "two", EVER, ("line", "site")) == whole
    assert counted(store, "two", EVER, ("site",)) == [
        (-DAY, "", 1),
        (-DAY, "a", 1),
        (0, "b", 3),
        (DAY, "a", 1),
        (DAY, "b", 2),
    ]
    assert counted(store, "two", EVER, ()) == [(-DAY, 2), (0, 3), (DAY, 3)]
    assert counted(store, "two", Window(1, DAY), ("site",)) == [(0, "b", 2)]
    assert counted(store, "two", EVER, ("line",), "lab/other") == [(0, "", 1), (DAY, "", 1)]
    assert counted(store, "two", Window(-DAY, 0), ("line",), OWNER) == [(-DAY, "m", 2)]
    assert counted(store, "two", EVER, ("site",), "lab/none") == []


@pytest.mark.parametrize("absent", ["none", "x"])
@pytest.mark.parametrize("owner", ["", OWNER])
def test_a_tag_that_is_none_is_counted_as_absent(store: ReadingStore, absent: str, owner: str) -> None:
    one = measurement("one", ["site"], x=float)
    store.write(one, frame(one, [(1, "b", 1.0), (2, "a", 1.0), (3, "a", 2.0)]))
    assert counted(store, "one", EVER, (absent, "site"), owner) == [(0, "", "a", 2), (0, "", "b", 1)]
    assert counted(store, "one", EVER, ("site", absent), owner) == [(0, "a", "", 2), (0, "b", "", 1)]


def test_there_is_no_series_where_nothing_is(store: ReadingStore) -> None:
    assert counted(store, "none", EVER, ("site",)) == []
    store.write(MET, frame(MET, []))
    assert counted(store, "met", EVER, ("site",)) == counted(store, "met", EVER, ("site",), OWNER) == []
    store.write(MET, frame(MET, ROWS))
    assert counted(store, "met", Window(9, 99), ("site",)) == []
    assert counted(store, "met", Window(3, 3), ("site",)) == []


def test_an_owner_takes_its_rows_from_every_measurement(store: ReadingStore) -> None:
    one = measurement("one", [], x=float)
    store.write(MET, frame(MET, ROWS))
    store.write(one, frame(one, [(1, 1.0), (5, 1.0)]))
    store.write(one, frame(one, [(2, 1.0)], read_token("lab/other", "v", 3)))
    store.delete(owner_of(OWNER), Window(0, 4))
    assert store.fetch("met", EVER).is_empty()
    assert values(store.fetch("one", EVER), "time") == [(2,), (5,)]


def test_the_token_of_a_read_names_its_owner_and_version() -> None:
    token = read_token(OWNER, "v1", 2**23 - 1)
    assert token >> 23 & 0xFFFFFF == owner_of(OWNER)
    assert token >> 47 != read_token(OWNER, "v2", 0) >> 47
    assert 0 <= token < 2**63
