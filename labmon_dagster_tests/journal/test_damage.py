"""What a crash or a bad disk leaves behind is stepped over and reported, and never merged."""

import logging
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from labmon_dagster.journal import Damage, Journal, disk, line

NOON = 1_624_622_400_000_000_000
DAY = "2021-06-25"
GOOD = b'{"received":1624622400000000000,"text":"good"}'

CASES = {
    "torn": GOOD[:20],
    "nul bytes of a power cut": bytes(600),
    "random bytes": b"\xff\xfe\x01\x80 \xc3(",
    "an empty line": b"",
    "no object": b"[1,2,3]",
    "deep garbage": b"[" * 5000,
    "another program's object": b'{"time":1,"text":"x"}',
    "no payload": b'{"received":1}',
    "two payloads": b'{"received":1,"text":"a","base64":"YQ=="}',
    "truncated base64": b'{"received":1,"base64":"YWJjZ"}',
    "letters that are not base64": b'{"received":1,"base64":"Y*==\xc3\xa9"}',
    "text that is not UTF-8": b'{"received":1,"text":"\xff"}',
    "time as text": b'{"received":"1","text":"a"}',
    "time beyond 64 bits": b'{"received":9223372036854775808,"text":"a"}',
    "two entries merged": GOOD[:25] + GOOD,
    "two entries without a newline": GOOD + GOOD,
}


def written(tmp_path: Path, content: bytes) -> Journal:
    journal = Journal(tmp_path, "s", lambda: NOON)
    journal.folder.mkdir(parents=True)
    (journal.folder / f"{DAY}.jsonl").write_bytes(content)
    return journal


def read(journal: Journal, offset: int = 0) -> tuple[list[bytes], list[Damage]]:
    damaged: list[Damage] = []
    return [e.payload for e in journal.read(DAY, offset, damaged.append)], damaged


@pytest.mark.parametrize("raw", CASES.values(), ids=CASES.keys())
def test_a_damaged_line_is_skipped_and_reported(tmp_path: Path, raw: bytes):
    before = line.header_line("s") + GOOD + b"\n"
    journal = written(tmp_path, before + raw + b"\n" + GOOD + b"\n")
    payloads, damaged = read(journal)
    assert payloads == [b"good", b"good"]
    assert [(d.day, d.offset, d.raw, d.end) for d in damaged] == [
        (DAY, len(before), raw, len(before) + len(raw) + 1)
    ]
    assert damaged[0].reason
    last = journal.last(lambda e: e.offset <= len(before))
    assert last is not None
    assert last.end == len(before)


@pytest.mark.parametrize("raw", [r for r in CASES.values() if r], ids=[k for k, r in CASES.items() if r])
def test_a_piece_at_the_end_becomes_a_line_of_its_own(tmp_path: Path, raw: bytes):
    journal = written(tmp_path, line.header_line("s") + GOOD + b"\n" + raw)
    assert read(journal) == ([b"good"], [])  # not complete, so not there yet
    entry = journal.append(b"after")
    payloads, damaged = read(journal)
    assert payloads == [b"good", b"after"]
    assert [d.raw for d in damaged] == [raw]
    assert read(journal, entry.offset) == ([b"after"], [])


def test_an_entry_that_lacks_only_its_newline_is_whole(tmp_path: Path):
    journal = written(tmp_path, line.header_line("s") + GOOD)
    journal.append(b"after")
    assert read(journal) == ([b"good", b"after"], [])


@pytest.mark.parametrize("header", [b'{"labmon_jou', b"\0\0\0\0", b"", b'{"labmon_journal":[[1]]}'])
def test_a_damaged_header_costs_only_itself(tmp_path: Path, header: bytes):
    journal = written(tmp_path, header + b"\n" + GOOD + b"\n")
    journal.append(b"after")
    payloads, damaged = read(journal)
    assert payloads == [b"good", b"after"]
    assert [d.raw for d in damaged] == [header]


def test_a_missing_header_costs_nothing(tmp_path: Path):
    assert read(written(tmp_path, GOOD + b"\n" + GOOD + b"\n")) == ([b"good", b"good"], [])


@pytest.mark.parametrize("content", [b"", b'{"labmon_journal":1,"sou'])
def test_a_file_without_a_line_is_begun_anew(tmp_path: Path, content: bytes):
    journal = written(tmp_path, content)
    assert (journal.size(DAY), list(journal.read(DAY)), journal.last()) == (0, [], None)
    journal.append(b"first")
    assert read(journal)[0] == [b"first"]


