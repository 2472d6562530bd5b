"""Several processes, killed processes, a full disk: what was acknowledged is there, once, in order."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from labmon_dagster.journal import Damage, Entry, Journal

NOON = 1_624_622_400_000_000_000
DAY = "2021-06-25"

NUMBERS = """
import sys
from pathlib import Path
from labmon_dagster.journal import Journal
journal = Journal(Path(sys.argv[1]), "s", lambda: 1_624_622_400_000_000_000)
filler = b"." * int(sys.argv[4])
for n in range(int(sys.argv[2]), int(sys.argv[3])):
    journal.append(b"%d " % n + filler, {"n": n, "who": sys.argv[2]})
    print(n, flush=True)
"""

FULL = """
import resource, sys
from pathlib import Path
from labmon_dagster.journal import Journal
journal = Journal(Path(sys.argv[1]), "s", lambda: 1_624_622_400_000_000_000)
resource.setrlimit(resource.RLIMIT_FSIZE, (4000, resource.RLIM_INFINITY))
n = 0
try:
    while True:
        journal.append(b"%d " % n + b"." * 300)
        n += 1
except OSError as error:
    print(n, type(error).__name__, journal.size("2021-06-25"))
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
journal.append(b"after")
"""


def start(script: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def read(journal: Journal) -> tuple[list[Entry], list[Damage]]:
    damaged: list[Damage] = []
    return list(journal.read(DAY, damaged=damaged.append)), damaged


def test_every_number_printed_before_a_kill_is_there_once_whole_and_in_order(tmp_path: Path):
    journal = Journal(tmp_path, "s")
    acknowledged: list[int] = []
    filler = 2_000_000  # so long that some of the kills fall into an append
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
    journal.append(b"1000000 ", {"n": 10**6})
    entries, damaged = read(journal)
    numbers = [int(str(e.meta["n"])) for e in entries]
    assert numbers == sorted(set(numbers))
    assert set(acknowledged) <= set(numbers)
    assert len(set(numbers) - set(acknowledged)) <= 8 + 1  # the one in each writer's hand, and ours
    assert all(e.payload == b"%d " % n + b"." * filler for e, n in zip(entries[:-1], numbers, strict=False))
    assert len(damaged) <= 8


def test_a_full_disk_is_raised_and_leaves_no_piece(tmp_path: Path):
    writer = start(FULL, tmp_path)
    out, _ = writer.communicate(timeout=60)
    kept, error, size = out.split()
    entries, damaged = read(Journal(tmp_path, "s"))
    assert (error, damaged) == ("OSError", [])
    assert [e.payload.split(b" ")[0] for e in entries] == [*(b"%d" % n for n in range(int(kept))), b"after"]
    assert entries[-1].offset == int(size) > 3000


def test_two_writers_and_a_reader_at_once(tmp_path: Path):
    journal = Journal(tmp_path, "s", lambda: NOON)
    journal.append(b"0 ", {"n": 0, "who": "me"})
    writers = [start(NUMBERS, tmp_path, first, first + 300, 5000) for first in (1000, 2000)]
    seen: list[Entry] = []
    position = 0
    while any(w.poll() is None for w in writers):
        for entry in journal.read(DAY, position, damaged=lambda d: pytest.fail(d.reason)):
            seen.append(entry)
            position = entry.end
    seen += journal.read(DAY, position)
    for writer in writers:
        assert writer.stdout
        assert len(writer.stdout.read().split()) == 300
        writer.stdout.close()
    assert seen == read(journal)[0]
    for first in (1000, 2000):
        assert [e.meta["n"] for e in seen if e.meta["who"] == str(first)] == [*range(first, first + 300)]


def test_look_and_append_is_one_step(tmp_path: Path):
    """Eight threads with a journal object each count up together: no number is missed or taken twice."""

    def count() -> None:
        journal = Journal(tmp_path, "s", lambda: NOON)
        for _ in range(10):
            with journal.locked(), journal.locked():
                last = journal.last()
                journal.append(b"%d" % (int(last.payload) + 1 if last else 0))

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [int(e.payload) for e in read(Journal(tmp_path, "s"))[0]] == [*range(80)]


def test_the_lock_keeps_another_process_out_and_a_death_releases_it(tmp_path: Path):
    holder = start(
        "import sys, time; from pathlib import Path; from labmon_dagster.journal import Journal\n"
        "with Journal(Path(sys.argv[1]), 's').locked(): print('held', flush=True); time.sleep(60)",
        tmp_path,
    )
    assert holder.stdout
    assert holder.stdout.readline() == "held\n"
    journal = Journal(tmp_path, "s", lambda: NOON)
    done = threading.Event()
    thread = threading.Thread(target=lambda: (journal.append(b"x"), done.set()))
    thread.start()
    assert not done.wait(0.2)
    holder.kill()
    holder.communicate()
    thread.join()
    assert done.is_set()


def test_a_forked_child_does_not_think_it_holds_its_parents_lock(tmp_path: Path):
    journal = Journal(tmp_path, "s", lambda: NOON)
    with journal.locked():
        child = os.fork()
        if child == 0:
            journal.append(b"child")
            os._exit(0)
        journal.append(b"parent")
    assert os.waitpid(child, 0)[1] == 0
    assert [e.payload for e in read(journal)[0]] == [b"parent", b"child"]


def test_a_read_is_of_what_was_there_at_its_first_step(tmp_path: Path):
    journal = Journal(tmp_path, "s", lambda: NOON)
    journal.append_many([(b"1", {}), (b"2", {})])
    reading = journal.read(DAY)
    assert next(reading).payload == b"1"
    journal.append(b"3")
    assert [e.payload for e in reading] == [b"2"]
