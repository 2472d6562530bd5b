"""Copies of a station log: readable as they stand, whoever wrote them, and never in the way of the log."""

from __future__ import annotations

import io
import multiprocessing as mp
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from labmon_dagster.model.points import Points
from labmon_dagster.sources.annotated_csv import reader as annotated
from labmon_dagster.sources.jsonl import reader as jsonl
from labmon_dagster.station_log import copy_file, copying
from labmon_dagster.station_log.log import StationLog
from labmon_dagster_tests.journal.days import until
from labmon_dagster_tests.journal.test_processes import start

HEAD = "#datatype dateTime:number,measurement,tag,long\ntimestamp,measurement,station,pps_offset\n"


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    return tmp_path / "logs" / "log.csv"


@pytest.fixture
def json(tmp_path: Path) -> Path:
    return tmp_path / "logs" / "log.jsonl"


@pytest.fixture
def told() -> list[Exception]:
    return []


@pytest.fixture
def log(tmp_path: Path, csv: Path, json: Path, told: list[Exception]) -> Iterator[StationLog]:
    made = StationLog("s", tmp_path / "journal", csvlogfile=csv, jsonlogfile=json, on_error=told.append)
    yield made
    made.close()


def pps(n: int, station: str = "KP") -> bytes:
    return b"pps,station=%s pps_offset=%di %d" % (station.encode(), n, n)


def rows_of(path: Path) -> list[dict[str, Any]]:
    """Read a copy back with the readers of `labmon replay`; what is no point fails the test."""
    read = annotated.read if path.suffix == ".csv" else jsonl.read
    found = list(read(io.BytesIO(path.read_bytes())))
    points = [one for one in found if isinstance(one, Points)]
    assert len(points) == len(found), found
    return [row for one in points for row in one.rows.with_columns(pl.col("time").cast(pl.Int64)).to_dicts()]


def numbers(path: Path) -> list[int]:
    found = rows_of(path)
    assert all(row["time"] == row["pps_offset"] for row in found)
    return [row["time"] for row in found]


def test_both_copies_hold_the_points_time_first(log: StationLog, csv: Path, json: Path) -> None:
    log.write(pps(1))
    log.write(pps(2) + b"\n" + pps(3))
    assert log.close()
    assert csv.read_text() == HEAD + "1,pps,KP,1\n2,pps,KP,2\n3,pps,KP,3\n"
    assert json.read_text().splitlines()[-1].startswith('{"time":"1970-01-01T00:00:00.000000003Z",')
    assert numbers(csv) == numbers(json) == [1, 2, 3]


def test_what_another_program_wrote_is_followed_by_a_header(log: StationLog, csv: Path) -> None:
    for n in range(2):
        log.write(pps(n))
        until(lambda n=n: csv.exists() and len(rows_of(csv)) == n + 1)  # type: ignore[misc]
    with csv.open("a") as other:
        other.write("\n#datatype measurement,field,dateTime:number\nm,n,t\nm,1i,5\n")
    log.write(pps(2))
    assert log.close()
    assert [row["time"] for row in rows_of(csv)] == [0, 1, 5, 2]
    assert csv.read_text().count("#datatype") == 3


def work(log: StationLog, who: int) -> None:
    for n in range(100):
        log.write(b"m%d,who=%d x%d=%di %d" % (who % 2, who, who, n, n + 1000 * who))


def test_processes_share_their_copies(log: StationLog, csv: Path, json: Path) -> None:
    """Forked while the log is in use; who does not fork copies for them."""
    log.write(b"m0,who=9 x9=0i 9000")
    children = [mp.get_context("fork").Process(target=work, args=(log, who)) for who in range(4)]
    for child in children:
        child.start()
    for child in children:
        child.join(60)
    assert [child.exitcode for child in children] == [0] * 4
    assert log.close()
    for path in (csv, json):
        found = rows_of(path)
        times = [*(n + 1000 * who for who in range(4) for n in range(100)), 9000]
        assert sorted(row["time"] for row in found) == times
        assert all(row["time"] == row[f"x{row['who']}"] + 1000 * int(row["who"]) for row in found)


def test_a_name_with_a_day_is_a_file_a_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = StationLog("s", tmp_path / "journal", csvlogfile=tmp_path / "%Y" / "log-%Y-%m-%d.csv")
    files = [tmp_path / "2021" / f"log-2021-04-{day}.csv" for day in ("06", "07")]
    for n, now in enumerate([1_617_672_549, 1_617_672_549 + 86_400]):
        monkeypatch.setattr(copying.time, "time", lambda now=now: now)
        log.write(pps(n))
        until(lambda n=n: files[n].exists() and numbers(files[n]) == [n])  # type: ignore[misc]
    assert log.close()
    assert all(one.read_text().startswith(HEAD) for one in files)


