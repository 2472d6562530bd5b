"""DataFrames: few rows and many give the same lines; times and values are exact, or refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmon_dagster.clients.eht_influx_client import frames
from labmon_dagster.sources.line_protocol.parser import parse
from labmon_dagster_tests.clients.eht_influx_client.written import NOW, body, lines

_TEXT = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_TAG = st.none() | st.text("abé,= \"'", max_size=6)
_COLUMNS: dict[str, tuple[st.SearchStrategy[Any], Any]] = {
    "float": (st.floats(allow_infinity=False), "float64"),
    "small": (st.floats(allow_infinity=False, width=32), "float32"),
    "integer": (st.integers(-(2**63), 2**63 - 1), "int64"),
    "unsigned": (st.integers(0, 2**63 - 1), "uint64"),
    "nullable": (st.none() | st.integers(-(2**63), 2**63 - 1), "Int64"),
    "truth": (st.booleans(), "bool"),
    "text": (_TEXT, "object"),
    "str": (_TEXT, "str"),
    "mixed": (st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_infinity=False), "object"),
}


@st.composite
def tables(draw: st.DrawFn) -> pd.DataFrame:
    """Frames of a few rows with columns of many kinds."""
    count = draw(st.integers(1, 6))
    names = draw(st.lists(st.sampled_from(sorted(_COLUMNS)), min_size=1, unique=True))
    columns = {}
    for name in names:
        values, kind = _COLUMNS[name]
        columns[name] = pd.array(draw(st.lists(values, min_size=count, max_size=count)), dtype=kind)
    columns["tag"] = pd.array(draw(st.lists(_TAG, min_size=count, max_size=count)), dtype="object")
    return pd.DataFrame({**columns, "timestamp": NOW + np.arange(count)})


def rows(data: bytes) -> list[dict[str, Any]]:
    """All points, each value with its type; null and absent are the same."""
    parsed = parse(data)
    assert not parsed.bad
    frames_ = [points.rows.with_columns(pl.col("time").cast(pl.Int64)) for points in parsed.points]
    found = [row for frame in frames_ for row in frame.drop("_place").to_dicts()]
    told = [{k: repr(v) for k, v in row.items() if v is not None and (k, v) != ("tag", "")} for row in found]
    return sorted(told, key=lambda row: row["time"])


@given(tables())
def test_few_rows_and_many_are_written_alike(frame: pd.DataFrame) -> None:
    keywords = {"data_frame_measurement_name": "m", "data_frame_tag_columns": ["tag"]}
    few = body(frame, **keywords)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(frames, "_FEW", 0)
        many = body(frame, **keywords)
    assert (few.rows, few.skipped) == (many.rows, many.skipped)
    assert rows(few.data()) == rows(many.data())


@given(tables())
def test_every_value_of_a_frame_comes_back_exactly(frame: pd.DataFrame) -> None:
    frame = frame.drop(columns="tag")  # as a field: '' is a value there
    found = {row["time"]: row for row in rows(body(frame, data_frame_measurement_name="m").data())}
    for row in frame.to_dict("records"):
        expected = {
            name: repr(float(value) if isinstance(value, np.floating) else value)
            for name, value in row.items()
            if name != "timestamp" and not pd.isna(value)
        }
        if expected:
            got = found[repr(row["timestamp"])]
            assert {name: got[name] for name in expected} == expected


def test_the_seeds_frame() -> None:
    frame = pd.DataFrame([{"station": "Kp", "pps_offset": -3, "timestamp": NOW}])
    told = lines(frame, data_frame_measurement_name="pps_offset", data_frame_tag_columns=["station"])
    assert told == [f"pps_offset,station=Kp pps_offset=-3i {NOW}"]


_INDEX = pd.DatetimeIndex([pd.Timestamp(NOW)])


@pytest.mark.parametrize(
    ("frame", "keywords"),
    [
        (pd.DataFrame({"v": [1], "timestamp": _INDEX}), {}),
        (pd.DataFrame({"v": [1], "timestamp": _INDEX.tz_localize("UTC").tz_convert("Asia/Tokyo")}), {}),
        (pd.DataFrame({"v": [1]}, index=_INDEX), {}),
        (
            pd.DataFrame({"v": [1], "t": ["2021-04-06T01:29:09.204824064Z"]}),
            {"data_frame_timestamp_column": "t"},
        ),
        (
            pd.DataFrame({"v": [1], "t": [pd.Timestamp(NOW)]}, dtype=object),
            {"data_frame_timestamp_column": "t"},
        ),
        (pd.DataFrame({"v": [1], "t": [NOW]}, dtype="Int64"), {"data_frame_timestamp_column": "t"}),
        (pd.DataFrame({"v": [1], "t": [NOW]}, dtype="uint64"), {"data_frame_timestamp_column": "t"}),
        (
            pd.DataFrame({"v": [1], "timestamp": _INDEX + pd.Timedelta(hours=2)}),
            {"data_frame_timestamp_timezone": "Europe/Berlin"},
        ),
        (pl.DataFrame({"v": [1], "timestamp": pl.Series([NOW]).cast(pl.Datetime("ns", "UTC"))}), {}),
        (pl.DataFrame({"v": [1], "timestamp": [NOW]}), {}),
    ],
)
def test_times_are_exact_wherever_they_are(frame: Any, keywords: dict[str, Any]) -> None:
    assert lines(frame, data_frame_measurement_name="m", **keywords) == [f"m v=1i {NOW}"]


@pytest.mark.parametrize(("unit", "factor"), [("s", 10**9), ("ms", 10**6), ("us", 10**3)])
def test_times_of_another_unit_are_refused_until_it_is_named(unit: str, factor: int) -> None:
    frame = pd.DataFrame({"v": [1, 2], "timestamp": [NOW, NOW // factor]})
    with pytest.raises(
        ValueError, match=f"'timestamp': row 1: .*Say write_precision='{unit}', or multiply by"
    ):
        body(frame, data_frame_measurement_name="m")
    (line,) = lines(frame[1:], unit, data_frame_measurement_name="m")
    assert line == f"m v=2i {NOW // factor * factor}"


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"station": ["Kp"], "v": [1]}, "has no times; its columns: 'station', 'v'"),
        ({"v": [1], "timestamp": [1617672549.2]}, r"is a float.*unit='s'"),
        ({"v": [1], "timestamp": [0]}, "row 0: 0 is no time from 2000 to 2100 in nanoseconds"),
        ({"v": [1, 2], "timestamp": [pd.Timestamp(NOW), pd.NaT]}, "row 1 of the DataFrame has no time"),
        ({"v": [1], "timestamp": ["yesterday"]}, "'timestamp': 'yesterday' is no time"),
        ({"v": [1], "timestamp": [True]}, "'timestamp': True .bool. is no time"),
        ({"v": [math.inf], "timestamp": [NOW]}, "row 0 of the DataFrame: field v: inf"),
        (
            {"v": [1, 2**64 - 1], "timestamp": [NOW, NOW]},
            "row 1 .*field v: 18446744073709551615 does not fit",
        ),
        ({"v": [object()], "timestamp": [NOW]}, "field v: object is no value"),
        ({"time": [1], "timestamp": [NOW]}, "InfluxDB keeps this name"),
        ({"timestamp": [NOW]}, "no column of the DataFrame is left to be a field; there are: 'timestamp'"),
    ],
)
@pytest.mark.parametrize("few", [0, 100])
def test_what_cannot_be_kept_is_refused_with_the_reason(
    columns: dict[str, Any], reason: str, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frames, "_FEW", few)
    with pytest.raises(ValueError, match=reason):
        body(pd.DataFrame(columns), data_frame_measurement_name="m")


@pytest.mark.parametrize("few", [0, 100])
def test_a_tag_that_cannot_be_written_is_refused(few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "_FEW", few)
    frame = pd.DataFrame({"s": ["a\\"], "v": [1], "timestamp": [NOW]})
    with pytest.raises(ValueError, match="backslash"):
        body(frame, data_frame_measurement_name="m", data_frame_tag_columns=["s"])


def test_rows_without_a_value_are_left_out_and_counted() -> None:
    frame = pd.DataFrame({"v": [1.5, math.nan] * 100, "timestamp": NOW + np.arange(200)})
    found = body(frame, data_frame_measurement_name="m")
    assert (found.rows, found.skipped, len(found.data().splitlines())) == (100, 100, 100)


def test_names_of_a_frame_are_checked() -> None:
    frame = pd.DataFrame({"v": [1], "timestamp": [NOW]})
    with pytest.raises(TypeError, match="needs data_frame_measurement_name"):
        body(frame)
    with pytest.raises(
        ValueError, match="data_frame_tag_columns: no column 'site'; there are: 'v', 'timestamp'"
    ):
        body(frame, data_frame_measurement_name="m", data_frame_tag_columns=["site"])
    with pytest.raises(ValueError, match="columns of the same name: 'v'"):
        body(pd.concat([frame, frame[["v"]]], axis=1), data_frame_measurement_name="m")


@pytest.mark.parametrize("count", [3, 300])
def test_default_tags_are_added_where_no_column_has_their_name(count: int) -> None:
    frame = pd.DataFrame({"v": np.arange(count), "timestamp": NOW + np.arange(count), "site": "x"})
    keywords = {"data_frame_measurement_name": "m", "data_frame_tag_columns": ["site"]}
    told = lines(frame, "ns", {"station": "Kp", "site": "y"}, **keywords)
    assert len(told) == count and told[1] == f"m,site=x,station=Kp v=1i {NOW + 1}"


def test_a_categorical_column_is_a_tag() -> None:
    frame = pd.DataFrame(
        {"v": range(300), "timestamp": NOW + np.arange(300), "s": pd.Categorical(["a", "b", None] * 100)}
    )
    told = lines(frame, data_frame_measurement_name="m", data_frame_tag_columns=["s"])
    assert told[:3] == [f"m,s=a v=0i {NOW}", f"m,s=b v=1i {NOW + 1}", f"m v=2i {NOW + 2}"]


@pytest.mark.parametrize("kind", ["int64", "float64", "object", "datetime64[ns]"])
def test_a_frame_without_rows_writes_nothing(kind: str) -> None:
    frame = pd.DataFrame({"v": [], "timestamp": pd.Series([], dtype=kind)})
    assert lines(frame, data_frame_measurement_name="m") == []
