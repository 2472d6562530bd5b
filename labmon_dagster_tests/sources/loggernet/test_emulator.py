"""The emulated LoggerNet PC writes what the real one is known to write."""

import re
import threading
import time
from pathlib import Path

import pytest

from labmon_dagster.sources.loggernet.emulator import Fault, TowerPC

# Typed off the file of the real station, not produced by the emulator.
HEADER = (
    b'"TOA5","46m","CR5000","1041","CR5000.Std.07","CPU:Y21_46M_PARCal.CR5","6827","PARCal_2019"\r\n'
    b'"TIMESTAMP","RECORD","PPFD","Total_PPFD","Diffuse_PPFD","calPPFD","Solar_inci"\r\n'
    b'"TS","RN","umol/m^2/s","","","",""\r\n'
    b'"","","Smp","Smp","Smp","Smp","Smp"\r\n'
)
NOON = 1_624_636_205  # 2021-06-25 10:50:05 -05:00, RECORD 260623 in the real file
NUMBER = rb"-?\d+(?:\.\d*[1-9])?(?:E-\d\d)?"
ROW = re.compile(
    rb'"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)",(\d+),(V),(V),(V),7999,(V)\r\n'.replace(b"V", NUMBER + rb'|"NAN"')
)


def rows(path: Path) -> list[bytes]:
    content = path.read_bytes()
    assert content.startswith(HEADER)
    return content.removeprefix(HEADER).splitlines(keepends=True)


def keys(lines: list[bytes]) -> list[tuple[str, int]]:
    found = [re.match(rb'"([^"]+)",(\d+)', line) for line in lines]
    assert all(found)
    return [(m[1].decode(), int(m[2])) for m in found if m]


def records(path: Path) -> list[int]:
    return [record for _, record in keys(rows(path))]


@pytest.fixture
def tower(tmp_path: Path) -> TowerPC:
    tower = TowerPC(tmp_path)
    tower.catch_up(NOON + 45, since=NOON)
    return tower


def test_the_file_begins_like_the_real_one(tower: TowerPC):
    assert tower.header() == HEADER
    assert keys(rows(tower.path))[:3] == [
        ("2021-06-25 10:50:05", 260623),
        ("2021-06-25 10:50:10", 260624),
        ("2021-06-25 10:50:15", 260625),
    ]


def test_golden_rows():
    tower = TowerPC(Path("unused"))
    assert tower.row(NOON) == b'"2021-06-25 10:50:05",260623,1526.998,1405,644.8,7999,809.3\r\n'
    assert tower.row(NOON + 4.9) == tower.row(NOON)
    assert tower.row(NOON + 12 * 3600).startswith(b'"2021-06-25 22:50:05",269263,')


def test_a_day_has_a_curve_noise_and_some_missing_values(tmp_path: Path):
    tower = TowerPC(tmp_path)
    assert tower.catch_up(NOON + 86_400, since=NOON) == 17_281
    lines = rows(tower.path)
    found = [m.groups() for m in map(ROW.fullmatch, lines) if m]
    assert len(found) == len(lines)
    ppfd = [float(row[2]) for row in found if row[2] != b'"NAN"']
    assert 1000 < max(ppfd) < 2500
    assert -0.1 < min(ppfd) < 0
    assert 0.2 < sum(value < 0.1 for value in ppfd) / len(ppfd) < 0.5
    assert 5 < sum(b"NAN" in line for line in lines) < 100
    assert len({row[2] for row in found}) > 12_000
    digits = max(len(re.sub(rb"\D", b"", row[3]).lstrip(b"0")) for row in found)
    assert digits == 4


def test_the_same_time_gives_the_same_row_and_another_seed_another(tmp_path: Path):
    tower, other = TowerPC(tmp_path), TowerPC(tmp_path, seed=1)
    assert tower.row(NOON) == TowerPC(tmp_path / "elsewhere", mode="overwrite").row(NOON) != other.row(NOON)


@pytest.mark.parametrize("interval", [0, -5, 0.5, 7.5])
def test_an_interval_is_whole_seconds(tmp_path: Path, interval: float):
    with pytest.raises(ValueError, match="whole number of seconds"):
        TowerPC(tmp_path, interval=interval)


def test_zone_interval_and_history(tmp_path: Path):
    tower = TowerPC(tmp_path, interval=60, zone_hours=5.5, history_hours=1)
    assert tower.catch_up(1_624_636_259) == 60
    assert [stamp for stamp, _ in keys(rows(tower.path))][::59] == [
        "2021-06-25 20:21:00",
        "2021-06-25 21:20:00",
    ]


