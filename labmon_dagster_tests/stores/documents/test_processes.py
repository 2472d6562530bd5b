"""Several processes and one store: nobody is refused, and the outcome is exact."""

from __future__ import annotations

import multiprocessing as mp
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

import pytest

from labmon_dagster.stores.documents.base import DocumentStore
from labmon_dagster_tests.stores.documents.records import bodies, document, everything, put
from labmon_dagster_tests.stores.documents.worker import EACH, in_a_fork, write_many


def test_several_writers_and_new_collections(url: str, factory: Callable[[], DocumentStore]) -> None:
    with ProcessPoolExecutor(3, mp.get_context("spawn")) as pool:
        runs = [pool.submit(write_many, url, number) for number in range(3)]
        assert [run.result() for run in runs] == [""] * 3
    store = factory()
    half = [n for n in range(EACH) if n % 500 < 250]
    wanted = {f"{who}-{n}": {"n": n} for who in (0, 1, 2, "all") for n in half}
    assert bodies(store) == wanted
    assert len(store.collections()) == 1 + EACH // 500
    store.close()


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
@pytest.mark.parametrize("url", ["mongodb"], indirect=True)
def test_a_store_used_before_a_fork_works_on_both_sides(store: DocumentStore) -> None:
    put(store, "runs", [document("before")])
    assert in_a_fork(store) == 0
    put(store, "runs", [document("parent")])
    assert [one.id for one in everything(store)] == ["before", "child", "parent"]