def test_a_huge_line_is_stepped_over_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(line, "LINE_LIMIT", 200)
    monkeypatch.setattr(disk, "_LONGEST_STEP", 64)
    monkeypatch.setattr(disk, "_SHOWN", 10)
    before = line.header_line("s") + GOOD + b"\n"
    for length in (200, 201, 263, 264, 265, 1000):
        journal = written(tmp_path / str(length), before + b"x" * length + b"\n" + GOOD + b"\n")
        payloads, damaged = read(journal)
        assert payloads == [b"good", b"good"]
        assert [(d.raw, d.offset, d.end) for d in damaged] == [
            (b"x" * 10, len(before), len(before) + length + 1)
        ]
        assert [e.payload for e in [journal.last(lambda e: e.offset < len(before))] if e] == [b"good"]


def test_damage_is_logged_when_nobody_asks(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    journal = written(tmp_path, line.header_line("s") + b"garbage\n" + GOOD + b"\n")
    with caplog.at_level(logging.WARNING):
        assert len(list(journal.read(DAY))) == 1
    assert "s/2021-06-25.jsonl: damaged line at byte 34" in caplog.text


def fail_at(call: int, real: Callable[[int, bytes], int]) -> Callable[[int, bytes], int]:
    """Make a write that does half of its work at the call given, and fails at the one after."""
    calls = iter(range(1, 100))

    def write(fd: int, data: bytes) -> int:
        n = next(calls)
        if n > call:
            raise OSError(28, "No space left on device")
        return real(fd, data[: len(data) // 2]) if n == call else real(fd, data)

    return write


def test_a_disk_full_in_the_second_file_of_a_batch_keeps_nothing(tmp_path: Path, monkeypatch):
    times = iter([NOON, NOON, NOON + 86_400 * 10**9, NOON, NOON + 86_400 * 10**9])
    journal = Journal(tmp_path, "s", lambda: next(times))
    journal.append(b"before")
    journal.append_many([(b"before", {}), (b"before", {})])
    sizes = [(day, journal.size(day)) for day in journal.days()]
    with monkeypatch.context() as patched:
        patched.setattr("os.write", fail_at(2, os.write))
        with pytest.raises(OSError, match="No space"):
            journal.append_many([(b"lost", {}), (b"lost", {})])
    assert [(f.stem, f.stat().st_size) for f in sorted(journal.folder.glob("*.jsonl"))] == sizes


def test_a_failed_sync_keeps_nothing(tmp_path: Path, monkeypatch):
    journal = Journal(tmp_path, "s", lambda: NOON)
    journal.append(b"before")

    def broken(_: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", broken)
        with pytest.raises(OSError, match="Input/output"):
            journal.append(b"lost")
    journal.append(b"after")
    assert read(journal) == ([b"before", b"after"], [])


def torn_and_not_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, whole: bool = False) -> Journal:
    """A journal to which a message was refused, and in whose file its bytes stayed."""
    journal = Journal(tmp_path, "s", lambda: NOON)
    journal.append(b"before")

    def broken(*_: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr("os.fsync" if whole else "os.write", broken if whole else fail_at(1, os.write))
        patched.setattr("os.ftruncate", broken)
        with pytest.raises(OSError, match=r"No space|Input/output"):
            journal.append(b"lost")
    return journal


def test_a_torn_line_that_cannot_be_cut_is_ended_by_the_next_writer(tmp_path: Path, monkeypatch):
    journal = torn_and_not_cut(tmp_path, monkeypatch)
    assert read(journal) == ([b"before"], [])
    other = Journal(tmp_path, "s", lambda: NOON)
    other.append(b"after")
    journal.append(b"more")  # somebody wrote since: nothing is cut
    payloads, damaged = read(journal)
    assert (payloads, len(damaged)) == ([b"before", b"after", b"more"], 1)


@pytest.mark.parametrize("whole", [False, True])
def test_what_could_not_be_cut_is_cut_before_the_next_batch_of_the_same_writer(
    tmp_path: Path, monkeypatch, whole: bool
):
    """So that a batch that is tried again stands there once."""
    journal = torn_and_not_cut(tmp_path, monkeypatch, whole=whole)
    assert read(journal)[0] == ([b"before", b"lost"] if whole else [b"before"])
    journal.append(b"lost")
    assert read(journal) == ([b"before", b"lost"], [])
