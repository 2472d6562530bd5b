"""Several at once: of those who saw the same state one wins, and nobody's change is lost."""

from __future__ import annotations

import multiprocessing as mp
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from threading import Barrier

import pytest

from labmon_dagster.stores.records import Change, RecordStore
from labmon_dagster_tests.stores.records.test_behaviours import there
from labmon_dagster_tests.stores.records.worker import EACH, append_many, insert_many, opened

MANY = 6


@pytest.mark.parametrize("shared", [True, False], ids=["one store", "a store each"])
def test_of_threads_one_wins(store: RecordStore, factory: Callable[[], RecordStore], shared: bool) -> None:
    stores = [store if shared else factory() for _ in range(MANY)]
    begin = Barrier(MANY)
    with ThreadPoolExecutor(MANY) as pool:
        for n in range(10):
            name = f"run{n}"

            def work(who: int, name: str = name) -> tuple[bool, bool]:
                begin.wait()
                made = stores[who].insert("runs", name, {"by": who})
                begin.wait()
                seen = there(stores[who], name)
                begin.wait()
                return made, stores[who].change("runs", seen, Change({"start": who}))

            outcome = list(pool.map(work, range(MANY)))
            body = there(store, name).body
            assert [made for made, _ in outcome].count(True) == 1
            assert [done for _, done in outcome].count(True) == 1
            assert outcome[body["by"]][0]
            assert outcome[body["start"]][1]
    if not shared:
        for one in stores:
            one.close()


def test_of_processes_one_wins_and_each_entry_is_there_once(url: str) -> None:
    with ProcessPoolExecutor(3, mp.get_context("spawn")) as pool:
        made = [run.result() for run in [pool.submit(insert_many, url, who) for who in range(3)]]
        assert sorted(name for names in made for name in names) == [f"run{n:02}" for n in range(EACH)]
        lost = [run.result() for run in [pool.submit(append_many, url, who) for who in range(3)]]
    store = opened(url)
    found = there(store, "run00")
    assert sorted(found.body["list"], key=lambda one: (one["who"], one["n"])) == [
        {"who": who, "n": n} for who in range(3) for n in range(EACH)
    ]
    assert found.revision == 1 + 3 * EACH
    assert sum(lost) > 0, "they were never at it at the same time"
    store.close()
