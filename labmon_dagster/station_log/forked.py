"""What a forked child cannot do: use polars whose threads its parent had begun; it would wait for ever."""

from __future__ import annotations

import os
import re
import sys
import threading
from contextlib import suppress
from pathlib import Path

_TASKS = Path("/proc/self/task")
_THREAD = re.compile(r"polars-\d+\n")
_begun = _lame = _started = False
_starting = threading.Lock()
_parent = 0


def polars_works() -> bool:
    """Whether polars can be used here: not in a child of a process in which its threads ran.

    If it can, its threads have begun, and no fork has come between: half of them would be worse than none.
    """
    global _started
    if not (_lame or _started):
        import polars

        with _starting:
            polars.thread_pool_size()
            _started = True
    return not _lame


def left_alone() -> bool:
    """Whether this process cannot use polars, and the one that it was forked from has ended."""
    return _lame and os.getppid() != _parent


def polars_runs() -> bool:
    """Whether polars has threads in this process; where the system does not tell: whether it is loaded."""
    if _started:
        return True
    if not _TASKS.is_dir():
        return "polars" in sys.modules
    return any(_THREAD.fullmatch(name) for name in map(_name, _TASKS.iterdir()))


def _name(task: Path) -> str:
    with suppress(OSError):  # it has just ended
        return (task / "comm").read_text()
    return ""


def _before_fork() -> None:
    global _begun, _parent
    _starting.acquire()
    _parent = os.getpid()
    _begun = "polars" in sys.modules and polars_runs()


def _after_fork() -> None:
    global _lame, _started
    _lame, _started = _lame or _begun, False
    _starting.release()


os.register_at_fork(before=_before_fork, after_in_parent=_starting.release, after_in_child=_after_fork)
