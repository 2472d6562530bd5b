"""What a forked child cannot do: use polars whose threads its parent had begun; it would wait for ever."""

from __future__ import annotations

import os
import re
import sys
from contextlib import suppress
from pathlib import Path

_TASKS = Path("/proc/self/task")
_THREAD = re.compile(r"polars-\d+\n")
_begun = _lame = False


def polars_works() -> bool:
    """Whether polars can be used here: not in a child of a process in which its threads ran."""
    return not _lame


def polars_runs() -> bool:
    """Whether polars has threads in this process; where the system does not tell: whether it is loaded."""
    if not _TASKS.is_dir():
        return "polars" in sys.modules
    return any(_THREAD.fullmatch(name) for name in map(_name, _TASKS.iterdir()))


def _name(task: Path) -> str:
    with suppress(OSError):  # it has just ended
        return (task / "comm").read_text()
    return ""


def _before_fork() -> None:
    global _begun
    _begun = "polars" in sys.modules and polars_runs()


def _after_fork() -> None:
    global _lame
    _lame = _lame or _begun


os.register_at_fork(before=_before_fork, after_in_child=_after_fork)
