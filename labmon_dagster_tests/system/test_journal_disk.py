"""A disk that fills under a journal: it warns, refuses with a reason, loses nothing, and goes on."""

from __future__ import annotations

import pytest

from labmon_dagster_tests.system.journal_disk import SHORT, namespace, run


@pytest.mark.slow
def test_a_disk_that_fills_costs_nothing_that_was_accepted() -> None:
    if namespace() is None:
        pytest.skip("no tmpfs can be mounted here, neither as root nor in a user namespace")
    seen = run(SHORT)
    assert seen.wrong == []
    assert seen.acknowledged > 1000
    assert [one.how for one in seen.rounds] == ["slowly", "at once"]
