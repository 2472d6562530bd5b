"""Copies of a log whose days come in another order, are begun anew, or cannot be read."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from labmon_dagster.journal.closing import close_days
from labmon_dagster.model.window import DAY
from labmon_dagster.station_log.log import StationLog
from labmon_dagster_tests.journal.days import until
from labmon_dagster_tests.station_log.test_log_copies import csv, json, log, numbers, pps, rows_of, told

__all__ = ["csv", "json", "log", "told"]


def test_a_clock_that_was_set_back_over_midnight_leaves_nothing_out(
    log: StationLog, csv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = log.journal.now()
    monkeypatch.setattr(log.journal, "_clock", lambda: now)
    for n, days in enumerate((0, 1, 0, -1, 1, 0)):
        monkeypatch.setattr(log.journal, "_clock", lambda days=days: now + days * DAY)
        log.write(pps(n))
        until(lambda n=n: csv.exists() and len(rows_of(csv)) == n + 1)  # type: ignore[misc]
    assert numbers(csv) == [0, 1, 2, 3, 4, 5]


def test_a_log_that_was_removed_and_begun_anew_is_copied(log: StationLog, csv: Path) -> None:
    log.write(pps(1) + b"\n" + pps(2))
    until(lambda: csv.exists() and len(rows_of(csv)) == 2)
    shutil.rmtree(log.journal.folder)
    log.write(pps(3))
    until(lambda: len(rows_of(csv)) == 3)
    assert numbers(csv) == [1, 2, 3]


def test_a_copy_begins_with_today_and_what_comes_to_earlier_days(
    tmp_path: Path, csv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = StationLog("s", tmp_path / "journal")
    now = first.journal.now()
    for n, days in enumerate((-9, -1, 0)):
        monkeypatch.setattr(first.journal, "_clock", lambda days=days: now + days * DAY)
        first.write(pps(n))
    first.close()
    log = StationLog("s", tmp_path / "journal", csvlogfile=csv)
    monkeypatch.setattr(log.journal, "_clock", lambda: now - DAY)
    log.write(pps(3))
    log.close()
    assert sorted(numbers(csv)) == [2, 3]


def test_a_day_that_cannot_be_read_keeps_no_other_from_being_copied(
    tmp_path: Path, csv: Path, told: list[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = StationLog("s", tmp_path / "journal")
    now = first.journal.now()
    monkeypatch.setattr(first.journal, "_clock", lambda: now - 2 * DAY)
    first.write(pps(1))
    first.close()
    (packed,) = (tmp_path / "journal" / "s" / f"{day}.jsonl.gz" for day in close_days(first.journal, now))
    packed.write_bytes(b"\x1f\x8b")
    log = StationLog("s", tmp_path / "journal", csvlogfile=csv, on_error=told.append)
    log.write(pps(2))
    log.close()
    assert numbers(csv) == [2]
    assert [packed.name in str(one) for one in told] == [True]
