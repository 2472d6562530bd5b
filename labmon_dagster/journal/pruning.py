"""Removing days that are needed no more, so that everyone can see it was done on purpose."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from labmon_dagster.journal import stone
from labmon_dagster.journal.closing import is_closed
from labmon_dagster.journal.journal import Journal
from labmon_dagster.model.window import instant_text


@dataclass(frozen=True, slots=True)
class Pruned:
    """A day that was removed: ``size`` bytes of its stream, ``freed`` bytes of the disk."""

    day: str
    size: int
    freed: int


def prune(
    journal: Journal, days: Iterable[str], sizes: Mapping[str, int] | None = None, now_ns: int | None = None
) -> list[Pruned]:
    """Remove all that some closed days hold, for ever; what was pruned before is passed over.

    A day that has another size than ``sizes`` says is left: something came since somebody looked.
    Removals of this journal that were broken off are finished too. Raises ValueError, before anything is
    removed, for a day that is not closed; OSError.
    """
    chosen = sorted({*days, *_unfinished(journal)})
    now = time.time_ns() if now_ns is None else now_ns
    for day in chosen:
        journal.day(day)
        if not is_closed(day, now):
            raise ValueError(f"{journal.source}: {day} is not over long enough to be pruned")
    found = [_prune(journal, day, (sizes or {}).get(day), instant_text(now)) for day in chosen]
    return [one for one in found if one]


def _unfinished(journal: Journal) -> list[str]:
    found = [journal.day(day) for day in journal.pruned_days()]
    return [day.name for day in found if (day.plain.exists() or day.packed.exists()) and not day.there()]


def _prune(journal: Journal, day: str, expected: int | None, when: str) -> Pruned | None:
    files = journal.day(day)
    if not journal.folder.is_dir():
        return None
    with journal.locked():
        size = files.end()
        if expected not in (None, size) or size == 0:
            return None
        # The mark first: a file that begins before its end counts as removed, whatever comes between.
        if size > files.pruned():
            stone.write(files.stone, journal.source, when, size)
        elif not (files.plain.exists() or files.packed.exists()):
            return None
        return Pruned(day, size, files.remove())
