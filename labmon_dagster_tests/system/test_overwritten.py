"""LoggerNet overwrites its file 200 times with ever newer rows, while Dagster is killed and restarted."""

from __future__ import annotations

import random
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from labmon_dagster.model import Window
from labmon_dagster.stores import SqliteStore
from labmon_dagster_tests import tables
from labmon_dagster_tests.labs import materialize, tower
from labmon_dagster_tests.system.bench import Worker

OVERWRITES, KILLS = 200, 8
KEPT_ROWS = 30


@pytest.mark.slow
def test_what_was_there_at_two_looks_is_stored_once(tmp_path: Path, embedded: SqliteStore) -> None:
    """Contents overlap or not; some stand for two looks, some for one or none."""
    chance = random.Random(46)
    now = datetime.now().astimezone().replace(microsecond=0)
    first = (now - timedelta(days=1)).replace(tzinfo=None)
    path = tmp_path / "pc" / "46m_Test.dat"
    start = str(first.date() - timedelta(days=1))
    settings = {"folder": str(path.parent), "zone": "UTC", "mode": "overwrite", "start": start}
    worker = Worker(settings, tmp_path / "worker.log")
    newest, owed, written = 0, set[int](), set[int]()
    killed_at = set(chance.sample(range(OVERWRITES), KILLS))
    for n in range(OVERWRITES):
        newest += chance.choice([1, 7, 30, 45])
        records = range(max(0, newest - KEPT_ROWS), newest)
        tables.write(
            path, tables.header(), (tables.row(first + timedelta(seconds=5 * r), r) for r in records)
        )
        written |= set(records)
        looks = chance.choice([0, 1, 2, 2, 2])
        for _ in range(looks):
            worker.say("look")
            assert worker.hear() == "done", worker.log.read_text()
        owed |= set(records) if looks == 2 else set()
        if n in killed_at:
            _kill_during_a_tick(worker, chance)
    worker.close()
    materialize(
        tower(path.parent, **{k: v for k, v in settings.items() if k != "folder"}),
        start,
        str(datetime.now().date()),
    )
    stored = embedded.fetch("Fastdata", Window(0, 1 << 62))["RECORD"].to_list()
    assert len(stored) == len(set(stored))
    assert owed <= set(stored)
    assert set(stored) <= written
    assert len(owed) > 1000
    ledger = embedded.ledger("umbs/tower")
    assert sum(row.in_store for row in ledger.values()) == len(stored)


def _kill_during_a_tick(worker: Worker, chance: random.Random) -> None:
    worker.say("tick")
    time.sleep(chance.uniform(0, 0.6))
    worker.restart()
