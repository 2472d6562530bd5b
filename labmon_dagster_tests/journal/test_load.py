"""Group writers killed, and compressing killed, in several processes: nothing is lost, nothing twice."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from labmon_dagster.journal import Damage, Entry, Journal, close_days
from labmon_dagster_tests.journal.days import DAY, LATER, NEXT, names, payloads, put

WRITER = """
import sys, time
from pathlib import Path
from labmon_dagster.journal import GroupWriter, Journal
noon, day = 1_624_622_400_000_000_000, 86_400 * 10**9
writer = GroupWriter(Journal(Path(sys.argv[1]), "lab/s"), flush_seconds=0.02, reserve_bytes=0)
who, count, late = int(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == "late"
told = []
for n in range(count):
    # over midnight and back, as a clock does that is set
    received = noon + n if late else noon + (n // 50 % 2) * day + n
    future = writer.submit(b"%d " % n + b"." * 300, {"who": who, "n": n}, received)
    future.add_done_callback(lambda done, n=n: print(n, flush=True) if not done.exception() else None)
    if n % 20 == 19:
        time.sleep(0.002)
assert writer.close(60)
"""

COMPRESSOR = """
import sys, time
from pathlib import Path
from labmon_dagster.journal import Journal, close_days
print("ready", flush=True)
while True:
    close_days(Journal(Path(sys.argv[1]), "lab/s"), 1_624_622_400_000_000_000 + 3 * 86_400 * 10**9)
"""


def start(script: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def everything(journal: Journal) -> tuple[list[Entry], list[Damage]]:
    damaged: list[Damage] = []
    entries = [one for day in journal.days() for one in journal.read(day, damaged=damaged.append)]
    return entries, damaged


def numbers(entries: list[Entry], who: int) -> list[int]:
    for entry in entries:
        assert entry.payload == b"%d " % int(str(entry.meta["n"])) + b"." * 300
    return [int(str(entry.meta["n"])) for entry in entries if entry.meta["who"] == who]


@pytest.mark.parametrize("seed", range(3))
def test_what_was_acknowledged_before_a_kill_is_there_once(tmp_path: Path, seed: int) -> None:
    chance, acknowledged = random.Random(seed), {}
    writers = {who: start(WRITER, tmp_path, who, 100_000, "both") for who in (1, 2, 3)}
    for who, writer in writers.items():
        assert writer.stdout
        acknowledged[who] = [int(writer.stdout.readline()) for _ in range(50)]
    drained = {
        who: threading.Thread(target=lambda w=who: acknowledged[w].extend(lines(writers[w])))
        for who in writers
    }
    for thread in drained.values():
        thread.start()
    for who, writer in writers.items():
        time.sleep(chance.uniform(0, 0.1))
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        drained[who].join()
    journal = Journal(tmp_path, "lab/s")
    put(journal, b"9 " + b"." * 300)
    entries, damaged = everything(journal)
    assert len(damaged) <= 6
    for who in writers:
        found = numbers([one for one in entries if one.meta], who)
        assert len(found) == len(set(found))
        assert set(acknowledged[who]) <= set(found)
        for day in (DAY, NEXT):
            of_day = [int(str(e.meta["n"])) for e in entries if e.day == day and e.meta.get("who") == who]
            assert of_day == sorted(of_day)
    assert journal.days() == [DAY, NEXT]


def lines(process: subprocess.Popen[str]) -> list[int]:
    assert process.stdout
    read = process.stdout.read()
    process.stdout.close()
    return [int(one) for one in read.split("\n")[:-1] if one]


def test_compressing_races_with_writers_and_readers(tmp_path: Path) -> None:
    writers = [start(WRITER, tmp_path, who, 3000, "late") for who in (1, 2)]
    compressor = start(COMPRESSOR, tmp_path)
    journal = Journal(tmp_path, "lab/s")
    seen: list[Entry] = []
    compressed = 0
    try:
        while any(w.poll() is None for w in writers):
            offset = seen[-1].end if seen else 0
            seen += journal.read(DAY, offset, lambda d: pytest.fail(d.reason))
            if (newest := journal.newest(DAY)) and seen:
                assert newest.offset >= seen[-1].offset
            compressed += f"{DAY}.jsonl.gz" in names(journal) if journal.folder.exists() else 0
    finally:
        compressor.kill()
        compressor.communicate()
    for writer in writers:
        assert len(lines(writer)) == 3000
        assert writer.returncode == 0
    assert compressed
    seen += journal.read(DAY, seen[-1].end)
    for _ in range(2):
        entries, damaged = everything(journal)
        assert damaged == []
        assert entries == seen
        close_days(journal, LATER)
    for who in (1, 2):
        assert numbers(seen, who) == list(range(3000))


def test_a_compressor_killed_at_any_time_loses_nothing(tmp_path: Path) -> None:
    journal, chance, expected = Journal(tmp_path, "lab/s"), random.Random(7), []
    for n in range(15):
        new = [b"%d" % (n * 1000 + m) + bytes(chance.randrange(2000)) for m in range(300)]
        put(journal, *new)
        expected += new
        compressor = start(COMPRESSOR, tmp_path)
        assert compressor.stdout
        compressor.stdout.readline()
        time.sleep(chance.uniform(0, 0.02))
        compressor.kill()
        compressor.communicate()
        assert payloads(journal) == expected
    close_days(journal, LATER)
    assert names(journal) == [f"{DAY}.jsonl.gz"]
    assert payloads(journal) == expected
