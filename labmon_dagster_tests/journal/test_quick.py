"""The quick writer: what it returned for is there, in the journal's own form, beside all other writers."""

from __future__ import annotations

import fcntl
import os
import pickle
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmon_dagster.journal import (
    Damage,
    FormatError,
    GroupWriter,
    Journal,
    QuickWriter,
    Refusing,
    close_days,
    line,
    prune,
    worker,
)
from labmon_dagster.journal.lock import exclusive
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
    until,
)


def open_files() -> list[str]:
    """Names of the files that this process has open."""
    return [str(fd.resolve()) for fd in Path("/proc/self/fd").iterdir()]


@pytest.fixture
def target(tmp_path: Path) -> Journal:
    return journal(tmp_path)


@pytest.fixture
def quick(target: Journal) -> Iterator[QuickWriter]:
    made = QuickWriter(target)
    yield made
    made.close()


def test_what_was_appended_is_an_entry_at_once(target: Journal, quick: QuickWriter) -> None:
    written = quick.append(b"a", {"n": 1})
    (entry,) = read(target)
    assert (entry.payload, entry.meta, entry.received) == (b"a", {"n": 1}, NOON)
    assert (written.day, written.offset, written.end) == (DAY, entry.offset, entry.end)
    assert written.received == NOON
    assert written.synced(5)
    assert quick.sync(5)


def test_a_file_is_the_same_as_the_journals_own(tmp_path: Path) -> None:
    one, other = journal(tmp_path / "1"), journal(tmp_path / "2")
    texts = [b"a", b"\r\n\0", b"\xff\xfe", "µ".encode()]
    quick = QuickWriter(one)
    for text in texts:
        quick.append(text)
    assert quick.close()
    put(other, *texts)
    assert one.day(DAY).plain.read_bytes() == other.day(DAY).plain.read_bytes()


@given(st.lists(st.lists(st.binary(), min_size=1, max_size=5), max_size=10))
def test_each_payload_is_an_entry_in_order(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[bytes]]
) -> None:
    target = journal(tmp_path_factory.mktemp("journal"))
    quick = QuickWriter(target)
    ends = [(one.offset, one.end) for one in map(quick.append_many, batches)]
    assert quick.close()
    entries = iter(read(target))
    for batch, (offset, end) in zip(batches, ends, strict=True):
        found = [next(entries) for _ in batch]
        assert [one.payload for one in found] == batch
        assert (found[0].offset, found[-1].end) == (offset, end)
    assert next(entries, None) is None


def test_one_append_is_one_write(quick: QuickWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[bytes] = []
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: (written.append(bytes(data)), write(fd, data))[1])
    quick.append(b"first of a day: it comes with the header")
    quick.append_many([b"x" * 100_000] * 3)
    assert [text.count(b"\n") for text in written] == [2, 3]


def test_entries_go_to_the_day_of_their_time(target: Journal, quick: QuickWriter) -> None:
    for n in range(6):
        assert quick.append(b"%d" % n, received=NOON + n % 2 * LENGTH).day == (DAY, NEXT)[n % 2]
    assert (payloads(target), payloads(target, NEXT)) == ([b"0", b"2", b"4"], [b"1", b"3", b"5"])
    assert quick.append(b"before 1970", received=-1).day == "1969-12-31"


def test_what_cannot_be_kept_is_refused(
    target: Journal, quick: QuickWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "LINE_LIMIT", 1000)
    quick.append(b"x" * 900)
    for bad in ([b"good", b"x" * 1000], []):
        with pytest.raises(ValueError, match=r"too long|no message"):
            quick.append_many(bad)
    with pytest.raises(ValueError, match="cannot keep"):
        quick.append(b"", {"n": float("nan")})
    with pytest.raises(ValueError, match="cannot keep"):
        quick.append(b"", received=2**63)
    assert payloads(target) == [b"x" * 900]


def test_a_torn_line_is_ended_first(target: Journal, quick: QuickWriter) -> None:
    quick.append(b"a")
    with target.day(DAY).plain.open("ab") as file:
        file.write(b'{"received":1,"te')
    quick.append(b"b")
    damaged: list[Damage] = []
    assert [one.payload for one in target.read(DAY, 0, damaged.append)] == [b"a", b"b"]
    assert [one.raw for one in damaged] == [b'{"received":1,"te']


@pytest.mark.parametrize("torn", [b"", b'{"labmon_jou', bytes(100)])
def test_a_file_whose_header_is_torn_goes_on(target: Journal, quick: QuickWriter, torn: bytes) -> None:
    target.folder.mkdir(parents=True)
    target.day(DAY).plain.write_bytes(torn)
    quick.append(b"a")
    quick.append(b"b")
    assert [one.payload for one in target.read(DAY, 0, lambda damage: None)] == [b"a", b"b"]


