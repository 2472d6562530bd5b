"""Polars in forked children: whoever may use it has it running, so that a child knows that it cannot."""

from __future__ import annotations

import subprocess
import sys

_FORK = """
import os, sys
import polars
from labmon_dagster.station_log.forked import left_alone, polars_works
assert sys.argv[1] == "unused" or polars_works()
child = os.fork()
if not child:
    assert not left_alone()
    os._exit(10 + polars_works())
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), polars_works())
"""


def _forked(how: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", _FORK, how], check=True, capture_output=True, text=True
    ).stdout


def test_a_child_forked_at_once_knows_that_its_parent_may_use_polars() -> None:
    assert _forked("used") == "10 True\n"


def test_a_child_of_a_parent_that_has_not_used_polars_may_use_it() -> None:
    assert _forked("unused") == "11 True\n"
