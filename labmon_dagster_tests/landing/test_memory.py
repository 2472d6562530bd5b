"""A year in one run takes the memory of a day."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


def peak(folder: Path, days: int) -> int:
    command = [sys.executable, "-m", "labmon_dagster_tests.landing.year", str(folder), str(days)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


@pytest.mark.slow
def test_a_year_in_one_run_takes_the_memory_of_a_day(tmp_path: Path) -> None:
    day = peak(tmp_path, 1)
    year = peak(tmp_path, 365)
    assert year <= 1.5 * day, f"{year} KiB for a year, {day} KiB for a day"
