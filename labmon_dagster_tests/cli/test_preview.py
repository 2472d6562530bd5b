from __future__ import annotations

from pathlib import Path

import pytest

from labmon_dagster_tests.cli.lab import ASSET, labmon, line, table


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Fill the tower's folder, where nobody but the logger PC writes."""
    files = tmp_path / "files"
    monkeypatch.setenv("AMERIFLUX_UMBS_DIR", str(files))
    rows = [line(5 * n, n, 100 + n, 2, 3, 7999, 5) for n in range(40)]
    rows.insert(3, 'broken,"line"\r\n')
    table(files, *rows, line(86400, 41), line(5 * 7, 7, 107, 2, 3, 7999, 5))
    return files


def everything(below: Path) -> list[tuple[str, int, int]]:
    return sorted((str(p), p.stat().st_size, p.stat().st_mtime_ns) for p in below.rglob("*"))


@pytest.mark.usefixtures("home")
def test_the_newest_rows_and_nothing_written(folder: Path) -> None:
    before = everything(folder.parent)
    result = labmon("preview", ASSET, "--limit", 2, "--format", "csv")
    assert result.exit_code == 0, result.output
    heading, *rows = result.stdout.splitlines()
    assert heading.startswith("time,station,table,Calibration_PPFD,Calibration_PPFD_qc,Diffuse_PPFD,")
    assert [row.split(",")[0] for row in rows] == [
        "2021-06-25T15:03:20.000000000Z",
        "2021-06-26T15:00:05.000000000Z",
    ]
    assert rows[0].split(",")[1:5] == ["46m", "PARCal_2019", "7999.0", "4"]
    assert "46m_1.dat:8: " in result.stderr
    assert everything(folder.parent) == before


@pytest.mark.usefixtures("folder")
def test_a_day_from_its_beginning_without_repetitions() -> None:
    result = labmon("preview", ASSET, "--partition", "2021-06-25", "--format", "csv", "--limit", 30)
    records = [row.split(",")[9] for row in result.stdout.splitlines()[1:]]
    assert records == [str(n) for n in range(30)]
    assert "30 of 40 rows" in result.stderr
    assert labmon("preview", ASSET, "--partition", "2021-06-24").stderr.endswith("no rows on 2021-06-24\n")


@pytest.mark.usefixtures("folder")
def test_errors() -> None:
    unknown = labmon("preview", "ameriflux_umbs/tower")
    assert (unknown.exit_code, unknown.stdout) == (1, "")
    assert f"no asset 'ameriflux_umbs/tower'; there are: {ASSET}" in unknown.stderr
    assert labmon("preview", ASSET, "--partition", "yesterday").exit_code == 2


def test_a_folder_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMERIFLUX_UMBS_DIR", str(tmp_path / "none"))
    result = labmon("preview", ASSET)
    assert result.exit_code == 1
    assert result.stderr == f"labmon: folder {tmp_path / 'none'} does not exist\n"
