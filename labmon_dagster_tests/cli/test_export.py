"""`labmon export`: what it writes, and that `labmon replay` brings it back."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from labmon_dagster.stores import SqliteStore
from labmon_dagster_tests.cli.lab import fill, labmon, times, told
from labmon_dagster_tests.stores.frames import EVER

SECOND = 1_000_000_000


@pytest.fixture
def filled(embedded: SqliteStore) -> SqliteStore:
    """Two measurements; a text with a newline, a flag, -0.0."""
    rows = pl.DataFrame(
        {
            "time": times(SECOND, SECOND, 2 * SECOND),
            "station": ["b", "a", "a"],
            "x": [1.5, -0.0, None],
            "x_qc": pl.Series([1, 1, 9], dtype=pl.Int8),
            "s": ["a\nb", None, ""],
        }
    )
    fill(embedded, "met", ("station",), rows)
    fill(embedded, "other", (), pl.DataFrame({"time": times(5), "n": [7]}))
    return embedded


@pytest.mark.usefixtures("filled")
def test_line_protocol() -> None:
    assert told("export", "--format", "line") == (
        'met,station=a x_qc=1i,x=-0.0 1000000000\nmet,station=b x_qc=1i,x=1.5,s="a\nb" 1000000000\n'
        'met,station=a x_qc=9i,s="" 2000000000\nother n=7i 5\n'
    )


@pytest.mark.parametrize("form", ["csv", "jsonl", "line"])
@pytest.mark.parametrize("name", ["all.txt", "all.txt.gz"])
def test_what_is_exported_is_replayed(
    filled: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, name: str
) -> None:
    path = tmp_path / name
    result = labmon("export", "--format", form, "--out", path)
    assert (result.exit_code, result.stderr) == (0, "4 points of 2 measurements\n")
    assert [one.name for one in tmp_path.glob("all*")] == [name]
    monkeypatch.setenv("LABMON_OTHER_URL", f"sqlite:///{tmp_path}/other.db")
    told("replay", path, "--to", "other")
    other = SqliteStore(tmp_path / "other.db")
    for one in ("met", "other"):
        held, found = filled.fetch(one, EVER), other.fetch(one, EVER)
        assert dict(found.schema) == dict(held.schema)
        plain = [name for name in held.columns if not name.startswith("_")]
        assert repr(found.select(plain).rows()) == repr(held.select(plain).rows())


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    ("options", "rows"),
    [
        (["met", "--start", "1970-01-01T00:00:02Z"], 1),
        (["met", "--end", "1970-01-01T00:00:02Z"], 2),
        (["met", "--tag", "station=a"], 2),
        (["other"], 1),
        (["--start", "2000-01-01"], 0),
    ],
)
def test_windows_and_tags(options: list[str], rows: int) -> None:
    lines = told("export", "--format", "jsonl", *options).splitlines()
    assert sum('"time"' in line for line in lines) == rows


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["mett"], 1, "no measurement 'mett'; there are: met, other"),
        (["met", "--tag", "town=a"], 1, "no tag 'town'; there are: station"),
        (["met", "--tag", "station"], 2, "a tag is written name=value"),
    ],
)
def test_errors_are_one_line(arguments: list[str], code: int, said: str) -> None:
    result = labmon("export", *arguments)
    assert result.exit_code == code
    assert said in result.stderr


def test_what_cannot_be_carried_leaves_no_file(embedded: SqliteStore, tmp_path: Path) -> None:
    fill(embedded, "m", (), pl.DataFrame({"time": times(5), "x": [float("inf")]}))
    result = labmon("export", "--format", "line", "--out", tmp_path / "x.lp")
    assert result.exit_code == 1
    assert "m: line protocol cannot carry inf (field 'x', time 1970-01-01" in result.stderr
    assert not list(tmp_path.glob("x.lp*"))
