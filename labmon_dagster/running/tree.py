"""Processes and their descendants, as the kernel knows them."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

_PDEATHSIG, _CHILD_SUBREAPER = 1, 36  # from linux/prctl.h


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent ends (Linux; elsewhere nothing happens)."""
    _prctl(_CHILD_SUBREAPER, 1)


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent ends (Linux; elsewhere nothing happens)."""
    _prctl(_PDEATHSIG, signal.SIGKILL)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def descendants(pid: int, *, ended: bool = False) -> list[int]:
    """Children, their children and so on, parents first: those that run, or those that wait for burial."""
    children: defaultdict[int, list[int]] = defaultdict(list)
    for process, state, parent in _processes():
        if (state in "ZX") == ended:
            children[parent].append(process)
    found, asked = [], [pid]
    while asked:
        some = children.pop(asked.pop(0), [])
        found += some
        asked += some
    return found


def _processes() -> list[tuple[int, str, int]]:
    """List number, state and parent of every process; none where there is no /proc."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            # The name comes before these in parentheses, and may itself have spaces and parentheses.
            state, parent = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()[:2]
            found.append((int(folder.name), state, int(parent)))
    return found


def is_alive(pid: int) -> bool:
    """Whether there is such a process."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def send(pids: list[int], number: signal.Signals) -> None:
    """Send a signal to processes, some of which may have ended meanwhile."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
