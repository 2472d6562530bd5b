"""The simulated archive goes on as if nothing had been, whatever happens to those who write and read it."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labmon_dagster.sources.wincc_archive import emulator
from labmon_dagster.sources.wincc_archive.emulator import SimulatedArchive
from labmon_dagster_tests.sources.wincc_archive.simulated import NOON, rows

WRITER = """
import sys
from pathlib import Path
from labmon_dagster.sources.wincc_archive.emulator import SimulatedArchive
archive = SimulatedArchive(Path(sys.argv[1]), history_hours=1)
archive.catch_up(float(sys.argv[2]))
print("begun", flush=True)
for n in range(2000):
    archive.catch_up(float(sys.argv[2]) + 20 * n)
"""


@settings(max_examples=15)
@given(cuts=st.lists(st.floats(0, 4000), max_size=12), seed=st.integers(0, 3))
def test_the_rows_follow_from_seed_and_time_alone(cuts: list[float], seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        whole, parts = (SimulatedArchive(Path(folder) / name, seed, history_hours=0.5) for name in "ab")
        total = whole.catch_up(NOON) + whole.catch_up(NOON + 4000)
        written = parts.catch_up(NOON)
        for cut in [*cuts, 4000]:
            written += parts.catch_up(NOON + cut)
        assert rows(parts.path) == rows(whole.path)
        assert written == total == len(rows(whole.path))


def test_a_row_of_the_very_moment_of_a_cut_is_written_once(tmp_path: Path) -> None:
    whole, cut = (SimulatedArchive(tmp_path / name, history_hours=0.1) for name in ("whole", "cut"))
    for archive in (whole, cut):
        archive.catch_up(NOON)
    whole.catch_up(NOON + 60)
    stamps = {datetime.fromisoformat(f"{row[2]}+00:00").timestamp() for row in rows(whole.path)}
    for now in sorted(stamp for stamp in stamps if stamp > NOON):
        cut.catch_up(now)
    cut.catch_up(NOON + 60)
    assert rows(cut.path) == rows(whole.path)


def test_archives_begun_at_other_times_agree_where_they_overlap(tmp_path: Path) -> None:
    early, late = (
        SimulatedArchive(tmp_path / f"{hours}", history_hours=hours, interval=30) for hours in (4 * 24, 3)
    )
    for archive in (early, late):
        archive.catch_up(NOON)
    span = {row for row in rows(early.path) if row[2] > "2025-06-15 12:06:40"}
    assert span == {row for row in rows(late.path) if row[2] > "2025-06-15 12:06:40"}


def test_another_seed_gives_other_rows(tmp_path: Path) -> None:
    for seed in (0, 1):
        SimulatedArchive(tmp_path / f"{seed}", seed=seed, history_hours=1).catch_up(NOON)
    one, other = (set(rows(tmp_path / f"{seed}")) for seed in (0, 1))
    assert len(one & other) < len(one) / 100


def test_a_killed_writer_goes_on_without_gap_or_duplicate(tmp_path: Path) -> None:
    for wait in (0.0, 0.05, 0.1, 0.3):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path / "killed.db"), str(NOON)],
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout and process.stdout.readline() == "begun\n"
            time.sleep(wait)
            process.send_signal(signal.SIGKILL)
        assert process.returncode == -signal.SIGKILL
    killed, whole = (
        SimulatedArchive(tmp_path / f"{name}.db", history_hours=1) for name in ("killed", "whole")
    )
    whole.catch_up(NOON)
    for archive in (killed, whole):
        archive.catch_up(NOON + 40_000)
    assert rows(killed.path) == rows(whole.path)


def test_a_writer_killed_while_it_begins_can_begin_again(tmp_path: Path) -> None:
    for wait in (0.25, 0.35, 0.45, 0.6):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path / "killed.db"), str(NOON)], stdout=subprocess.DEVNULL
        ) as process:
            time.sleep(wait)
            process.kill()
    for name in ("killed", "whole"):
        archive = SimulatedArchive(tmp_path / f"{name}.db", history_hours=1)
        archive.catch_up(NOON)
        archive.catch_up(NOON + 40_000)
    assert rows(tmp_path / "killed.db") == rows(tmp_path / "whole.db")


def test_two_writers_of_one_file_write_each_row_once(tmp_path: Path) -> None:
    whole = SimulatedArchive(tmp_path / "whole.db", history_hours=1)
    whole.catch_up(NOON)
    whole.catch_up(NOON + 2000)
    both = SimulatedArchive(tmp_path / "both.db", history_hours=1)
    both.catch_up(NOON)

    def write() -> None:
        for n in range(100):
            both.catch_up(NOON + 20 * (n + 1))

    threads = [threading.Thread(target=write) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert rows(both.path) == rows(whole.path)


def test_a_clock_set_back_writes_nothing(tmp_path: Path) -> None:
    archive = SimulatedArchive(tmp_path / "archive.db", history_hours=1)
    assert archive.catch_up(NOON) > 1000
    assert archive.catch_up(NOON - 100) == archive.catch_up(NOON) == 0


def test_an_interval_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="interval is 0 s"):
        SimulatedArchive(tmp_path / "archive.db", interval=0)


def start(archive: SimulatedArchive) -> tuple[threading.Thread, threading.Event, list[BaseException]]:
    stop, errors = threading.Event(), list[BaseException]()

    def run() -> None:
        try:
            archive.run(stop)
        except BaseException as error:  # shown by the test
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, stop, errors


def grows(path: Path, seconds: float = 10) -> bool:
    before, end = len(rows(path)), time.monotonic() + seconds
    while time.monotonic() < end and len(rows(path)) == before:
        time.sleep(0.1)
    return len(rows(path)) > before


def test_readers_read_while_it_runs_and_a_lock_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emulator, "_PATIENCE", 0.2)
    archive = SimulatedArchive(tmp_path / "archive.db", interval=1, history_hours=0.2)
    archive.catch_up(time.time())
    thread, stop, errors = start(archive)
    with closing(sqlite3.connect(archive.path)) as reader:
        reader.execute("BEGIN")
        before = reader.execute("SELECT COUNT(*) FROM MTRSCHANNEL").fetchone()
        assert grows(archive.path)
        assert reader.execute("SELECT COUNT(*) FROM MTRSCHANNEL").fetchone() == before
        reader.rollback()
        reader.execute("BEGIN IMMEDIATE")
        assert not grows(archive.path, 2)
        reader.rollback()
    assert grows(archive.path)
    stop.set()
    thread.join(5)
    assert not thread.is_alive() and errors == []


def test_a_full_disk_is_said_clearly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connect = sqlite3.connect

    def small(*args: Any, **options: Any) -> sqlite3.Connection:
        db = connect(*args, **options)
        db.execute("PRAGMA max_page_count = 60")
        return db

    archive = SimulatedArchive(tmp_path / "archive.db", interval=1, history_hours=0.01)
    monkeypatch.setattr(emulator.sqlite3, "connect", small)
    archive.catch_up(NOON)
    whole = len(rows(archive.path))
    with pytest.raises(OSError, match=r"no room .*archive\.db"):
        archive.catch_up(NOON + 3600)
    monkeypatch.undo()
    assert len(rows(archive.path)) == whole
    assert archive.catch_up(NOON + 3600) > 1000
    assert [path.name for path in tmp_path.iterdir()] == ["archive.db"]
