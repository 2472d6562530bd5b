"""What the processes of `test_processes` and `test_servers` do."""

from __future__ import annotations

import os

from labmon_dagster.stores.documents.base import DocumentStore
from labmon_dagster_tests.stores.documents.conftest import opened
from labmon_dagster_tests.stores.documents.records import document, put

EACH = 3_000


def write_many(url: str, number: int) -> str:
    """Write documents, half of which all processes write; '' or what went wrong."""
    store = opened(url)
    try:
        for first in range(0, EACH, 500):
            own = [document(f"{number}-{n}", n, n=n) for n in range(first, first + 250)]
            common = [document(f"all-{n}", n, n=n) for n in range(first, first + 250)]
            put(store, "runs", own + common)
            put(store, f"new{first}", own[:1])
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    finally:
        store.close()
    return ""


def in_a_fork(store: DocumentStore) -> int:
    """Write with a store that the parent has used; give the child's exit code."""
    child = os.fork()
    if not child:
        try:
            put(store, "runs", [document("child")])
            os._exit(0)
        except BaseException:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
