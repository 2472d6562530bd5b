"""A disk that is full or fails to sync: it is said, nothing half-written is left, and it is got over."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from labmon_dagster.journal import Journal, QuickWriter, Written
from labmon_dagster_tests.journal.days import DAY, LENGTH, NOON, journal, payloads, until
from labmon_dagster_tests.journal.test_processes import read, start

FULL = """
import resource, sys
from pathlib import Path
from labmon_dagster.journal import Journal, QuickWriter
journal = Journal(Path(sys.argv[1]), "s", lambda: 1_624_622_400_000_000_000)
writer = QuickWriter(journal)
resource.setrlimit(resource.RLIMIT_FSIZE, (4000, resource.RLIM_INFINITY))
n = 0
try:
    while True:
        writer.append_many([b"%d " % n + b"." * 300] * 2)
        n += 1
except OSError as error:
    print(n, error.errno, error.filename)
print(journal.size("2021-06-25"))
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
writer.append(b"after")
assert writer.close()
"""


class Fsync:
    """A disk whose syncs are counted, may fail, and may take their time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.error: OSError | None = None
        self.synced: list[str] = []
        self.free = threading.Event()
        self.free.set()
        self._fsync = os.fsync
        monkeypatch.setattr(os, "fsync", self)

    def __call__(self, fd: int) -> None:
        self.free.wait()
        if self.error:
            raise self.error
        self.synced.append(str(Path(f"/proc/self/fd/{fd}").resolve()))
        self._fsync(fd)


@pytest.fixture
def fsync(monkeypatch: pytest.MonkeyPatch) -> Fsync:
    return Fsync(monkeypatch)


@pytest.fixture
def target(tmp_path: Path) -> Journal:
    return journal(tmp_path)


@pytest.fixture
def told() -> list[Exception]:
    return []


@pytest.fixture
def quick(target: Journal, told: list[Exception]) -> Iterator[QuickWriter]:
    made = QuickWriter(target, sync_seconds=0.01, on_error=told.append)
    yield made
    made.close()


def test_a_full_disk_is_raised_and_leaves_no_piece(tmp_path: Path) -> None:
    writer = start(FULL, tmp_path)
    out, _ = writer.communicate(timeout=60)
    assert writer.returncode == 0
    kept, code, path, size = out.split()
    entries, damaged = read(Journal(tmp_path, "s"))
    assert (code, path, damaged) == ("27", str(Journal(tmp_path, "s").day(DAY).plain), [])
    numbers = [b"%d" % n for n in range(int(kept)) for _ in range(2)]
    assert [e.payload.split(b" ")[0] for e in entries] == [*numbers, b"after"]
    assert entries[-1].offset == int(size) > 3000


def half_of(error: OSError) -> Callable[[int, bytes], int]:
    """A disk that takes a half of what is written, then nothing."""
    write, before = os.write, list[bytes]()

    def half(fd: int, data: bytes) -> int:
        if before:
            raise error
        before.append(data)
        return write(fd, data[: len(data) // 2])

    return half


@pytest.mark.parametrize("first", [False, True])
def test_half_a_write_is_taken_back(
    target: Journal, quick: QuickWriter, monkeypatch: pytest.MonkeyPatch, first: bool
) -> None:
    if not first:
        quick.append(b"before")
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", half_of(OSError(28, "No space left on device")))
        with pytest.raises(OSError, match=rf"No space left on device.*{DAY}\.jsonl"):
            quick.append(b"x" * 100)
    assert payloads(target) == ([] if first else [b"before"])
    quick.append(b"after")
    assert payloads(target)[-1] == b"after"


def test_what_cannot_even_be_cut_back_is_cut_by_the_next(
    target: Journal, quick: QuickWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    quick.append(b"before")
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", half_of(OSError(5, "Input/output error")))
        patched.setattr(os, "ftruncate", broken)
        with pytest.raises(OSError, match="Input/output"):
            quick.append(b"lost")
        with pytest.raises(OSError, match=r"Read-only.*jsonl"):
            quick.append(b"lost")
    quick.append(b"after")
    assert payloads(target) == [b"before", b"after"]


def test_a_folder_that_cannot_be_is_said(tmp_path: Path, target: Journal, quick: QuickWriter) -> None:
    (tmp_path / "lab").write_text("a file where a folder should be")
    with pytest.raises(OSError, match=str(tmp_path / "lab")):
        quick.append(b"a")
    (tmp_path / "lab").unlink()
    quick.append(b"b")
    assert payloads(target) == [b"b"]


def test_a_write_does_not_wait_for_the_sync(target: Journal, quick: QuickWriter, fsync: Fsync) -> None:
    assert quick.append(b"of the first, the folder is made").synced(5)
    fsync.free.clear()
    first = quick.append(b"a")
    later = [quick.append(b"%d" % n) for n in range(100)]
    assert not any(one.synced(0.01) for one in (first, later[-1]))
    assert not quick.sync(0.01)
    assert len(payloads(target)) == 102
    assert not quick.close(0.01)
    fsync.free.set()
    assert quick.close()
    assert all(one.synced(0) for one in (first, *later))


def test_file_and_folder_are_synced_and_only_when_something_was_written(
    target: Journal, quick: QuickWriter, fsync: Fsync
) -> None:
    def synced(written: Written) -> list[str]:
        assert written.synced(5)
        found, fsync.synced = fsync.synced, []
        return found

    path, folder = str(target.day(DAY).plain), str(target.folder)
    assert synced(quick.append(b"a"))[-2:] == [path, folder]
    assert synced(quick.append(b"b")) == [path]
    assert synced(quick.append(b"c", received=NOON + LENGTH))[-1] == folder
    assert quick.sync(5)
    assert fsync.synced == []


def test_a_failed_sync_is_told_to_all_who_should_know(
    target: Journal, quick: QuickWriter, fsync: Fsync, told: list[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    assert quick.append(b"before").synced(5)
    fsync.error = OSError(5, "Input/output error")
    written = quick.append(b"a")
    for _ in range(2):
        with pytest.raises(OSError, match=rf"Input/output error.*{DAY}"):
            written.synced(5)
    until(lambda: told)
    fsync.error = None
    assert [str(one) for one in told] == [f"[Errno 5] Input/output error: '{target.day(DAY).plain}'"]
    assert "lab/s may lose its latest entries in a power cut" in caplog.text
    with pytest.raises(OSError, match="Input/output error"):
        quick.append(b"this one is not kept")
    assert quick.append(b"b").synced(5)
    assert payloads(target) == [b"before", b"a", b"b"]


def test_a_sync_that_failed_unseen_is_raised_by_close(target: Journal, fsync: Fsync) -> None:
    quick = QuickWriter(target)
    assert quick.append(b"first").synced(5)
    fsync.error = OSError(5, "Input/output error")
    quick.append(b"a")
    with pytest.raises(OSError, match="Input/output error"):
        quick.close()
    assert quick.close()


def test_who_fails_to_listen_disturbs_nobody(target: Journal, fsync: Fsync) -> None:
    def deaf(error: Exception) -> None:
        raise RuntimeError(f"not interested in {error}")

    quick = QuickWriter(target, on_error=deaf)
    assert quick.append(b"first").synced(5)
    fsync.error = OSError(5, "Input/output error")
    with pytest.raises(OSError, match="Input/output"):
        quick.append(b"a").synced(5)
    fsync.error = None
    until(lambda: quick._trouble)
    with pytest.raises(OSError, match="Input/output"):
        quick.append(b"b")
    assert quick.append(b"c").synced(5)
    assert quick.close()
