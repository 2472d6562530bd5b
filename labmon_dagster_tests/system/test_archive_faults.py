"""The faults that the original loses readings by, played to it and to labmon: labmon lacks nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import pytest

from labmon_dagster_tests.servers import found
from labmon_dagster_tests.sources.wincc_archive.archives import FIRST
from labmon_dagster_tests.system.archive_faults import (
    AWAY,
    AWAY_AT,
    DAYS_LATE,
    END,
    KILLED,
    KILLS_AT,
    LATE,
    LATE_AT,
    Seen,
    drill,
)
from labmon_dagster_tests.system.archive_figures import NO_FAULT, Books, Figures
from labmon_dagster_tests.system.archive_worker import LABMON, ORIGINAL

SEED, PROVEN = 7, 2


@pytest.mark.slow
def test_labmon_lacks_nothing_where_the_original_does(tmp_path: Path) -> None:
    """One drill is judged by all of the checks below: it takes most of a minute."""
    found.influxd()
    seen = drill(tmp_path, SEED)
    (tmp_path / "seen.json").write_text(json.dumps(asdict(seen)))
    for check in CHECKS:
        check(seen)


def every_fault_happened(seen: Seen) -> None:
    assert set(seen.faults) == {AWAY, KILLED, LATE, DAYS_LATE}
    assert seen.faults[LATE] == sum(LATE_AT.values())
    assert seen.faults[DAYS_LATE] == 2
    struck = [(strike.program, strike.at) for strike in seen.strikes]
    kills = [(name, at.isoformat()) for at in KILLS_AT for name in (LABMON, ORIGINAL)]
    assert struck == [(LABMON, AWAY_AT[0].isoformat()), *kills]


def kills_fell_into_a_write(seen: Seen) -> None:
    _, *kills = seen.strikes
    for program in (LABMON, ORIGINAL):
        mid_write = [strike.mid_write for strike in kills if strike.program == program]
        assert sum(mid_write) >= PROVEN, seen.strikes


def while_influxdb_was_away_both_failed_and_only_then(seen: Seen) -> None:
    assert seen.failed_while_away["LandingError"] >= 1
    assert sum(seen.failed_while_away.values()) >= len(AWAY_AT)
    assert seen.failed_otherwise == {}
    assert seen.dropped_by_original > 0


def ticks_alone_find_all_but_what_came_days_late(seen: Seen) -> None:
    *nights, last = seen.missing_before_audit.values()
    assert nights == [{}, {}, {}]
    assert last == {DAYS_LATE: seen.faults[DAYS_LATE]}


def labmon_has_every_reading_once(seen: Seen) -> None:
    assert seen.labmon == Figures(seen.readings, {}, wrong=0, duplicates=0, not_in_archive=0)
    assert seen.reopened == {END.date().isoformat(): {FIRST.isoformat(): seen.faults[DAYS_LATE]}}
    assert seen.books == Books(past_days=4, proven=4, balanced=True)


def the_original_lacks_readings_of_every_fault(seen: Seen) -> None:
    assert seen.original
    missing = seen.original.missing
    # A kill may also take points of an earlier tick that were still on their way.
    assert {AWAY, KILLED, LATE, DAYS_LATE} <= set(missing) <= {AWAY, KILLED, LATE, DAYS_LATE, NO_FAULT}
    assert missing.get(NO_FAULT, 0) < missing[KILLED]
    assert (missing[LATE], missing[DAYS_LATE]) == (seen.faults[LATE], seen.faults[DAYS_LATE])
    stored = seen.readings - sum(missing.values())
    assert seen.original == Figures(stored, missing, wrong=0, duplicates=0, not_in_archive=0)


CHECKS: Sequence[Callable[[Seen], None]] = (
    every_fault_happened,
    kills_fell_into_a_write,
    while_influxdb_was_away_both_failed_and_only_then,
    ticks_alone_find_all_but_what_came_days_late,
    labmon_has_every_reading_once,
    the_original_lacks_readings_of_every_fault,
)
