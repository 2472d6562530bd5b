"""kill -9 of the run at random moments: then one good run, and nothing is missing, nothing twice."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from labmon_dagster.model import Window
from labmon_dagster.stores import SqliteStore
from labmon_dagster_tests import tables
from labmon_dagster_tests.system.bench import Worker, stored_rows

KILLS, AIMED, PROVEN = 50, 47, 40
ROWS_A_ROUND = 2500
FIRST = datetime(2021, 6, 24, 12, 0, 0)
DAYS = ("2021-06-24", "2021-06-30")


@pytest.mark.slow
def test_fifty_kills_lose_nothing(tmp_path: Path, home: Path, embedded: SqliteStore) -> None:
    """At least 40 kills, of 50 or some more, fall provably between the first and the last row of a write."""
    chance = random.Random(20210625)
    path = tables.write(tmp_path / "pc" / "46m_Test.dat", tables.header())
    worker = Worker({"folder": str(path.parent), "zone": "UTC", "block": 1 << 13}, tmp_path / "worker.log")
    database = home / "readings.db"
    written = kills = proven = 0
    while kills < KILLS or (proven < PROVEN and kills < 2 * KILLS):
        before = stored_rows(database)
        _append(path, written, ROWS_A_ROUND)
        written += ROWS_A_ROUND
        worker.say(f"run {DAYS[0]} {DAYS[1]} news")
        pid = worker.hear()["pid"]
        if kills % 10 < 10 * AIMED / KILLS:
            _await_growth(database, before)
        time.sleep(chance.uniform(0, 0.1))
        os.kill(pid, signal.SIGKILL)
        if worker.hear()["status"] == -signal.SIGKILL:
            kills += 1
            proven += before < stored_rows(database) < written
        if chance.random() < 0.3:
            worker.say(f"run {DAYS[0]} {DAYS[1]} news")
            worker.hear()
            assert worker.hear()["status"] == 0, worker.log.read_text()
            assert stored_rows(database) == written
    worker.say(f"run {DAYS[0]} {DAYS[1]} whole")
    worker.hear()
    assert worker.hear()["status"] == 0, worker.log.read_text()
    worker.close()
    (tmp_path / "kills.json").write_text(
        json.dumps({"kills": kills, "during writing": proven, "rows": written})
    )
    assert proven >= PROVEN, f"only {proven} of {kills} kills fell into a write"
    _everything_is_there_once(embedded, written)


def _append(path: Path, record: int, count: int) -> None:
    with path.open("ab") as file:
        file.write(tables.rows(FIRST + timedelta(seconds=4 * record), count, step=4, record=record).encode())


def _await_growth(database: Path, before: int) -> None:
    until = time.monotonic() + 60
    while stored_rows(database) == before and time.monotonic() < until:
        time.sleep(0.002)


def _everything_is_there_once(store: SqliteStore, written: int) -> None:
    rows = store.fetch("Fastdata", Window(0, 1 << 62))
    assert rows["RECORD"].to_list() == list(range(written))
    assert rows["PPFD"].to_list() == [n % 1000 for n in range(written)]
    ledger = store.ledger("umbs/tower")
    for day, row in ledger.items():
        expected = rows.filter(rows["time"].dt.date() == day).height
        found = (row.in_store, row.counts.read, row.counts.stored + row.counts.repeated, row.proven)
        assert found == (expected, expected, expected, True)
    assert sum(row.in_store for row in ledger.values()) == written
    assert set(ledger) == {date(2021, 6, 24) + timedelta(days=n) for n in range(7)}
    assert store.quarantined() == []
