"""Rows that come late: the lookback is read again, but only from the first minute that has changed."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from labmon_dagster.model import DAY, Mark, Position
from labmon_dagster.sources.wincc_archive.minutes import MINUTE, Minutes
from labmon_dagster_tests.sources.wincc_archive.archives import (
    NOON,
    SCHEMA,
    START,
    Archive,
    after,
    read,
    request,
    small,
)

STREAM = f"{SCHEMA}.MTRSCHANNEL"
NOON_NS = START + DAY // 2


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return small(tmp_path / "archive.db").mtrs(*((101, after(60 * n), float(n)) for n in range(120)))


def values(archive: Archive, since: Position) -> tuple[list[float], Position]:
    batches = read(archive.source(), request(since=since))
    found = [value for batch in batches for value in batch.rows.column("value").to_pylist()]
    return found, {batch.stream: batch.mark for batch in batches}


def test_only_the_newest_row_is_read_again_where_nothing_came(archive: Archive) -> None:
    _, known = values(archive, {})
    again, same = values(archive, known)
    assert (again, same) == ([119.0], known)


def test_what_came_late_is_read_with_all_behind_it(archive: Archive) -> None:
    _, known = values(archive, {})
    archive.mtrs((102, after(60 * 100 + 30), 1000.0), (101, after(60 * 120), 120.0))
    again, _ = values(archive, known)
    assert again == [100.0, 1000.0, *map(float, range(101, 121))]


def test_what_came_later_than_the_lookback_is_left_to_the_audit(archive: Archive) -> None:
    _, known = values(archive, {})
    archive.mtrs((102, after(60 * 30), 1000.0))
    assert values(archive, known)[0] == [119.0]
    assert 1000.0 in values(archive, {})[0]


def test_a_mark_without_minutes_means_the_whole_lookback(archive: Archive) -> None:
    _, known = values(archive, {})
    assert values(archive, {STREAM: Mark(known[STREAM].offset)})[0] == [float(n) for n in range(59, 120)]


def test_minutes_of_days_that_were_not_read_are_not_remembered(tmp_path: Path) -> None:
    midnight = datetime(2025, 6, 2)
    archive = small(tmp_path / "a.db")
    archive.mtrs(*((101, midnight + timedelta(minutes=n), float(n)) for n in range(-90, 30)))
    known = {batch.stream: batch.mark for batch in read(archive.source(), request(0, 0))}[STREAM]
    remembered = Minutes.remembered(known)
    assert (remembered.first * MINUTE, (remembered.last + 1) * MINUTE) == (
        START + DAY - 31 * MINUTE,
        START + DAY,
    )
    again = read(archive.source(), request(0, 1, since={STREAM: known}))
    found = [value for batch in again for value in batch.rows.column("value").to_pylist()]
    assert found == [float(n) for n in range(30)]


@given(st.dictionaries(st.integers(0, 200), st.integers(1, 9)), st.integers(0, 100), st.integers(0, 100))
def test_notes_are_what_is_remembered(rows: dict[int, int], first: int, more: int) -> None:
    counted = Minutes(first, first + more, rows)
    remembered = Minutes.remembered(Mark(0, counted.notes(0)))
    assert (
        remembered.first_changed(counted, first * MINUTE, (first + more) * MINUTE) == (first + more) * MINUTE
    )
    assert (remembered.first, remembered.last) == (first, first + more)


@settings(max_examples=60)
@given(st.lists(st.lists(st.integers(0, 59 * 60), max_size=4), min_size=1, max_size=8))
@example([[0], [0, 59 * 60], [59 * 60]])
def test_every_row_that_comes_within_the_lookback_is_read(
    tmp_path_factory: pytest.TempPathFactory, late: list[list[int]]
) -> None:
    archive = small(tmp_path_factory.mktemp("a") / "a.db")
    known: Position = {}
    seen: set[float] = set()
    number = 0.0
    for step, seconds in enumerate(late):
        newest = NOON + timedelta(minutes=17 * step)
        for second in [0, *seconds]:
            number += 1
            archive.mtrs((101 + int(number) % 12, newest - timedelta(seconds=second), number))
        found, known = values(archive, known)
        seen |= set(found)
    assert seen == {float(n) for n in range(1, int(number) + 1)}
