"""Large files: one bad row does not take the others along, and memory does not grow with the file."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from labmon_dagster_tests.sources.loggernet.reading import HEADER, files, request

BAD = b'"2021-06-25 10:00:00",7,"Sensor fault",1\r\n'


def write(path: Path, megabytes: int) -> int:
    """Write rows with one bad in the middle; give the number of good rows."""
    rows = b"".join(
        f'"2021-06-{day:02} {hour:02}:{minute:02}:00",{minute},{minute}.25,1.5E-03\r\n'.encode()
        for day in range(2, 29)
        for hour in range(24)
        for minute in range(60)
    )
    times = megabytes * 1_000_000 // len(rows) // 2 + 1
    with path.open("wb") as file:
        file.write(HEADER)
        for part in (b"", BAD):
            file.write(part)
            for _ in range(times):
                file.write(rows)
    return 2 * times * 27 * 24 * 60


PEAK = """
import resource, sys
from labmon_dagster_tests.sources.loggernet.reading import files, request
batches = files(sys.argv[1], block=1 << 22).read(request()).batches
rows = rejects = 0
for batch in batches:
    rows, rejects = rows + batch.rows.num_rows, rejects + len(batch.rejects)
print(rows, rejects, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def peak(folder: Path) -> tuple[int, int, float]:
    """Read all in a new process; give rows, rejects and the most memory it had, in MB."""
    told = subprocess.run(
        [sys.executable, "-c", PEAK, str(folder)], capture_output=True, text=True, check=True
    )
    rows, rejects, kilobytes = map(int, told.stdout.split())
    return rows, rejects, kilobytes / 1000


def test_one_bad_row_in_20_mb(tmp_path: Path):
    expected = write(tmp_path / "a.dat", 20)
    found, rejects = 0, []
    for batch in files(tmp_path, block=1 << 22).read(request()).batches:
        found += batch.rows.num_rows
        rejects += batch.rejects
    assert found == expected
    [reject] = rejects
    assert reject.raw == BAD.decode().rstrip()
    assert reject.place == f"a.dat:{5 + expected // 2}"
    assert reject.reason == "'Sensor fault' in column A is not a number"


@pytest.mark.slow
def test_one_bad_row_in_200_mb_and_memory_stays_flat(tmp_path: Path):
    for megabytes in (20, 200):
        (tmp_path / str(megabytes)).mkdir()
    small = write(tmp_path / "20" / "a.dat", 20)
    large = write(tmp_path / "200" / "a.dat", 200)
    rows, rejects, least = peak(tmp_path / "20")
    assert (rows, rejects) == (small, 1)
    rows, rejects, most = peak(tmp_path / "200")
    assert (rows, rejects) == (large, 1)
    assert most < least + 60


def test_a_file_of_bad_rows_is_not_read_for_hours(tmp_path: Path):
    bad = [b'"2021-06-25 10:00:00",1,2\r\n', BAD, b'"2021-06-25 10:00:00",7,INVALID,1\r\n', b"\r\n"]
    (tmp_path / "a.dat").write_bytes(HEADER + b'"2021-06-25 10:00:00",1,2,3\r\n' + b"".join(bad) * 5000)
    begun = time.process_time()
    batches = list(files(tmp_path).read(request()).batches)
    assert sum(len(batch.rejects) for batch in batches) == 15000
    assert time.process_time() - begun < 15
