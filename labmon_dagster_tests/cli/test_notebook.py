from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import labmon_dagster
from labmon_dagster.stores import SqliteStore
from labmon_dagster_tests.cli.lab import fill, times

MINUTE = 60 * 10**9


@pytest.fixture(autouse=True)
def filled(embedded: SqliteStore) -> None:
    """Two series over two minutes and a day."""
    rows = pl.DataFrame(
        {
            "time": times(0, 1, MINUTE, MINUTE + 5, 86400 * 10**9),
            "station": ["a", "b", "a", "a", "a"],
            "x": [1.0, 2.0, None, 4.0, 5.0],
            "x_qc": pl.Series([1, 1, 9, 3, 2], dtype=pl.Int8),
            "n": [1, 2, 3, 4, 5],
            "gap": [1, None, 3, 4, 5],
            "ok": [True, None, False, True, True],
            "note": ["é", None, "", "d", "e"],
        }
    )
    fill(embedded, "m", ("station",), rows)


def test_types() -> None:
    frame = labmon_dagster.read("m")
    assert str(frame.index.dtype) == "datetime64[ns, UTC]"
    assert frame.index.name == "time"
    assert {name: str(kind) for name, kind in frame.dtypes.items()} == {
        "station": "category",
        "gap": "Int64",
        "n": "int64",
        "note": "str",
        "ok": "boolean",
        "x": "float64",
        "x_qc": "Int8",
    }
    assert frame.index[1].value == 1, "not a nanosecond is lost"
    assert list(frame["station"]) == ["a", "b", "a", "a", "a"]
    assert frame["note"].isna().tolist() == [False, True, False, False, False]


def test_arrow() -> None:
    table = labmon_dagster.read_arrow("m", fields=["x", "ok", "note"], tags={"station": "a"})
    assert table.schema.field("time").type == pa.timestamp("ns", "UTC")
    assert table.column_names == ["time", "station", "x", "ok", "note"]
    assert table["time"].cast(pa.int64()).to_pylist()[:2] == [0, MINUTE]
    assert table["note"].to_pylist() == ["é", "", "d", "e"]


@pytest.mark.parametrize(
    ("start", "end", "rows"),
    [
        ("1970-01-01T00:01", None, 3),
        (date(1970, 1, 2), None, 1),
        (None, datetime(1970, 1, 1, 0, 1, tzinfo=UTC), 2),
        (datetime(1970, 1, 1), datetime(1970, 1, 1, 0, 1), 2),
        (pd.Timestamp(1, unit="ns"), pd.Timestamp("1970-01-01 02:00", tz="Etc/GMT-1"), 3),
        ("-2d", None, 0),
    ],
)
def test_windows_are_half_open_and_utc(start: object, end: object, rows: int) -> None:
    assert len(labmon_dagster.read("m", start, end)) == rows  # type: ignore[arg-type]


def test_choice_of_tags_and_fields() -> None:
    assert labmon_dagster.read("m", tags={"station": "b"})["n"].tolist() == [2]
    assert list(labmon_dagster.read("m", fields=["x"]).columns) == ["station", "x"]
    assert list(labmon_dagster.read("m", fields=["x_qc", "x"]).columns) == ["station", "x_qc", "x"]


def test_resampled_by_series_with_the_worst_flag() -> None:
    frame = labmon_dagster.read("m", end="1970-01-02", resample="1min")
    assert list(frame.columns) == ["station", "gap", "n", "x", "x_qc"]
    assert [one.value for one in frame.index] == [0, 0, MINUTE]
    assert frame["station"].tolist() == ["a", "b", "a"]
    assert frame["n"].tolist() == [1.0, 2.0, 3.5]
    assert frame["x"].tolist() == [1.0, 2.0, 4.0]
    assert frame["x_qc"].tolist() == [1, 1, 3]


def test_errors_say_what_there_is() -> None:
    with pytest.raises(ValueError, match="no measurement 'k'; there are: m"):
        labmon_dagster.read("k")
    with pytest.raises(ValueError, match="no field 'y'; there are: gap, n, note, ok, x, x_qc"):
        labmon_dagster.read("m", fields=["x", "y"])
    with pytest.raises(ValueError, match="no tag 'town'; there are: station"):
        labmon_dagster.read("m", tags={"town": "a"})
    with pytest.raises(ValueError, match="is no length of time"):
        labmon_dagster.read("m", resample="often")


def test_nothing_stored_creates_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABMON_HOME", str(tmp_path / "elsewhere"))
    with pytest.raises(ValueError, match="nothing is stored yet"):
        labmon_dagster.read("m")
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize(
    "code",
    [
        "import labmon_dagster; labmon_dagster.read('m')",
        "from labmon_dagster.cli import app; app(['query', 'm'], standalone_mode=False)",
        "from labmon_dagster.cli import app; app(['status'], standalone_mode=False)",
        "from labmon_dagster.cli import app; app(['quarantine', 'list'], standalone_mode=False)",
    ],
)
def test_dagster_is_not_imported(code: str) -> None:
    check = "import sys; assert not {m for m in sys.modules if m.split('.')[0] == 'dagster'}, 'dagster'"
    subprocess.run([sys.executable, "-c", f"{code}\n{check}"], check=True, capture_output=True)
