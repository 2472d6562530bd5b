"""`labmon emulate loggernet` as a process."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

LABMON = (sys.executable, "-c", "from labmon_dagster.cli import app; app()")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_what_it_writes_and_ends_well_on_a_signal(tmp_path: Path, number: signal.Signals) -> None:
    options = ["--folder", str(tmp_path), "--mode", "overwrite", "--keep-rows", "3", "--history", "1h"]
    command = [*LABMON, "emulate", "loggernet", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        line = process.stdout.readline()
        process.send_signal(number)
        assert process.wait(10) == 0
    assert line == f"a row every 5s goes to {tmp_path / '46m_Test.dat'} (overwrite); Ctrl-C stops it\n"
    assert len((tmp_path / "46m_Test.dat").read_bytes().splitlines()) == 4 + 3


def test_an_interval_of_half_seconds_is_refused(tmp_path: Path) -> None:
    options = ["--folder", str(tmp_path), "--interval", "500ms"]
    done = subprocess.run([*LABMON, "emulate", "loggernet", *options], capture_output=True, text=True)
    assert done.returncode == 1
    assert "whole number of seconds" in done.stderr
