"""Whatever is written, the server gives it back as it was, or it was refused in words. Never altered."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import closing, contextmanager
from uuid import uuid4

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labmon_dagster.model import Field, Measurement, Window
from labmon_dagster.stores import InfluxStore, StoreError
from labmon_dagster.stores.influxdb import Target
from labmon_dagster_tests.servers.influx import Influxd
from labmon_dagster_tests.stores.frames import EVER, frame, measurement, values

WILD = st.text(st.sampled_from("\\,= \"'\n\r\t#aé") | st.characters(codec="utf-8"), max_size=6)
MET = measurement("met", ["site", "line"], x=float, n=int, ok=bool, note=str)
NAMES = ("time", "site", "line", "x", "n", "ok", "note")
ALL = Window(-(2**63), 2**63 - 1)
TIMES = st.integers(-(2**63) + 2, 2**63 - 3)
WHOLE = st.integers(-(2**63), 2**63 - 1)


@contextmanager
def fresh(influxd: Influxd) -> Iterator[InfluxStore]:
    """A store of one example."""
    name = f"v{uuid4().hex[:12]}"
    influxd.create_database(name)
    with closing(InfluxStore(Target.parse(f"influxdb1+{influxd.url}/{name}"))) as store:
        yield store
    influxd.query(f'DROP DATABASE "{name}"')


def row(text: str, time: int, x: float | None, n: int | None, ok: bool | None) -> tuple[object, ...]:
    """A row with one text in each place, so that every text is met everywhere."""
    return (time, text, text[::-1], x, n, ok, text)


ROWS = st.lists(
    st.builds(
        row,
        WILD,
        TIMES,
        st.floats(allow_nan=True, allow_infinity=True) | st.none(),
        WHOLE | st.none(),
        st.booleans() | st.none(),
    ),
    min_size=1,
    max_size=40,
    unique_by=lambda row: row[:3],
)


def exact(rows: list[tuple[object, ...]]) -> list[tuple[object, ...]]:
    """Rows that compare equal only if every bit is."""
    return [tuple(struct.pack("d", v) if isinstance(v, float) else v for v in row) for row in rows]


@given(ROWS)
@settings(max_examples=30)
def test_rows_come_back_to_the_last_bit(influxd: Influxd, rows: list[tuple[object, ...]]) -> None:
    with fresh(influxd) as store:
        taken, refused = store.admit(MET, frame(MET, rows))
        assert taken.height + refused.height == len(rows)
        for _, site, line, *_ in values(refused, *NAMES):
            assert any(text.endswith("\\") or not printable(text) for text in (site, line))
        store.write(MET, taken)
        assert store.settle() == []
        found = store.fetch("met", ALL)
        if not taken.is_empty():
            some = [name for name in NAMES if name in found.columns]
            assert set(exact(values(found, *some))) == set(exact(values(taken, *some)))
        assert found.height == taken.height


def printable(text: str) -> bool:
    return not any(ord(one) < 32 or ord(one) == 127 for one in text)


@given(st.lists(st.tuples(WILD, WILD, WILD), min_size=1, max_size=6))
@settings(max_examples=30)
def test_a_name_is_kept_or_refused(influxd: Influxd, names: list[tuple[str, str, str]]) -> None:
    with fresh(influxd) as store:
        kept: set[str] = set()
        for number, (name, tag, field) in enumerate(names):
            about = Measurement(name, (tag,), (Field(field),))
            if tag in {"time", field, "_order", "_place", "_read"} or field in {"time", "_order"}:
                continue
            given = pl.DataFrame(
                {
                    "time": [number],
                    tag: ["t"],
                    field: [number / 4],
                    "_order": [0],
                    "_place": [0],
                    "_read": [7],
                }
            ).with_columns(pl.col("time").cast(pl.Datetime("ns", "UTC")))
            try:
                store.write(about, given)
            except StoreError as refused:
                assert any(word in str(refused) for word in ("name", "comment", "there, not a"))
                continue
            assert store.settle() == []
            kept.add(name)
            found = store.fetch(name, EVER)
            assert (number, "t", number / 4) in values(found, "time", tag, field)
            assert store.count(name, EVER, 2**62) == {0: found.height}
        assert store.measurements() == sorted(kept)


@pytest.mark.parametrize("name", ["_series", "_tagKeys", "_name", "#lab", "a\\b", "a\nb", "labmon_x", ""])
def test_a_measurement_that_could_not_be_read_is_refused(influxd: Influxd, name: str) -> None:
    about = measurement(name, ["site"], x=float)
    with fresh(influxd) as store, pytest.raises(StoreError, match=r"name|comment"):
        store.write(about, frame(about, [(1, "a", 1.0)]))


@pytest.mark.parametrize("name", ["_field", "_measurement", "_time", "time", "a\\", "\x7f"])
def test_a_column_that_could_not_be_read_is_refused(influxd: Influxd, name: str) -> None:
    with fresh(influxd) as store:
        about = measurement("met", ["site"], x=float)
        given = frame(about, [(1, "a", 1.0)])
        if name != "time":
            with pytest.raises(StoreError, match="name"):
                store.write(about, given.with_columns(pl.lit(1.0).alias(name)))
        tagged = Measurement("met", ("site", name), about.fields)
        with pytest.raises(StoreError, match="name"):
            store.write(tagged, given.with_columns(pl.lit("t").alias(name)))
        assert store.columns("met") == ((), {})


@given(st.text(st.characters(codec="utf-8"), min_size=1), st.integers(1, 40_000))
@settings(max_examples=10)
def test_a_text_may_be_long(influxd: Influxd, text: str, times: int) -> None:
    with fresh(influxd) as store:
        long = (text * times)[:60_000]
        store.write(MET, frame(MET, [(1, "", "", None, None, None, long)]))
        assert store.settle() == []
        assert values(store.fetch("met", EVER), "note") == [(long,)]
