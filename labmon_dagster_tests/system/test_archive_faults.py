"""The faults that the original loses readings by, played to it and to labmon: labmon lacks nothing."""

from __future__ import annotations

import json
from dataclasses import asdict

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
from labmon_dagster_tests.system.archive_figures import Books, Figures
from labmon_dagster_tests.system.archive_worker import LABMON, ORIGINAL

SEED, PROVEN = 7, 2


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    found.influxd()
    folder = tmp_path_factory.mktemp("faults")
    seen = drill(folder, SEED)
    (folder / "seen.json").write_text(json.dumps(asdict(seen)))
    return seen


@pytest.mark.slow
def test_every_fault_happened(seen: Seen) -> None:
    assert set(seen.faults) == {AWAY, KILLED, LATE, DAYS_LATE}
    assert seen.faults[LATE] == sum(LATE_AT.values())
    assert seen.faults[DAYS_LATE] == 2
    struck = [(strike.program, strike.at) for strike in seen.strikes]
    kills = [(name, at.isoformat()) for at in KILLS_AT for name in (LABMON, ORIGINAL)]
    assert struck == [(LABMON, AWAY_AT[0].isoformat()), *kills]


@pytest.mark.slow
@pytest.mark.parametrize("program", [LABMON, ORIGINAL])
def test_kills_fell_into_a_write(seen: Seen, program: str) -> None:
    _, *kills = seen.strikes
    mid_write = [strike.mid_write for strike in kills if strike.program == program]
    assert sum(mid_write) >= PROVEN, seen.strikes


@pytest.mark.slow
def test_while_influxdb_was_away_both_failed_and_only_then(seen: Seen) -> None:
    assert seen.failed_while_away["LandingError"] >= 1
    assert sum(seen.failed_while_away.values()) >= len(AWAY_AT)
    assert seen.failed_otherwise == {}
    assert seen.dropped_by_original > 0


@pytest.mark.slow
def test_ticks_alone_find_all_but_what_came_days_late(seen: Seen) -> None:
    *nights, last = seen.missing_before_audit.values()
    assert nights == [{}, {}, {}]
    assert last == {DAYS_LATE: seen.faults[DAYS_LATE]}


@pytest.mark.slow
def test_labmon_has_every_reading_once(seen: Seen) -> None:
    assert seen.labmon == Figures(seen.readings, {}, wrong=0, duplicates=0, not_in_archive=0)
    assert seen.reopened == {END.date().isoformat(): {FIRST.isoformat(): seen.faults[DAYS_LATE]}}
    assert seen.books == Books(past_days=4, proven=4, balanced=True)


@pytest.mark.slow
def test_the_original_lacks_readings_of_every_fault_and_no_others(seen: Seen) -> None:
    assert seen.original
    missing = seen.original.missing
    assert set(missing) == {AWAY, KILLED, LATE, DAYS_LATE}
    assert (missing[LATE], missing[DAYS_LATE]) == (seen.faults[LATE], seen.faults[DAYS_LATE])
    stored = seen.readings - sum(missing.values())
    assert seen.original == Figures(stored, missing, wrong=0, duplicates=0, not_in_archive=0)
