"""A year of 1-minute data with 40 columns, as one range: the memory of a day, and the ledger right."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from labmon_dagster.stores import SqliteStore
from labmon_dagster_tests import tables

COLUMNS = 40
NAMES = ("TIMESTAMP", "RECORD", *(f"c{n}" for n in range(COLUMNS)))


def _year(path: Path) -> Path:
    first = datetime(2022, 1, 1)
    values = [",".join(f"{(n * 7 + c) % 1000 / 8}" for c in range(COLUMNS)) for n in range(1440)]
    with path.open("w", newline="") as file:
        file.write(tables.header(NAMES))
        for n in range(365 * 1440):
            file.write(f'"{first + timedelta(minutes=n)}",{n},{values[n % 1440]}\r\n')
    return path


def _peak(folder: Path, home: Path, first: str, last: str) -> int:
    command = [sys.executable, "-m", "labmon_dagster_tests.system.memory", str(folder), first, last]
    environment = {**os.environ, "LABMON_HOME": str(home)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return int(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.slow
def test_a_year_takes_the_memory_of_a_day(tmp_path: Path, home: Path, embedded: SqliteStore) -> None:
    folder = _year(tmp_path / "46m_year.dat").parent
    day = _peak(folder, tmp_path / "other", "2022-06-01", "2022-06-01")
    year = _peak(folder, home, "2022-01-01", "2022-12-31")
    assert year <= 1.5 * day, f"a year took {year} kB, a day {day} kB"
    ledger = embedded.ledger("umbs/tower")
    assert len(ledger) == 365
    for row in ledger.values():
        assert (row.counts.read, row.counts.stored, row.in_store, row.proven) == (1440, 1440, 1440, True)
    assert (
        ledger[date(2022, 12, 31)].last == int(datetime(2022, 12, 31, 23, 59, tzinfo=UTC).timestamp()) * 10**9
    )