def test_a_restart_goes_on_without_gap_or_duplicate(tmp_path: Path):
    whole = TowerPC(tmp_path / "whole")
    whole.catch_up(NOON + 1000, since=NOON)
    for until in (NOON + 3, NOON + 3, NOON + 400, NOON + 399, NOON + 1000):
        TowerPC(tmp_path / "parts").catch_up(until, since=NOON)
    assert (tmp_path / "parts/46m_Test.dat").read_bytes() == whole.path.read_bytes()


def test_a_crash_at_any_byte_is_mended(tmp_path: Path):
    whole = TowerPC(tmp_path)
    whole.catch_up(NOON + 10, since=NOON)
    content = whole.path.read_bytes()
    for length in range(len(content)):
        whole.path.write_bytes(content[:length])
        TowerPC(tmp_path).catch_up(NOON + 10, since=NOON)
        assert whole.path.read_bytes() == content, length


def test_nothing_due_leaves_the_file_untouched(tmp_path: Path):
    for mode in ("append", "create-new", "overwrite"):
        tower = TowerPC(tmp_path / mode, mode=mode)
        tower.catch_up(NOON + 10, since=NOON)
        before = tower.path.stat()
        assert tower.catch_up(NOON + 14) == 0
        assert (tower.path.stat().st_mtime_ns, tower.path.stat().st_size) == (
            before.st_mtime_ns,
            before.st_size,
        )


def test_create_new_puts_files_aside_the_newest_with_the_highest_number(tmp_path: Path):
    for n in range(12):
        tower = TowerPC(tmp_path, mode="create-new")
        tower.catch_up(NOON + n * 10 + 5, since=NOON)
        assert tower.collect() == tmp_path / f"46m_Test.bak{n or ''}"
    assert tower.path.read_bytes() == HEADER
    tower.catch_up(NOON + 125)
    names = ["46m_Test.bak", *(f"46m_Test.bak{n}" for n in range(1, 12)), "46m_Test.dat"]
    assert [r for name in names for r in records(tmp_path / name)] == [*range(260623, 260649)]


def test_create_new_never_takes_a_number_twice(tmp_path: Path):
    tower = TowerPC(tmp_path, mode="create-new")
    tower.catch_up(NOON, since=NOON)
    tower.collect()
    tower.collect()
    (tmp_path / "46m_Test.bak").unlink()
    assert tower.collect() == tmp_path / "46m_Test.bak2"


def test_overwrite_keeps_the_newest_rows_in_the_same_file(tmp_path: Path):
    tower = TowerPC(tmp_path, mode="overwrite", keep_rows=3)
    tower.catch_up(NOON + 50, since=NOON)
    inode = tower.path.stat().st_ino
    assert records(tower.path) == [260631, 260632, 260633]
    tower.catch_up(NOON + 60)
    assert records(tower.path) == [260633, 260634, 260635]
    TowerPC(tmp_path, mode="overwrite", keep_rows=2).collect()
    assert records(tower.path) == [260634, 260635]
    assert tower.path.stat().st_ino == inode
    assert [p.name for p in tmp_path.iterdir()] == ["46m_Test.dat"]


def test_append_collects_nothing(tower: TowerPC):
    before = tower.path.read_bytes()
    assert tower.collect() is None
    assert tower.path.read_bytes() == before


@pytest.mark.parametrize(
    ("fault", "line"),
    [
        (Fault.TEXT, rb'"2021-06-25 10:50:55",260633,"Sensor fault",(V),(V),7999,(V)'),
        (Fault.SHORT, rb'"2021-06-25 10:50:55",260633,(V),(V)'),
        (Fault.LONG, rb'"2021-06-25 10:50:55",260633,(V),(V),(V),7999,(V),1.5,0'),
        (Fault.YEAR_2099, rb'"2099-06-25 10:50:55",260633,(V),(V),(V),7999,(V)'),
    ],
)
def test_a_bad_row_takes_the_place_of_a_good_one(tower: TowerPC, fault: Fault, line: bytes):
    before = tower.path.read_bytes()
    tower.misbehave(fault)
    tower.misbehave(fault)
    assert TowerPC(tower.folder).catch_up(NOON + 59) == 0
    assert TowerPC(tower.folder).catch_up(NOON + 60) == 1
    first, second, third = tower.path.read_bytes().removeprefix(before).splitlines(keepends=True)
    assert re.fullmatch(line.replace(b"V", NUMBER) + b"\r\n", first)
    assert keys([first, second])[1][1] == 260634
    assert third == tower.row(NOON + 60)


def test_a_nul_block_takes_no_row_away(tower: TowerPC):
    before = tower.path.read_bytes()
    tower.misbehave(Fault.NULS)
    tower.catch_up(NOON + 50)
    assert tower.path.read_bytes() == before + bytes(512) + b"\r\n" + tower.row(NOON + 50)


