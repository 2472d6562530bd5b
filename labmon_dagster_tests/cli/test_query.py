from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from labmon_dagster.cli import query
from labmon_dagster.lookup import EARLIEST, LATEST, chunks, instant
from labmon_dagster.model import DAY, SECOND, Window
from labmon_dagster.stores import SqliteStore
from labmon_dagster_tests.cli.lab import fill, labmon, times, told

NOON = 1624622400 * SECOND  # 2021-06-25T12:00:00Z


@pytest.fixture
def filled(embedded: SqliteStore) -> SqliteStore:
    """Three rows of two series, of two days."""
    rows = pl.DataFrame(
        {"time": times(NOON, NOON, NOON + DAY), "station": ["b", "a", "a"], "x": [1.5, 2.0, None]}
    )
    fill(embedded, "met", ("station",), rows)
    return embedded


@pytest.mark.usefixtures("filled")
def test_csv_by_time_then_tags() -> None:
    assert told("query", "met", "--format", "csv") == (
        "time,station,x\n"
        "2021-06-25T12:00:00.000000000Z,a,2.0\n"
        "2021-06-25T12:00:00.000000000Z,b,1.5\n"
        "2021-06-26T12:00:00.000000000Z,a,\n"
    )


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    ("options", "rows"),
    [
        (["--start", "2021-06-26"], 1),
        (["--end", "2021-06-25T12:00:00Z"], 0),
        (["--start", "2021-06-25T14:00:00+02:00", "--end", "2021-06-25T12:00:00.000000001"], 2),
        (["--tag", "station=a"], 2),
        (["--tag", "station=c"], 0),
        (["--start", "-2d"], 0),
        (["--start", "0001-01-01", "--end", "9999-12-31"], 3),
    ],
)
def test_windows_and_tags(options: list[str], rows: int) -> None:
    assert len(told("query", "met", "--format", "jsonl", *options).splitlines()) == rows


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["mett"], 1, "no measurement 'mett'; there are: met"),
        (["met", "--tag", "town=a"], 1, "no tag 'town'; there are: station"),
        (["met", "--tag", "station"], 2, "a tag is written name=value"),
        (["met", "--start", "noon"], 2, "is no time"),
        (["met", "--start", "2021-02-30"], 2, "is no time"),
        (["met", "--start", "-2 fortnights"], 2, "is no length of time"),
    ],
)
def test_errors_are_one_line(arguments: list[str], code: int, said: str) -> None:
    result = labmon("query", *arguments)
    assert (result.exit_code, result.stdout) == (code, "")
    assert said in result.stderr
    assert "Traceback" not in result.stderr


def test_looking_creates_nothing(home: Path) -> None:
    for command in (["query", "met"], ["status"], ["quarantine", "list"]):
        result = labmon(*command)
        assert result.exit_code == 1
        assert "nothing is stored yet" in result.stderr
    assert not home.exists()


def test_a_file_that_is_no_database_is_one_line(home: Path) -> None:
    home.mkdir()
    (home / "readings.db").write_text("not a database, but long enough to be taken for one " * 20)
    result = labmon("query", "met")
    assert result.exit_code == 1
    assert result.stderr == "labmon: file is not a database\n"


def test_portions_are_small_and_together_everything(embedded: SqliteStore) -> None:
    random = np.random.default_rng(7)
    crowd = NOON + random.choice(3600 * SECOND, 3000, replace=False)
    spread = random.choice(400 * DAY, 500, replace=False) - 200 * DAY
    every = np.unique(np.concatenate([crowd, spread, [-1, 0, 1, -DAY, DAY - 1, NOON + DAY]]))
    fill(embedded, "m", (), pl.DataFrame({"time": times(*every.tolist()), "x": every.astype(float)}))
    for window in (Window(EARLIEST, LATEST), Window(-5 * DAY - 3, NOON + 77), Window(0, 1)):
        parts = list(chunks(embedded, "m", window, limit=200))
        frames = [embedded.fetch("m", part) for part in parts]
        assert max((one.height for one in frames), default=0) <= 400
        assert pl.concat(frames).equals(embedded.fetch("m", window))


def test_query_gives_what_fetch_gives(embedded: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query, "chunks", partial(chunks, limit=10))
    rows = pl.DataFrame({"time": times(*range(0, 90 * DAY, 3571 * SECOND))}).with_row_index("n")
    fill(embedded, "m", (), rows.with_columns(pl.col("n").cast(pl.Int64)))
    listed = told("query", "m", "--format", "csv").splitlines()[1:]
    fetched = embedded.fetch("m", Window(EARLIEST, LATEST))["n"].to_list()
    assert [int(one.split(",")[1]) for one in listed] == fetched == list(range(rows.height))


def test_instants() -> None:
    assert instant("1970-01-01") == 0
    assert instant("1970-01-01T00:00:00.000000001") == 1
    assert instant("1969-12-31T23:59:59.9Z") == -100_000_000
    assert instant(" 2021-06-25 12:00-05:00 ") == NOON + 5 * 3600 * SECOND
    assert instant("-6h", now=DAY) == 18 * 3600 * SECOND
    assert instant("2021-06-25T12:00:00z") == int(datetime(2021, 6, 25, 12, tzinfo=UTC).timestamp()) * SECOND
