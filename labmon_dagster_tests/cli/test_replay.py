"""`labmon replay`: what it says, what it writes, and where it stops."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from typer.testing import CliRunner

from labmon_dagster.cli import app
from labmon_dagster.stores import SqliteStore
from labmon_dagster_tests import tables
from labmon_dagster_tests.cli.lab import FIRST, labmon, told
from labmon_dagster_tests.stores.frames import EVER, values

SEED = (
    "#datatype measurement,tag,long,dateTime:number\n"
    "measurement,station,pps_offset,timestamp\n"
    "pps,KP,0,1617672549204824064\n"
)
LINE = "pps,station=KP pps_offset=0i 1617672549204824064\n"


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith("gz") else text.encode())
    return path


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("x.csv", SEED, LINE),
        ("x.csv.gz", SEED, LINE),
        ("x.lp", LINE, LINE),
        ("x.lp", 'pps f=1,s="a\nb"\n', 'pps f=1.0,s="a\nb"\n'),
        (
            "x.jsonl",
            '{"time":"2021-04-06T01:29:09.204824064Z","measurement":"pps","tags":{"station":"KP"},'
            '"fields":{"pps_offset":0}}\n',
            LINE,
        ),
    ],
)
def test_a_dry_run_prints_line_protocol(tmp_path: Path, home: Path, name: str, text: str, line: str):
    assert told("replay", written(tmp_path, name, text), "--dry-run") == line
    assert not home.exists()


def test_files_are_loaded_and_again_changes_nothing(tmp_path: Path, embedded: SqliteStore):
    files = [written(tmp_path, "x.csv", SEED), written(tmp_path, "y.lp.gz", "pps f=1 1\nm f=2 1\n")]
    for _ in range(2):
        assert told("replay", *files).startswith("3 points of 2 measurements written in ")
        assert values(embedded.fetch("pps", EVER), "time", "station", "pps_offset", "f") == [
            (1, "", None, 1.0),
            (1617672549204824064, "KP", 0, None),
        ]


def test_standard_input_and_another_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LABMON_LOCAL_URL", f"sqlite:///{tmp_path}/local.db")
    result = CliRunner().invoke(app, ["replay", "-", "--to", "local", "--precision", "s"], input="m f=1 1\n")
    assert (result.exit_code, result.stdout[:34]) == (0, "1 points of 1 measurements written")
    assert values(SqliteStore(tmp_path / "local.db").fetch("m", EVER), "time") == [(1_000_000_000,)]


def test_the_first_bad_line_ends_it(tmp_path: Path, embedded: SqliteStore):
    good, bad = written(tmp_path, "a.lp", "m f=1 1\n"), written(tmp_path, "b.lp", "m f=2 2\nm f=x 3\n")
    result = labmon("replay", good, bad)
    assert result.exit_code == 1
    assert "b.lp: line 2, column 5: 'x' is no value; allowed: 1.5, 1i" in result.stderr
    assert "1 points of 1 measurements written until then" in result.stderr
    assert not embedded.quarantined()


def test_a_file_that_was_cut_is_loaded_as_far_as_it_goes(tmp_path: Path, embedded: SqliteStore):
    path = written(
        tmp_path, "a.lp.gz", "m f=x 7\n" + "".join(f"m f={n * n % 997} {n}\n" for n in range(200_000))
    )
    path.write_bytes(path.read_bytes()[:-20])
    result = labmon("replay", path, "--skip-bad")
    assert result.exit_code == 1
    rows = embedded.fetch("m", EVER).height
    assert rows > 1000
    assert "labmon: a.lp.gz: the gzip file is damaged or not whole" in result.stderr
    assert f"; {rows:,} points of 1 measurements written until then" in result.stderr
    assert "in quarantine: 1 × 'x' is no value" in result.stderr


def test_bad_lines_are_skipped_into_quarantine(tmp_path: Path, embedded: SqliteStore):
    path = written(tmp_path, "b.lp", "m f=2 2\nm f=x 3\nm f=3 3\n")
    result = labmon("replay", path, "--skip-bad")
    assert result.exit_code == 0
    assert result.stdout.startswith("2 points of 1 measurements written in ")
    assert result.stdout.endswith(", 1 refused\n")
    (piece,) = embedded.quarantined("replay/b.lp")
    assert (piece.place, piece.raw, piece.kind) == ("replay/b.lp:2", "m f=x 3", "unreadable")


def test_a_dry_run_tells_bad_lines(tmp_path: Path):
    path = written(tmp_path, "b.lp", "m f=x 3\nm f=3 3\n")
    assert "b.lp: line 1, column 5" in labmon("replay", path, "--dry-run").stderr
    result = labmon("replay", path, "--dry-run", "--skip-bad")
    assert (result.exit_code, result.stdout) == (0, "m f=3.0 3\n")
    assert "1 lines are no points" in result.stderr


def test_a_table_of_loggernet(tmp_path: Path):
    path = tables.write(tmp_path / "46m.dat", tables.header(), tables.rows(FIRST, 1))
    assert "--zone says it" in labmon("replay", path).stderr
    asked = ("--zone", "UTC-05:00", "--measurement", "fast data", "--dry-run")
    assert told("replay", path, *asked) == (
        "fast\\ data,station=46m PPFD=0.0,Total_PPFD=2.0,Diffuse_PPFD=3.0,calPPFD=7999.0,Solar_inci=5.0 "
        "1624633205000000000\n"
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothing.csv"], "No such file"),
        (["x.txt"], "what form is this?"),
        (["x.txt", "--format", "line", "--precision", "h"], "precision 'h' is not known"),
        (["x.txt", "--to", "nowhere"], "LABMON_NOWHERE_URL is not set"),
    ],
)
def test_errors_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
):
    monkeypatch.chdir(tmp_path)
    written(tmp_path, "x.txt", "time,x\n1,2\n")
    result = labmon("replay", *arguments)
    assert (result.exit_code, said in result.stderr, result.stderr.count("\n")) == (1, True, 1)
