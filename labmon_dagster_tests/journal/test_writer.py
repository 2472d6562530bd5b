"""Many messages, few syncs; what was accepted is kept; a disk that refuses is said, and got over."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from labmon_dagster.journal import (
    GroupWriter,
    Journal,
    Message,
    Refusing,
    close_days,
    space,
    writer,
)
from labmon_dagster_tests.journal.days import DAY, LATER, LENGTH, NEXT, NOON, payloads, read, until

FULL = OSError(28, "No space left on device", "/x")


@pytest.fixture
def target(tmp_path: Path) -> Journal:
    return Journal(tmp_path, "lab/s")


@pytest.fixture
def group(target: Journal) -> Iterator[GroupWriter]:
    made = GroupWriter(target, reserve_bytes=0)
    yield made
    made.close(0.1)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries again, and looks at the disk, a hundred times a second."""
    monkeypatch.setattr(writer, "RETRY", 0.01)
    monkeypatch.setattr(writer, "EVERY", 0.01)
    monkeypatch.setattr(space, "EVERY", 0.01)


class Disk:
    """A disk that can be full, that can be slow, and that counts its syncs."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.error: OSError | None = None
        self.delay = 0.0
        self.syncs = 0
        self.held = threading.Event()
        self.held.set()
        self.real = os.fsync
        monkeypatch.setattr(os, "fsync", self.sync)

    def sync(self, fd: int) -> None:
        self.held.wait()
        time.sleep(self.delay)
        if self.error:
            raise self.error
        self.syncs += 1
        self.real(fd)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


def test_a_message_is_an_entry_when_its_future_says_so(target: Journal, group: GroupWriter) -> None:
    before = time.time_ns()
    entry = group.submit(b"a", {"n": 1}).result(5)
    assert before <= entry.received <= time.time_ns()
    assert list(target.read(entry.day)) == [entry]
    assert (group.waiting, group.flushed, group.refusing, group.warning) == (0, 1, None, None)


def test_a_lone_message_does_not_wait(target: Journal) -> None:
    group = GroupWriter(target, flush_seconds=4, reserve_bytes=0)
    begun = time.monotonic()
    group.submit(b"a").result(5)
    assert time.monotonic() - begun < 1
    assert group.close(5)


def test_many_messages_share_a_sync(target: Journal, disk: Disk) -> None:
    group = GroupWriter(target, flush_seconds=0.2, reserve_bytes=0)
    group.submit(b"first").result(5)
    before, begun, longest = disk.syncs, time.monotonic(), 0.0
    done = []
    while (now := time.monotonic()) < begun + 1:
        submitted = group.submit(b"x")
        submitted.add_done_callback(lambda _, now=now: done.append(time.monotonic() - now))
        time.sleep(0.001)
    assert group.close(5)
    longest = max(done)
    assert len(done) > 100
    assert disk.syncs - before <= 12
    assert longest < 0.2 + 0.1  # the machine may be busy


def test_a_sender_never_waits_for_the_disk(group: GroupWriter, disk: Disk) -> None:
    disk.held.clear()
    begun = time.monotonic()
    futures = [group.submit(b"x") for _ in range(1000)]
    assert time.monotonic() - begun < 1
    assert (group.waiting, group.flushed) == (1000, 0)
    assert not any(one.done() for one in futures)
    disk.held.set()
    assert len({one.result(5).offset for one in futures}) == 1000


def test_no_two_messages_share_a_nanosecond(group: GroupWriter) -> None:
    with ThreadPoolExecutor(4) as pool:
        futures = [
            f for part in pool.map(lambda _: [group.submit(b"") for _ in range(500)], range(4)) for f in part
        ]
    assert len({one.result(5).received for one in futures}) == 2000


def test_stamps_grow_unless_the_clock_really_steps_back(
    group: GroupWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = [NOON, NOON, NOON - 999_999_999, NOON + 5, NOON - 2 * 10**9, NOON - 2 * 10**9]
    clock = iter(ticks)
    with monkeypatch.context() as patched:
        patched.setattr(time, "time_ns", lambda: next(clock))
        futures = [group.submit(b"x") for _ in ticks]
    assert [one.result(5).received - NOON for one in futures] == [0, 1, 2, 5, -2 * 10**9, -2 * 10**9 + 1]


def test_a_message_goes_to_the_day_of_its_receipt(target: Journal, group: GroupWriter) -> None:
    futures = [group.submit(b"%d" % n, {}, NOON + (n % 2) * LENGTH) for n in range(6)]
    assert [one.result(5).day for one in futures] == [DAY, NEXT] * 3
    assert (payloads(target), payloads(target, NEXT)) == ([b"0", b"2", b"4"], [b"1", b"3", b"5"])


def test_append_many_takes_messages_and_pairs(tmp_path: Path) -> None:
    made = Journal(tmp_path, "s", lambda: NOON)
    made.append_many(
        [(b"a", {"n": 1}), Message(b"b", received=NOON + LENGTH), Message(b"c"), Message(b"d", {"n": 2}, 5)]
    )
    assert made.days() == ["1970-01-01", DAY, NEXT]
    assert [(e.payload, e.meta, e.received) for e in read(made)] == [(b"a", {"n": 1}, NOON), (b"c", {}, NOON)]
    assert read(made, "1970-01-01")[0].received == 5
    with pytest.raises(ValueError, match="cannot keep"):
        made.append_many([Message(b"e", received=NOON), Message(b"f", received=2**63)])
    assert payloads(made) == [b"a", b"c"]


def test_a_message_that_cannot_be_kept_fails_alone(target: Journal, group: GroupWriter, disk: Disk) -> None:
    disk.held.clear()
    bad = [{"a": float("nan")}, {"a": [1]}, 5]
    futures = [group.submit(b"x", meta) for one in bad for meta in ({}, one)]  # type: ignore[list-item]
    disk.held.set()
    assert [type(one.exception(5)) for one in futures[1::2]][:2] == [ValueError, ValueError]
    assert futures[5].exception(5) is not None
    assert len({one.result(5).offset for one in futures[::2]}) == 3
    assert (group.waiting, group.flushed, group.refusing) == (0, 3, None)


@pytest.mark.usefixtures("quick")
def test_a_full_disk_is_said_and_got_over(target: Journal, group: GroupWriter, disk: Disk) -> None:
    first = group.submit(b"before")
    first.result(5)
    disk.error = FULL
    accepted = [group.submit(b"%d" % n) for n in range(3)]
    until(lambda: group.refusing)
    with pytest.raises(Refusing) as said:
        group.submit(b"refused")
    assert str(target.folder) in str(said.value)
    assert "cannot be written since 20" in str(said.value)
    assert "No space left on device" in str(said.value)
    assert group.warning == group.refusing == str(said.value)
    time.sleep(0.1)
    assert (group.waiting, group.flushed, any(one.done() for one in accepted)) == (3, 1, False)
    disk.error = None
    entries = [one.result(5) for one in accepted]
    until(lambda: group.refusing is None)
    assert [e.payload for e in entries] == [b"0", b"1", b"2"]
    group.submit(b"after").result(5)
    found = [e.payload for day in target.days() for e in target.read(day)]
    assert found == [b"before", b"0", b"1", b"2", b"after"]


@pytest.mark.usefixtures("quick")
def test_what_cannot_even_be_cut_back_is_there_once(
    target: Journal, group: GroupWriter, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    group.submit(b"before").result(5)
    with monkeypatch.context() as patched:
        patched.setattr(os, "ftruncate", broken)
        disk.error = OSError(5, "Input/output error")
        future = group.submit(b"once")
        until(lambda: group.refusing)
        time.sleep(0.05)
    disk.error = None
    future.result(5)
    assert [e.payload for day in target.days() for e in target.read(day)] == [b"before", b"once"]


@pytest.mark.usefixtures("quick")
def test_a_file_of_another_version_holds_everything_up(target: Journal, group: GroupWriter) -> None:
    target.folder.mkdir(parents=True)
    path = target.folder / f"{DAY}.jsonl"
    path.write_bytes(b'{"labmon_journal":2}\n')
    future = group.submit(b"x", {}, NOON)
    until(lambda: group.refusing)
    assert "journal format 2" in str(group.refusing)
    path.unlink()
    future.result(5)
    until(lambda: not group.refusing)


def test_too_much_in_memory_is_refused(target: Journal, disk: Disk) -> None:
    group = GroupWriter(target, limit_bytes=50_000, reserve_bytes=0)
    disk.held.clear()
    taken = []
    with pytest.raises(Refusing, match=r"messages \(0\.\d MiB\) wait for the disk of .*lab/s"):
        while len(taken) < 1000:
            taken.append(group.submit(b"x" * 1000))
    assert 40 <= len(taken) <= 50
    disk.held.set()
    for one in taken:
        one.result(5)
    until(lambda: group.refusing is None)
    group.submit(b"x").result(5)
    assert group.close(5)


@pytest.mark.usefixtures("quick")
def test_a_disk_that_fills_is_warned_of_then_refused(
    target: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = 4 * 2**20
    monkeypatch.setattr(space, "free_bytes", lambda _: free)
    group = GroupWriter(target, reserve_bytes=2**20)
    assert (group.warning, group.refusing) == (None, None)
    free -= 1
    until(lambda: group.warning)
    assert group.warning == (
        f"4.0 MiB are free on the disk of {target.folder}; below 1.0 MiB nothing more is taken"
    )
    assert group.refusing is None
    group.submit(b"x").result(5)
    free = 2**20 - 1
    until(lambda: group.refusing)
    assert str(group.refusing).startswith("only 1.0 MiB are free on the disk of")
    assert group.warning == group.refusing
    with pytest.raises(Refusing, match="only"):
        group.submit(b"x")
    free = 5 * 2**20
    until(lambda: group.refusing is None and group.warning is None)
    group.submit(b"x").result(5)
    assert group.close(5)


@pytest.mark.usefixtures("quick")
def test_what_was_accepted_before_the_disk_was_low_is_still_written(
    target: Journal, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = 2**30
    monkeypatch.setattr(space, "free_bytes", lambda _: free)
    group = GroupWriter(target, reserve_bytes=2**20)
    disk.held.clear()
    futures = [group.submit(b"x") for _ in range(10)]
    free = 0
    disk.held.set()
    for one in futures:
        one.result(5)
    until(lambda: group.refusing)
    assert group.close(5)


def test_close_writes_what_was_accepted(target: Journal) -> None:
    group = GroupWriter(target, flush_seconds=60, reserve_bytes=0)
    group.submit(b"a").result(5)
    futures = [group.submit(b"x") for _ in range(100)]
    assert group.close(5)
    assert all(one.result(0) for one in futures)
    with pytest.raises(Refusing, match="is closed"):
        group.submit(b"late")
    assert group.close(0)


@pytest.mark.usefixtures("quick")
def test_close_says_what_it_could_not_write(target: Journal, disk: Disk) -> None:
    group = GroupWriter(target, reserve_bytes=0)
    group.submit(b"a").result(5)
    disk.error = FULL
    future = group.submit(b"x")
    assert not group.close(0.2)
    assert future.exception(0) is FULL
    assert not group.close(0)
    assert not group._thread.is_alive()
    assert len(target.days()) == 1


def test_close_does_not_wait_for_a_disk_that_hangs(target: Journal, disk: Disk) -> None:
    group = GroupWriter(target, reserve_bytes=0)
    disk.held.clear()
    future = group.submit(b"x")
    begun = time.monotonic()
    assert not group.close(0.1)
    assert time.monotonic() - begun < 3
    assert isinstance(future.exception(0), OSError)
    disk.held.set()
    group._thread.join(5)


def test_a_cancelled_future_disturbs_nobody(target: Journal, group: GroupWriter, disk: Disk) -> None:
    disk.held.clear()
    futures = [group.submit(b"%d" % n) for n in range(3)]
    futures[1].cancel()
    disk.held.set()
    assert [futures[n].result(5).payload for n in (0, 2)] == [b"0", b"2"]
    assert group.submit(b"3").result(5).payload == b"3"
    assert sum(1 for day in target.days() for _ in target.read(day)) == 4


def test_two_writers_on_one_journal_while_its_days_are_compressed(target: Journal) -> None:
    writers = [GroupWriter(Journal(target.folder.parent.parent, "lab/s"), reserve_bytes=0) for _ in range(2)]
    futures = []
    for n in range(300):
        futures += [one.submit(b"%d" % n, {"who": who}, NOON) for who, one in enumerate(writers)]
        if n % 60 == 0:
            futures[-1].result(5)
            close_days(target, LATER)
    assert all(one.close(10) for one in writers)
    entries = read(target)
    assert sorted(entries, key=lambda e: e.offset) == entries
    assert sorted((one.result(0) for one in futures), key=lambda e: e.offset) == entries
    for who in (0, 1):
        assert [e.payload for e in entries if e.meta["who"] == who] == [b"%d" % n for n in range(300)]
