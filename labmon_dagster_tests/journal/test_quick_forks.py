"""The quick writer in many processes: forked, spawned, killed, ended."""

from __future__ import annotations

import multiprocessing as mp
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from labmon_dagster.journal import Journal, QuickWriter
from labmon_dagster_tests.journal.days import NOON, payloads
from labmon_dagster_tests.journal.test_processes import read, start

MANY = 50
NUMBERS = """
import sys
from pathlib import Path
from labmon_dagster.journal import Journal, QuickWriter
writer = QuickWriter(Journal(Path(sys.argv[1]), "s"))
filler = b"." * int(sys.argv[4])
for n in range(int(sys.argv[2]), int(sys.argv[3])):
    writer.append(b"%d " % n + filler, {"n": n, "who": sys.argv[2]}, 1_624_622_400_000_000_000)
    print(n, flush=True)
"""

# The fsync of a process is noted in a file: at its end, what was written must have been synced.
EXITS = """
import multiprocessing as mp, os, sys
from pathlib import Path
from labmon_dagster.journal import Journal, QuickWriter

folder = Path(sys.argv[1])
writer = QuickWriter(Journal(folder, "s"), sync_seconds=2)

def noted(fd, fsync=os.fsync):
    fsync(fd)
    with (folder / "synced").open("a") as notes:
        notes.write(f"{os.getpid()} {os.fstat(fd).st_size}\\n")

os.fsync = noted

def work(writer):
    os.fsync = noted
    assert writer.append(b"first", received=1_624_622_400_000_000_000).synced(10)
    end = writer.append(b"last", received=1_624_622_400_000_000_000).end
    print(os.getpid(), end, flush=True)

if __name__ == "__main__":
    if sys.argv[2] == "none":
        work(writer)
    elif sys.argv[2] == "os.fork":
        if os.fork() == 0:
            work(writer)
            sys.exit()
        os.wait()
    else:
        process = mp.get_context(sys.argv[2]).Process(target=work, args=(writer,))
        process.start()
        process.join()
        sys.exit(process.exitcode)
"""


@pytest.fixture
def quick(tmp_path: Path) -> QuickWriter:
    return QuickWriter(Journal(tmp_path, "s", clock))


def clock() -> int:
    return NOON


def append_some(quick: QuickWriter, who: int) -> int:
    for n in range(MANY):
        assert quick.append(b"%d %d" % (who, n)).end > 0
    assert quick.sync(10)
    return os.getpid()


def check_all(found: list[bytes], whos: int) -> None:
    for who in range(whos):
        mine = [one for one in found if one.startswith(b"%d " % who)]
        assert mine == [b"%d %d" % (who, n) for n in range(MANY)]


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
@pytest.mark.parametrize("used", [True, False])
def test_a_writer_of_the_parent_works_in_its_children(quick: QuickWriter, method: str, used: bool) -> None:
    """Also where a thread of the parent is appending at the moment of the fork."""
    ended, count = threading.Event(), [0]

    def go_on() -> None:
        while not ended.is_set():
            quick.append(b"parent %d" % count[0])
            count[0] += 1

    thread = threading.Thread(target=go_on)
    if used:
        thread.start()
    children = [mp.get_context(method).Process(target=append_some, args=(quick, who)) for who in range(4)]
    for child in children:
        child.start()
    for child in children:
        child.join(60)
    ended.set()
    if used:
        thread.join()
    assert [child.exitcode for child in children] == [0] * 4
    assert quick.close()
    found = payloads(quick.journal)
    assert [one for one in found if one.startswith(b"parent")] == [b"parent %d" % n for n in range(count[0])]
    check_all(found, 4)


def test_a_pool_of_processes(quick: QuickWriter) -> None:
    quick.append(b"parent")
    with ProcessPoolExecutor(2, mp_context=mp.get_context("fork")) as pool:
        assert len(set(pool.map(append_some, [quick] * 6, range(6)))) <= 2
    assert len(payloads(quick.journal)) == 1 + 6 * MANY


def test_a_childs_child_goes_on_too(quick: QuickWriter) -> None:
    append_some(quick, 0)
    child = os.fork()
    if child == 0:
        append_some(quick, 1)
        if (grandchild := os.fork()) == 0:
            append_some(quick, 2)
            os._exit(0)
        os._exit(os.waitstatus_to_exitcode(os.waitpid(grandchild, 0)[1]))
    assert os.waitpid(child, 0)[1] == 0
    append_some(quick, 3)
    check_all(payloads(quick.journal), 4)


def test_a_child_keeps_neither_lock_nor_files_of_its_parent(quick: QuickWriter) -> None:
    quick.append(b"a")
    child = os.fork()
    if child == 0:
        opened = [str(fd.resolve()) for fd in Path("/proc/self/fd").iterdir()]
        os._exit(any(str(quick.journal.folder) in one for one in opened))
    assert os.waitpid(child, 0)[1] == 0


def test_what_the_parent_wrote_a_child_does_not_wait_for(quick: QuickWriter) -> None:
    written = quick.append(b"a")
    child = os.fork()
    if child == 0:
        try:
            written.synced(0)
        except RuntimeError:
            os._exit(7)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert written.synced(5)


@pytest.mark.parametrize("method", ["none", "os.fork", "fork", "forkserver", "spawn"])
def test_at_its_end_a_process_syncs_what_it_wrote(tmp_path: Path, method: str) -> None:
    program = tmp_path / "program.py"
    program.write_text(EXITS)
    ran = subprocess.run(
        [sys.executable, program, tmp_path, method], capture_output=True, text=True, timeout=60, check=True
    )
    process, end = ran.stdout.split()
    assert f"{process} {end}" in (tmp_path / "synced").read_text().splitlines()


def test_every_number_printed_before_a_kill_is_there_once_whole_and_in_order(tmp_path: Path) -> None:
    acknowledged: list[int] = []
    filler = 2_000_000  # so long that some of the kills fall into a write
    for round_ in range(8):
        writer = start(NUMBERS, tmp_path, first := round_ * 1000, first + 1000, filler)
        assert writer.stdout
        for _ in range(3):
            acknowledged.append(int(writer.stdout.readline()))
        time.sleep(round_ * 0.002)
        writer.send_signal(signal.SIGKILL)
        acknowledged += map(int, writer.stdout.read().split())
        writer.wait()
        writer.stdout.close()
    QuickWriter(journal := Journal(tmp_path, "s")).append(b"", {"n": 10**6}, NOON)
    entries, damaged = read(journal)
    numbers = [int(str(e.meta["n"])) for e in entries]
    assert numbers == sorted(set(numbers))
    assert set(acknowledged) <= set(numbers)
    assert len(set(numbers) - set(acknowledged)) <= 8 + 1  # the one in each writer's hand, and ours
    assert all(e.payload == b"%d " % n + b"." * filler for e, n in zip(entries[:-1], numbers, strict=False))
    assert len(damaged) <= 8