def test_a_file_of_another_version_is_refused(target: Journal, quick: QuickWriter) -> None:
    target.folder.mkdir(parents=True)
    target.day(DAY).plain.write_bytes(b'{"labmon_journal":2}\n')
    with pytest.raises(FormatError, match="journal format 2"):
        quick.append(b"a")
    target.day(DAY).plain.unlink()
    quick.append(b"b")
    assert payloads(target) == [b"b"]


def test_days_are_compressed_pruned_and_gone_on_with_meanwhile(target: Journal, quick: QuickWriter) -> None:
    ends = [quick.append(b"a").end]
    assert close_days(target, LATER) == [DAY]
    ends.append(quick.append(b"b").end)
    assert names(target) == [f"{DAY}.jsonl", f"{DAY}.jsonl.gz"]
    assert payloads(target) == [b"a", b"b"]
    assert close_days(target, LATER) == [DAY]
    ends.append(quick.append(b"c").end)
    assert [one.end for one in read(target)] == ends
    assert prune(target, [DAY], now_ns=LATER)
    assert quick.append(b"d").end > ends[-1]
    assert payloads(target) == [b"d"]


def test_a_folder_that_is_removed_or_moved_is_made_again(target: Journal, quick: QuickWriter) -> None:
    quick.append(b"a")
    shutil.rmtree(target.folder)
    quick.append(b"b")
    assert payloads(target) == [b"b"]
    target.folder.rename(target.folder.with_name("old"))
    quick.append(b"c")
    assert payloads(target) == [b"c"]
    with exclusive(target.folder / ".lock"):
        assert payloads(target) == [b"c"]


def test_threads_share_a_writer_beside_all_other_writers(target: Journal, quick: QuickWriter) -> None:
    group = GroupWriter(target, reserve_bytes=0)
    compressing = threading.Event()

    def many(who: int) -> list[tuple[int, int]]:
        found = []
        for n in range(200):
            one = quick.append(b"%d %d" % (who, n), received=NOON)
            found.append((one.offset, one.end))
            if n % 50 == 0:
                target.append(b"slow %d" % who)
                group.submit(b"group", {}, NOON).result(5)
        return found

    def compress() -> None:
        while not compressing.is_set():
            close_days(target, LATER)

    closer = threading.Thread(target=compress)
    closer.start()
    with ThreadPoolExecutor(4) as pool:
        places = [one for found in pool.map(many, range(4)) for one in found]
    compressing.set()
    closer.join()
    assert group.close(5)
    entries = read(target)
    assert len(entries) == 4 * (200 + 4 + 4)
    assert set(places) <= {(one.offset, one.end) for one in entries}
    for who in range(4):
        mine = [one.payload for one in entries if one.payload.startswith(b"%d " % who)]
        assert mine == [b"%d %d" % (who, n) for n in range(200)]


def test_who_holds_the_lock_may_append(target: Journal, quick: QuickWriter) -> None:
    with target.locked():
        quick.append(b"a")
        quick.append(b"b")
        assert [one.payload for one in target.read(DAY)] == [b"a", b"b"]
    with (target.folder / ".lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # it is free again


def test_an_idle_writer_lets_go_of_the_file(
    target: Journal, monkeypatch: pytest.MonkeyPatch, quick: QuickWriter
) -> None:
    monkeypatch.setattr(worker, "IDLE", 0.02)
    assert quick.append(b"a").synced(5)
    until(lambda: not any(str(target.folder) in opened for opened in open_files()))
    quick.append(b"b")
    assert payloads(target) == [b"a", b"b"]


def test_a_closed_writer_takes_nothing(target: Journal) -> None:
    quick = QuickWriter(target)
    written = quick.append(b"a")
    assert quick.close()
    assert written.synced(0)
    with pytest.raises(Refusing, match="lab/s is closed"):
        quick.append(b"b")
    assert quick.close()
    assert QuickWriter(target).close()
    assert payloads(target) == [b"a"]


def test_a_writer_can_be_pickled(tmp_path: Path) -> None:
    quick = QuickWriter(Journal(tmp_path, "lab/s"))
    quick.append(b"a", received=NOON)
    again = pickle.loads(pickle.dumps(quick))
    again.append(b"b", received=NOON)
    assert payloads(again.journal) == [b"a", b"b"]
    assert quick.close()
    assert again.close()
