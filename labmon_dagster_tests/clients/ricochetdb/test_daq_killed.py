"""Programs that are killed while they insert: what returned is there once, and each insert is whole."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from labmon_dagster_tests.clients.ricochetdb.daq_lab import deliver, documents, feed, stored
from labmon_dagster_tests.clients.ricochetdb.inserting import EACH

PROGRAMS, ROUNDS = 4, 3


def started(name: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "labmon_dagster_tests.clients.ricochetdb.inserting", name]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def killed(running: dict[str, subprocess.Popen[str]], chance: random.Random) -> dict[tuple[str, int], int]:
    """Kill each at some moment after it has begun; give the inserts that had returned."""
    for one in running.values():
        assert one.stdout and one.stdout.readline() == "0\n"
    for one in running.values():
        time.sleep(chance.uniform(0, 0.2))
        one.kill()
    returned: dict[tuple[str, int], int] = {(name, 0): 1 for name in running}
    for name, one in running.items():
        rest, _ = one.communicate()
        returned |= {(name, int(line)): 1 for line in rest.splitlines(keepends=True) if line.endswith("\n")}
    return returned


@pytest.mark.slow
def test_each_insert_that_returned_is_there_once_and_none_is_half_there(home: Path) -> None:
    chance = random.Random(3)
    returned: dict[tuple[str, int], int] = {}
    for turn in range(ROUNDS):
        running = {f"{turn}-{n}": started(f"{turn}-{n}") for n in range(PROGRAMS)}
        returned |= killed(running, chance)
    found = documents(feed())
    inserts = Counter((one.body["topic"], one.body["insert"]) for one in found)
    assert set(inserts.values()) == {EACH}
    assert returned.keys() <= inserts.keys()
    assert len(inserts) - len(returned) <= PROGRAMS * ROUNDS  # one each was under way
    assert len({one.id for one in found}) == len(found)
    counts, in_store = deliver(feed())
    assert counts.read - counts.quarantined == counts.stored == in_store == len(found)
    assert counts.quarantined <= PROGRAMS * ROUNDS  # lines that were torn
    assert sorted(one.id for one in stored(feed())) == sorted(one.id for one in found)
