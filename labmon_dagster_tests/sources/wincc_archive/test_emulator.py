"""The simulated archive holds what the real one is known to hold, and grows as it does."""

from __future__ import annotations

import re
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from statistics import mean, median
from typing import Any

import pytest

from labmon_dagster.sources.wincc_archive.emulator import SimulatedArchive
from labmon_dagster_tests.sources.wincc_archive.simulated import NOON, TABLES, ask, rows

DAY = 86_400.0
BOARD, PLC = "cms_mtdtf_dcs_1:MTRS/MTD_TIF_{}/", "cms_mtdtf_dcs_1:TK_PLCS/MTD/crate01/"
ASKED_FOR = [
    *(f"{BOARD.format(18)}Chip_{chip}/Channel_{channel}" for chip in range(2) for channel in range(6)),
    *(
        f"{PLC}module{module:02d}/channel_read_{channel:02d}"
        for module, channels in ((1, 2), (2, 4), (3, 4))
        for channel in range(1, channels + 1)
    ),
]


def values(path: Path, table: str, name: str) -> list[tuple[str, float]]:
    return ask(
        path,
        f"SELECT CHANGE_DATE, {TABLES[table]} FROM {table} JOIN DP_NAME2ID ON ID = DPID "
        f"WHERE DPNAME = ? AND {TABLES[table]} IS NOT NULL ORDER BY CHANGE_DATE",
        name,
    )


def gaps(stamps: list[str]) -> list[float]:
    """Give the seconds between stamps."""
    return [after - before for before, after in pairwise(map(seconds, stamps))]


def seconds(stamp: str) -> float:
    return datetime.fromisoformat(f"{stamp}+00:00").timestamp()


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve days of an archive whose channels are slower than usual."""
    path = tmp_path_factory.mktemp("archive") / "archive.db"
    SimulatedArchive(path, interval=30, history_hours=12 * 24).catch_up(NOON)
    return path


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The two days that the first start writes."""
    path = tmp_path_factory.mktemp("usual") / "lab" / "archive.db"
    SimulatedArchive(path).catch_up(NOON)
    return path


def test_the_tables_are_those_of_wincc_oa(usual: Path) -> None:
    def columns(table: str) -> list[Any]:
        return ask(usual, "SELECT name, type FROM pragma_table_info(?)", table)

    head = [("DPID", "INTEGER"), ("CHANGE_DATE", "TEXT")]
    mtrs = [("ACTUAL_VALUE", "REAL"), ("SETTINGS_OFFSET", "REAL"), ("STATUS", "INTEGER")]
    assert columns("MTRSCHANNEL") == head + mtrs
    plc = [("VALUE_CONVERTED", "REAL"), ("VALUE_RAW", "INTEGER"), ("STATUS", "INTEGER")]
    assert columns("TKPLCREADSENSOR") == head + plc
    assert columns("DP_NAME2ID") == [("ID", "INTEGER"), ("DPNAME", "TEXT")]
    assert columns("ALIASES") == [("SINCE", "TEXT"), ("DPE_NAME", "TEXT"), ("ALIAS", "TEXT")]


def test_the_datapoints_are_there_and_some_that_nobody_asked_for(usual: Path) -> None:
    names = [name for (name,) in ask(usual, "SELECT DPNAME FROM DP_NAME2ID")]
    assert len(ASKED_FOR) == 22
    assert set(ASKED_FOR) < set(names)
    others = set(names) - set(ASKED_FOR)
    pattern = BOARD.format("(33|34)") + r"Chip_[012]/Channel_\d"
    assert others and all(re.fullmatch(pattern, name) for name in others)
    assert {name + "." for name in names} == {n for (n,) in ask(usual, "SELECT DPE_NAME FROM ALIASES")}
    for table in TABLES:
        written = {n for (n,) in ask(usual, f"SELECT DPNAME FROM {table} JOIN DP_NAME2ID ON ID = DPID")}
        assert written == {name for name in names if ("MTRS/" in name) == (table == "MTRSCHANNEL")}


def test_times_are_iso_text_with_microseconds(usual: Path) -> None:
    for table in TABLES:
        stamps = [stamp for (stamp,) in ask(usual, f"SELECT CHANGE_DATE FROM {table}")]
        assert all(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}", stamp) for stamp in stamps)
        assert len({stamp[-6:] for stamp in stamps}) > len(stamps) / 4 or table == "MTRSCHANNEL"
        assert max(stamps) <= "2025-06-15 15:06:40"


def test_rows_are_about_a_hundred_thousand_a_day(usual: Path) -> None:
    per_day = len(rows(usual)) / 2
    assert 60_000 < per_day < 110_000
    asked = sum(len(values(usual, "MTRSCHANNEL", name)) for name in ASKED_FOR[:12]) / 2
    assert asked > per_day / 3


def test_a_moving_channel_is_archived_about_every_interval_and_a_steady_one_more_seldom(usual: Path) -> None:
    found = [values(usual, "MTRSCHANNEL", name) for name in ASKED_FOR[:5]]
    assert min(min(gaps([stamp for stamp, _ in some])) for some in found) > 3
    falling = [gap for some in found for gap in gaps([stamp for stamp, v in some if -20 < v < 10])]
    steady = [gap for some in found for gap in gaps([stamp for stamp, v in some if v > 18])]
    assert 4.5 < median(falling) < 6
    assert 10 < mean(gap for gap in steady if gap < 3600) < 60