def test_a_file_that_is_moved_away_begins_anew(log: StationLog, csv: Path, json: Path) -> None:
    log.write(pps(1))
    until(lambda: csv.exists() and json.exists() and numbers(json) == [1])
    csv.rename(csv.with_name("log.csv.1"))
    json.write_bytes(b"")  # logrotate's copytruncate
    log.write(pps(2))
    assert log.close()
    assert numbers(csv) == numbers(json) == [2]
    assert csv.read_text() == HEAD + "2,pps,KP,2\n"


def test_a_torn_line_is_ended_first(log: StationLog, csv: Path) -> None:
    csv.parent.mkdir()
    csv.write_text("1,pps,K")
    log.write(pps(2))
    assert log.close()
    assert csv.read_text() == "1,pps,K\n" + HEAD + "2,pps,KP,2\n"


def test_a_copy_that_cannot_be_written_is_told_and_made_good(
    log: StationLog, csv: Path, json: Path, told: list[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    csv.mkdir(parents=True)
    log.write(pps(1))
    until(lambda: told)
    log.write(pps(2))
    until(lambda: json.exists() and numbers(json) == [1, 2])
    assert [str(one) for one in told] == [f"[Errno 21] Is a directory: '{csv}'"]
    csv.rmdir()
    until(lambda: csv.is_file())
    log.write(pps(3))
    assert log.close()
    assert numbers(csv) == numbers(json) == [1, 2, 3]
    kept = [entry.payload for day in log.journal.days() for entry in log.journal.read(day)]
    assert kept == [pps(n) for n in (1, 2, 3)]
    assert len(told) == 1
    assert f"{csv} can be written again" in caplog.text


def test_half_a_write_is_taken_back(
    log: StationLog, csv: Path, told: list[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    log.write(pps(1))
    until(lambda: csv.exists() and numbers(csv) == [1])
    write = copy_file.disk.write

    def half(fd: int, data: bytes) -> None:
        if Path(f"/proc/self/fd/{fd}").resolve() != csv:
            return write(fd, data)
        os.write(fd, data[: len(data) // 2])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(copy_file.disk, "write", half)
        log.write(pps(2))
        until(lambda: told)
        assert numbers(csv) == [1]
    assert log.close()
    assert str(csv) in str(told[0])
    assert numbers(csv) == [1, 2]


WRITER = """
import sys, time
from pathlib import Path
from labmon_dagster.station_log.log import StationLog
folder, first = Path(sys.argv[1]), int(sys.argv[2])
log = StationLog("s", folder / "journal", csvlogfile=folder / "logs" / "log.csv")
for n in range(first, first + 2000):
    log.write(b"pps,station=KP pps_offset=%di %d" % (n, n))
    print(n, flush=True)
    time.sleep(0.001)
"""


def test_killed_programs_leave_nothing_out_of_a_copy(tmp_path: Path, csv: Path) -> None:
    written: list[int] = []
    for first in (0, 2000):
        program = start(WRITER, tmp_path, first)
        assert program.stdout
        written += [int(program.stdout.readline()) for _ in range(300 + first // 20)]
        program.kill()
        written += [int(line) for line in program.stdout.read().splitlines()]
        program.wait()
        program.stdout.close()
    log = StationLog("s", tmp_path / "journal", csvlogfile=csv)
    log.write(pps(9999))
    assert log.close()
    kept = [int(one.payload.split(b" ")[-1]) for day in log.journal.days() for one in log.journal.read(day)]
    assert set(written) <= set(kept)
    assert sorted(set(numbers(csv))) == kept


def test_what_a_copy_cannot_hold_is_told(
    log: StationLog, csv: Path, json: Path, told: list[Exception]
) -> None:
    log.write(pps(1) + b"\nno point\n" + pps(2))
    assert log.close()
    assert numbers(csv) == numbers(json) == [1, 2]
    assert {str(one).split(" ")[0] for one in told} == {str(csv), str(json)}
    assert all("lacks a line that is no point" in str(one) for one in told)


def test_one_of_many_programs_copies(tmp_path: Path, csv: Path) -> None:
    logs = [StationLog("s", tmp_path / "journal", csvlogfile=csv) for _ in range(3)]
    for n in range(30):
        logs[n % 3].write(pps(n))
    assert all(log.close() for log in logs)
    assert numbers(csv) == [*range(30)]
