"""`labmon emulate` as a process."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

LABMON = (sys.executable, "-c", "from labmon_dagster.cli import app; app()")


def first_line_then(number: signal.Signals, *words: str) -> str:
    with subprocess.Popen([*LABMON, "emulate", *words], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        line = process.stdout.readline()
        process.send_signal(number)
        assert process.wait(10) == 0
    return line


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_what_it_writes_and_ends_well_on_a_signal(tmp_path: Path, number: signal.Signals) -> None:
    options = ["--folder", str(tmp_path), "--mode", "overwrite", "--keep-rows", "3", "--history", "1h"]
    line = first_line_then(number, "loggernet", *options)
    assert line == f"a row every 5s goes to {tmp_path / '46m_Test.dat'} (overwrite); Ctrl-C stops it\n"
    assert len((tmp_path / "46m_Test.dat").read_bytes().splitlines()) == 4 + 3


def test_an_interval_of_half_seconds_is_refused(tmp_path: Path) -> None:
    options = ["--folder", str(tmp_path), "--interval", "500ms"]
    done = subprocess.run([*LABMON, "emulate", "loggernet", *options], capture_output=True, text=True)
    assert done.returncode == 1
    assert "whole number of seconds" in done.stderr


def test_the_archive_lies_where_the_lab_reads_it(home: Path) -> None:
    line = first_line_then(signal.SIGTERM, "cms-mtd", "--interval", "10s", "--history", "1h", "--seed", "1")
    path = home / "lab/cms_mtd/archive.db"
    assert line == f"a channel changes about every 10s in {path}; Ctrl-C stops it\n"
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT COUNT(*) FROM MTRSCHANNEL").fetchone()[0] > 500


def test_a_file_that_is_no_archive_is_refused_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "archive.db").write_text("nothing of SQLite")
    options = ["--file", str(tmp_path / "archive.db")]
    done = subprocess.run([*LABMON, "emulate", "cms-mtd", *options], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, f"labmon: {tmp_path}/archive.db: file is not a database\n")
