"""A journal for tests: some days of it, and what is read of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from labmon_dagster.journal import Damage, Entry, Journal, Message
from labmon_dagster.model.window import DAY as LENGTH

NOON = 1_624_622_400_000_000_000  # 2021-06-25 12:00 UTC
DAY, NEXT = "2021-06-25", "2021-06-26"
LATER = NOON + 3 * LENGTH


def journal(root: Path, now: int = NOON) -> Journal:
    """Make one whose clock stands still."""
    return Journal(root, "lab/s", lambda: now)


def put(to: Journal, *payloads: bytes, received: int = NOON) -> list[Entry]:
    """Keep some messages."""
    return to.append_many([Message(one, {}, received) for one in payloads])


def read(of: Journal, day: str = DAY, offset: int = 0) -> list[Entry]:
    """Everything of a day; damage fails the test."""
    damaged: list[Damage] = []
    entries = list(of.read(day, offset, damaged.append))
    assert damaged == []
    return entries


def payloads(of: Journal, day: str = DAY, offset: int = 0) -> list[bytes]:
    """What the entries of a day hold."""
    return [entry.payload for entry in read(of, day, offset)]


def names(of: Journal) -> list[str]:
    """The files of a journal that are not its locks."""
    return sorted(f.name for f in of.folder.iterdir() if f.name not in {".lock", ".closing"})


def until(true: Callable[[], object], within: float = 5.0) -> None:
    """Wait until something is so; fails the test after ``within`` s."""
    end = time.monotonic() + within
    while not true():
        assert time.monotonic() < end
        time.sleep(0.002)
