"""A compressed day is the same day: offsets, entries, damage, versions; whatever breaks off compressing."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labmon_dagster.journal import FileError, FormatError, Journal, close_days, closing, day, line, packed
from labmon_dagster.journal.appending import Appending
from labmon_dagster.model.window import SECOND
from labmon_dagster_tests.journal.days import (
    DAY,
    LATER,
    LENGTH,
    NEXT,
    NOON,
    journal,
    names,
    payloads,
    put,
    read,
)

END_OF_DAY = NOON + LENGTH // 2


class Killed(BaseException):
    """What a process does not survive."""


@pytest.fixture
def filled(tmp_path: Path) -> Journal:
    made = journal(tmp_path)
    put(made, *(b"%d" % n for n in range(100)))
    return made


def path(of: Journal, ending: str = ".jsonl.gz", name: str = DAY) -> Path:
    return of.folder / f"{name}{ending}"


def test_a_compressed_day_reads_as_before(filled: Journal) -> None:
    plain, size, last = path(filled, ".jsonl").read_bytes(), filled.size(DAY), filled.last()
    entries = read(filled)
    assert close_days(filled, LATER) == [DAY]
    assert names(filled) == [f"{DAY}.jsonl.gz"]
    assert gzip.decompress(path(filled).read_bytes()) == plain
    assert (filled.days(), filled.size(DAY), filled.last(), read(filled)) == ([DAY], size, last, entries)
    assert filled.last(lambda e: e.payload == b"7") == entries[7]
    for n in (0, 1, 50, 99):
        assert read(filled, offset=entries[n].offset) == entries[n:]
        assert read(filled, offset=entries[n].end) == entries[n + 1 :]
    assert close_days(filled, LATER) == []


@pytest.mark.parametrize(
    ("now", "done"), [(END_OF_DAY + closing.GRACE, []), (END_OF_DAY + closing.GRACE + 1, [DAY])]
)
def test_a_day_is_closed_when_the_grace_is_over(filled: Journal, now: int, done: list[str]) -> None:
    assert close_days(filled, now) == done
    assert close_days(filled, END_OF_DAY + SECOND, grace=0) == ([] if done else [DAY])


@pytest.mark.parametrize("shift", [-1, 1, 1000])
def test_an_offset_of_another_file_is_an_error(filled: Journal, shift: int) -> None:
    entries = read(filled)
    close_days(filled, LATER)
    for entry in (entries[-1], entries[50]) if shift < 1000 else entries[-1:]:
        with pytest.raises(ValueError, match=DAY):
            read(filled, offset=entry.end + shift)


def test_the_size_is_known_without_decompressing(filled: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    size = filled.size(DAY)
    close_days(filled, LATER)
    monkeypatch.setattr(packed, "unpacked", None)
    assert filled.size(DAY) == size
    assert filled.days() == [DAY]


def test_the_size_may_be_beyond_32_bits(tmp_path: Path) -> None:
    huge = packed.Extent(5, 2**33)
    with (tmp_path / "x").open("wb") as file:
        packed.write(file.fileno(), [b"x"], huge)
    assert packed.extent(tmp_path / "x") == huge


def test_a_late_entry_continues_the_day_and_is_joined_later(filled: Journal) -> None:
    size, before = filled.size(DAY), read(filled)
    close_days(filled, LATER)
    late = put(filled, b"late", b"later")
    header = json.loads(path(filled, ".jsonl").read_bytes().splitlines()[0])
    assert header == {"labmon_journal": 1, "source": "lab/s", "continues": size}
    assert names(filled) == [f"{DAY}.jsonl", f"{DAY}.jsonl.gz"]
    for _ in range(2):
        assert late[0].offset > size
        assert read(filled) == before + late
        assert (filled.size(DAY), filled.last(), filled.days()) == (late[-1].end, late[-1], [DAY])
        assert filled.last(lambda e: e.payload == b"3") == before[3]
        assert [read(filled, offset=at) for at in (size, late[0].offset, late[0].end)] == [
            late,
            late,
            late[1:],
        ]
        assert read(filled, offset=before[60].offset) == before[60:] + late
        close_days(filled, LATER)
        assert names(filled) == [f"{DAY}.jsonl.gz"]
    last = put(filled, b"once more")
    assert read(filled) == before + late + last
    assert close_days(filled, LATER) == [DAY]
    assert read(filled) == before + late + last


def test_a_torn_line_is_ended_before_it_is_compressed(filled: Journal) -> None:
    with path(filled, ".jsonl").open("ab") as file:
        file.write(b'{"received":16')
    close_days(filled, LATER)
    put(filled, b"late")
    close_days(filled, LATER)
    damaged: list[object] = []
    assert [e.payload for e in filled.read(DAY, damaged=damaged.append)][-2:] == [b"99", b"late"]
    assert [one.raw for one in damaged] == [b'{"received":16']  # type: ignore[attr-defined]


def test_a_reader_in_the_middle_goes_on(filled: Journal) -> None:
    reading = filled.read(DAY)
    first = next(reading)
    close_days(filled, LATER)
    put(filled, b"late")
    close_days(filled, LATER)
    assert [first, *reading] == read(filled)[:-1]


def test_another_version_is_refused(filled: Journal) -> None:
    for ending in (".jsonl", ".jsonl.gz"):
        raw = json.dumps({"labmon_journal": 2, "new": []}).encode() + b"\n{}\n"
        path(filled, ".jsonl").unlink(missing_ok=True)
        if ending == ".jsonl":
            path(filled, ending).write_bytes(raw)
        else:
            with path(filled, ending).open("wb") as file:
                packed.write(file.fileno(), [raw], packed.Extent(0, len(raw)))
        attempts: list[Callable[[], object]] = [lambda: read(filled), filled.last, lambda: put(filled, b"x")]
        for attempt in attempts + [lambda: close_days(filled, LATER)] * (ending == ".jsonl"):
            with pytest.raises(FormatError, match=f"{DAY}{ending}: journal format 2"):
                attempt()


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.floats(0, 1, exclude_max=True))
def test_a_file_cut_short_is_an_error_and_no_early_end(tmp_path: Path, share: float) -> None:
    made = journal(tmp_path)
    if not path(made).exists():
        put(made, *(b"%d" % n for n in range(100)))
        close_days(made, LATER)
        path(made).with_name("kept").write_bytes(path(made).read_bytes())
    whole = path(made).with_name("kept").read_bytes()
    path(made).write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(FileError, match=f"{DAY}.jsonl.gz"):
        read(made)
    path(made).write_bytes(whole)


@pytest.mark.parametrize("at", [0, 3, 20, 100, -9, -5, -1])
def test_a_changed_byte_is_an_error(filled: Journal, at: int) -> None:
    close_days(filled, LATER)
    raw = bytearray(path(filled).read_bytes())
    raw[at] ^= 0x15
    path(filled).write_bytes(raw)
    with pytest.raises(FileError, match=f"{DAY}.jsonl.gz"):
        list(filled.read(DAY, damaged=lambda _: None))


def test_what_another_program_compressed_is_refused(filled: Journal) -> None:
    raw = path(filled, ".jsonl").read_bytes()
    path(filled, ".jsonl").unlink()
    path(filled).write_bytes(gzip.compress(raw))
    with pytest.raises(FileError, match="not compressed by labmon"):
        filled.size(DAY)


STEPS = ["replace", "sync_folder", "unlink", "write", "fsync", "blocks"]


def kill_at(monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """Die at a step of compressing: before it is done."""

    def die(*_: object, **__: object) -> None:
        raise Killed

    where = {
        "replace": (Path, "replace"),
        "unlink": (Path, "unlink"),
        "sync_folder": (closing.disk, "sync_folder"),
        "write": (packed, "write"),
        "fsync": (closing.os, "fsync"),
        "blocks": (day.Piece, "blocks"),
    }
    monkeypatch.setattr(*where[step], die)


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("step", STEPS)
def test_a_death_at_any_step_loses_nothing(
    filled: Journal, monkeypatch: pytest.MonkeyPatch, step: str, again: bool, late: bool
) -> None:
    if again:  # there is a compressed file already, and the new one joins two
        close_days(filled, LATER)
        put(filled, b"late")
    before = read(filled)
    with monkeypatch.context() as patched:
        kill_at(patched, step)
        with pytest.raises(Killed):
            close_days(filled, LATER)
    if late:
        before += put(filled, b"after the crash")
    assert read(filled) == before
    assert filled.last() == before[-1]
    assert close_days(filled, LATER) == [DAY]
    assert names(filled) == [f"{DAY}.jsonl.gz"]
    assert read(filled) == before


def test_a_plain_file_that_begins_the_day_is_the_truth(filled: Journal) -> None:
    plain = path(filled, ".jsonl").read_bytes()
    close_days(filled, LATER)
    path(filled, ".jsonl").write_bytes(plain)
    more = put(filled, b"more")
    assert payloads(filled)[-1] == b"more"
    assert len(read(filled)) == 101
    assert close_days(filled, LATER) == [DAY]
    assert read(filled)[-1:] == more


def test_less_never_replaces_more(filled: Journal) -> None:
    plain = path(filled, ".jsonl").read_bytes()
    close_days(filled, LATER)
    packed_before = path(filled).read_bytes()
    path(filled, ".jsonl").write_bytes(b"\n".join(plain.split(b"\n")[:50]) + b"\n")
    with pytest.raises(FileError, match="ends at byte"):
        close_days(filled, LATER)
    assert path(filled).read_bytes() == packed_before


def test_a_continued_file_without_its_header_hides_nothing(filled: Journal) -> None:
    close_days(filled, LATER)
    put(filled, b"late")
    raw = path(filled, ".jsonl").read_bytes()
    path(filled, ".jsonl").write_bytes(b"?" * 20 + raw[20:])
    attempts: list[Callable[[], object]] = [lambda: read(filled), lambda: put(filled, b"x"), filled.last]
    for attempt in [*attempts, lambda: close_days(filled, LATER)]:
        with pytest.raises(FileError, match=f"{DAY}.jsonl: has no header"):
            attempt()


def test_a_missing_compressed_file_is_told(filled: Journal) -> None:
    close_days(filled, LATER)
    (late,) = put(filled, b"late")
    path(filled).unlink()
    for attempt in (lambda: read(filled), filled.last, lambda: close_days(filled, LATER)):
        with pytest.raises(FileError, match="are missing"):
            attempt()
    assert read(filled, offset=late.offset) == [late]


def test_a_day_written_to_meanwhile_is_left(filled: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    real = closing._pack

    def pack(target: Path, pieces: list[day.Piece]) -> None:
        real(target, pieces)
        put(filled, b"meanwhile")  # which is not held up

    with monkeypatch.context() as patched:
        patched.setattr(closing, "_pack", pack)
        assert close_days(filled, LATER) == []
    assert names(filled) == [f"{DAY}.jsonl"]
    assert payloads(filled)[-1] == b"meanwhile"
    assert close_days(filled, LATER) == [DAY]


def test_a_file_that_reads_back_otherwise_is_not_kept(
    filled: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = packed.write

    def wrong(fd: int, chunks: object, extent: packed.Extent) -> None:
        real(fd, [b"".join(chunks).replace(b"50", b"51")], extent)  # type: ignore[arg-type]

    before = read(filled)
    monkeypatch.setattr(packed, "write", wrong)
    with pytest.raises(FileError, match="not what was written"):
        close_days(filled, LATER)
    assert names(filled) == [f"{DAY}.jsonl"]
    assert read(filled) == before


def test_one_bad_day_keeps_no_other_from_it(tmp_path: Path) -> None:
    made = journal(tmp_path)
    put(made, b"a")
    put(made, b"b", received=NOON + LENGTH)
    path(made, ".jsonl").write_bytes(b'{"labmon_journal":2}\n')
    with pytest.raises(FormatError):
        close_days(made, LATER)
    assert names(made) == [f"{DAY}.jsonl", f"{NEXT}.jsonl.gz"]


def test_no_room_to_compress_changes_nothing(filled: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(packed, "write", full)
        with pytest.raises(OSError, match="No space"):
            close_days(filled, LATER)
    assert names(filled) == [f"{DAY}.jsonl"]


def test_nothing_there_is_nothing_to_do(tmp_path: Path) -> None:
    assert close_days(journal(tmp_path), LATER) == []
    assert not list(tmp_path.iterdir())


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(st.binary(max_size=40), st.just(None)), max_size=12))
def test_any_order_of_writing_and_compressing_reads_the_same(
    tmp_path_factory: pytest.TempPathFactory, steps: list[bytes | None]
) -> None:
    made = journal(tmp_path_factory.mktemp("j"))
    written = []
    for step in steps:
        if step is None:
            close_days(made, LATER)
        else:
            written += put(made, step)
        assert read(made) == written
        assert made.size(DAY) >= (written[-1].end if written else 0)
        for entry in written:
            assert read(made, offset=entry.end) == [one for one in written if one.offset >= entry.end]


def test_a_header_elsewhere_is_damage(filled: Journal) -> None:
    with path(filled, ".jsonl").open("ab") as file:
        file.write(line.header_line("lab/s", 7))
    damaged: list[object] = []
    assert len(list(filled.read(DAY, damaged=damaged.append))) == 100
    assert len(damaged) == 1


def test_a_header_alone_is_nothing_new(filled: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or a reader that stands at the end would be told for ever that there is more."""
    close_days(filled, LATER)
    size = filled.size(DAY)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Appending, "write", full)
        with pytest.raises(OSError, match="No space"):
            put(filled, b"refused")
        with pytest.raises(OSError, match="No space"):
            put(filled, b"refused", received=NOON + LENGTH)
    assert names(filled) == [f"{DAY}.jsonl", f"{DAY}.jsonl.gz", f"{NEXT}.jsonl"]
    assert (filled.size(DAY), filled.size(NEXT), read(filled, offset=size), filled.days()) == (
        size,
        0,
        [],
        [DAY, NEXT],
    )
    assert close_days(filled, LATER) == [DAY]
    assert (filled.size(DAY), len(read(filled))) == (size, 100)
    (late,) = put(filled, b"late")
    assert read(filled, offset=size) == [late]