def test_trays_are_cooled_and_the_air_is_dry(days: Path) -> None:
    for name in ASKED_FOR[:12]:
        found = [value for _, value in values(days, "MTRSCHANNEL", name)]
        if name.endswith("5"):
            assert 0 < min(found) < max(found) < 40
        else:
            assert -38 < min(found) < -26 and 17 < max(found) < 26
            assert max(abs(a - b) for a, b in pairwise(found)) < 4


def test_channels_have_their_own_phases(usual: Path) -> None:
    begins = {name: values(usual, "MTRSCHANNEL", name)[0] for name in ASKED_FOR[:12]}
    assert len({value for _, value in begins.values()}) > 8
    assert len({stamp for stamp, _ in begins.values()}) == 12


def test_plc_channels_are_fast_or_slow_and_one_is_silent_and_one_is_broken(days: Path) -> None:
    found = {name: values(days, "TKPLCREADSENSOR", name) for name in ASKED_FOR[12:]}
    within = {name: [v for v in some if v[0] >= "2025-06-03 15:06:40"] for name, some in found.items()}
    silent = [name for name, some in within.items() if len(some) < 2]
    fast = [name for name, some in within.items() if len(some) > 12 * 1000]
    slow = [name for name, some in within.items() if 24 < len(some) < 12 * 24]
    broken = [name for name in fast if max(value for _, value in found[name]) > 40]
    assert (len(silent), len(fast) + len(slow), len(broken)) == (1, 9, 1)
    assert len(slow) >= 3
    assert all(some for some in found.values()), "also the silent one has a last value"
    assert min(gaps([stamp for stamp, _ in found[silent[0]]])) > 14 * DAY
    for name in fast:
        assert 30 <= median(gaps([stamp for stamp, _ in within[name]])) <= 60
    hot = [value for _, value in found[broken[0]] if value > 40]
    assert 75 <= min(hot) < max(hot) <= 850
    assert len(hot) < len(found[broken[0]]) / 5
    assert all(abs(value) < 40 for name in found if name != broken[0] for _, value in found[name])


def test_rows_are_sparse(usual: Path) -> None:
    for table, element in (("MTRSCHANNEL", "SETTINGS_OFFSET"), ("TKPLCREADSENSOR", "VALUE_RAW")):
        value = TABLES[table]
        sets = {
            tuple(known): number
            for *known, number in ask(
                usual,
                f"SELECT {value} IS NOT NULL, {element} IS NOT NULL, STATUS IS NOT NULL, COUNT(*) "
                f"FROM {table} GROUP BY 1, 2, 3",
            )
        }
        assert set(sets) == {(1, 0, 0), (0, 1, 0), (0, 0, 1)}
        assert 0.002 < 1 - sets[1, 0, 0] / sum(sets.values()) < 0.05


def test_now_and_then_a_row_comes_hours_or_days_late(tmp_path: Path) -> None:
    archive = SimulatedArchive(tmp_path / "archive.db", interval=30, history_hours=1)
    archive.catch_up(NOON)
    delays: list[float] = []
    newest = {table: ask(archive.path, f"SELECT MAX(rowid) FROM {table}")[0][0] for table in TABLES}
    for now in (NOON + hours * 3600 for hours in range(4, 24 * 8, 4)):
        archive.catch_up(now)
        for table, known in newest.items():
            new = ask(archive.path, f"SELECT rowid, CHANGE_DATE FROM {table} WHERE rowid > ?", known)
            delays += [(now - seconds(stamp)) / 3600 for _, stamp in new]
            newest[table] = max(row for row, _ in new)
    late = [delay for delay in delays if delay > 4.3]
    assert 5 < len(late) < len(delays) / 1000
    assert 24 < max(late) < 3 * 24 + 4


def test_a_few_percent_come_minutes_late(tmp_path: Path) -> None:
    archive = SimulatedArchive(tmp_path / "archive.db", history_hours=6)
    archive.catch_up(NOON)
    before = set(rows(archive.path))
    archive.catch_up(NOON + 1200)
    late = {row for row in rows(archive.path) if row[2] <= "2025-06-15 15:06:40"} - before
    last = [row for row in before if row[2] > "2025-06-15 14:51:40"]  # in the longest delay but few
    assert 0.005 < len(late) / len(last) < 0.03


def test_a_datapoint_changes_its_id_and_for_an_instant_has_two_values(days: Path) -> None:
    double = ask(days, "SELECT DPNAME, COUNT(*) FROM DP_NAME2ID GROUP BY 1 HAVING COUNT(*) > 1")
    assert [name for name, _ in double] == [name for name in ASKED_FOR if name == double[0][0]]
    ids = [i for (i,) in ask(days, "SELECT ID FROM DP_NAME2ID WHERE DPNAME = ? ORDER BY ID", double[0][0])]
    for before, after in pairwise(ids):
        span = "SELECT MIN(CHANGE_DATE), MAX(CHANGE_DATE) FROM MTRSCHANNEL WHERE DPID = ?"
        (_, last), (first, _) = ask(days, span, before)[0], ask(days, span, after)[0]
        assert last == first
        both = "SELECT ACTUAL_VALUE FROM MTRSCHANNEL WHERE CHANGE_DATE = ? AND DPID IN (?, ?)"
        one, other = ask(days, both, first, before, after)
        assert one != other


def test_no_datapoint_else_has_two_rows_of_one_time(days: Path) -> None:
    for table in TABLES:
        (same,) = ask(
            days,
            f"SELECT COUNT(*) FROM (SELECT 1 FROM {table} GROUP BY DPID, CHANGE_DATE HAVING COUNT(*) > 1)",
        )
        assert same == (0,)