def test_a_torn_line_is_written_again_whole(tower: TowerPC):
    before = tower.path.read_bytes()
    tower.misbehave(Fault.TORN)
    torn = tower.path.read_bytes().removeprefix(before)
    assert torn
    assert tower.row(NOON + 50).startswith(torn)
    assert b"\n" not in torn
    tower.catch_up(NOON + 50)
    assert tower.path.read_bytes() == before + tower.row(NOON + 50)


def test_a_clock_set_back_repeats_stamps_with_new_records_and_values(tmp_path: Path):
    tower = TowerPC(tmp_path)
    tower.catch_up(NOON + 95, since=NOON)
    before = rows(tower.path)
    tower.misbehave(Fault.CLOCK_BACK)
    again = rows(tower.path)[len(before) :]
    assert [s for s, _ in keys(again)] == [s for s, _ in keys(before)][-12:]
    assert [line.split(b",", 2)[2] for line in again] != [line.split(b",", 2)[2] for line in before[-12:]]
    TowerPC(tmp_path).catch_up(NOON + 100)
    assert records(tower.path) == [*range(260623, 260623 + 20 + 12 + 1)]
    assert keys(rows(tower.path))[-1][0] == "2021-06-25 10:51:45"


@pytest.mark.parametrize("mode", ["append", "create-new", "overwrite"])
def test_a_new_program_starts_a_new_file_with_one_more_column(tmp_path: Path, mode):
    tower = TowerPC(tmp_path, mode=mode)
    tower.catch_up(NOON + 45, since=NOON)
    before = tower.path.read_bytes()
    tower.misbehave(Fault.NEW_PROGRAM)
    assert (tmp_path / "46m_Test.bak").read_bytes() == before
    TowerPC(tmp_path, mode=mode).catch_up(NOON + 55)
    lines = tower.path.read_bytes().split(b"\r\n")
    assert lines[:4] == [
        b'"TOA5","46m","CR5000","1041","CR5000.Std.07","CPU:Y21_46M_PARCal_v2.CR5","6828","PARCal_2019"',
        b'"TIMESTAMP","RECORD","PPFD","Total_PPFD","Diffuse_PPFD","calPPFD","Solar_inci","PTemp_1"',
        b'"TS","RN","umol/m^2/s","","","","","Deg C"',
        b'"","","Smp","Smp","Smp","Smp","Smp","Smp"',
    ]
    assert keys(lines[4:6]) == [("2021-06-25 10:50:55", 0), ("2021-06-25 10:51:00", 1)]
    assert [line.count(b",") for line in lines[4:]] == [7, 7, 0]
    tower.misbehave(Fault.NEW_PROGRAM)
    assert b'"PTemp_1","PTemp_2"' in tower.path.read_bytes()
    assert (tmp_path / "46m_Test.bak1").exists()


@pytest.mark.parametrize("fault", Fault)
def test_every_fault_needs_a_row_and_is_survived_in_every_mode(tmp_path: Path, fault: Fault):
    with pytest.raises(FileNotFoundError, match="no row yet"):
        TowerPC(tmp_path / "empty").misbehave(fault)
    for mode in ("append", "create-new", "overwrite"):
        tower = TowerPC(tmp_path / mode, mode=mode)
        tower.catch_up(NOON + 100, since=NOON)
        tower.misbehave(fault)
        tower.collect()
        tower.catch_up(NOON + 200)
        assert tower.path.read_bytes().splitlines()[-1].startswith(b'"2021-06-25 10:53:25",')


@pytest.mark.parametrize("mode", ["append", "create-new", "overwrite"])
def test_run_writes_history_and_goes_on_until_stopped(tmp_path: Path, mode):
    tower = TowerPC(tmp_path, interval=1, mode=mode, keep_rows=5, history_hours=0.01)
    stop = threading.Event()
    thread = threading.Thread(target=tower.run, args=(stop,))
    start = time.time()
    thread.start()
    while time.time() < start + 10 and not (tower.path.exists() and later(tower, int(start) + 1)):
        time.sleep(0.02)
    stop.set()
    thread.join()
    files = [*sorted(tmp_path.glob("*.bak*")), tower.path]
    found = [r for path in files for r in records(path)]
    assert found == [*range(found[0], found[-1] + 1)]
    assert len(found) == 5 if mode == "overwrite" else len(found) >= 36
    assert (len(files) > 1) == (mode == "create-new")


def later(tower: TowerPC, at: int) -> bool:
    return tower.row(at) in tower.path.read_bytes()
