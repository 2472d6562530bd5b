"""The numbers of events: which of a run are missing, and which were used more than once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

import dagster as dg
import numpy as np
import polars as pl

from labmon_dagster.components.feed import Verdict
from labmon_dagster.landing.close import WHOLE
from labmon_dagster.model import Window
from labmon_dagster.stores import DocumentStore, LedgerRow

DETECTOR, RUN, NUMBER = "detector", "run", "number"
INDEXES = (f"{RUN} {DETECTOR} {NUMBER}", f"{DETECTOR} time")
ABOUT = "No number of an event is missing between the first and the last of a run, and none was used twice."
_SHOWN, _GAPS = 100, 5


@dataclass(frozen=True, slots=True)
class Numbers:
    """What the numbers of a detector's run say.

    ``lost``: how many are missing between ``first`` and ``last``; ``gaps``: the longest stretches of these.
    ``again``: events whose number another event of the run has, too.
    """

    detector: int
    run: int
    events: int
    first: int
    last: int
    lost: int
    again: int
    gaps: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, detector: int, run: int, numbers: pl.Series) -> Numbers:
        """Look at the numbers of a run, one for each event, in order; there is one at least."""
        given = numbers.to_numpy()
        single = given[np.append(True, given[1:] != given[:-1])]
        steps = np.diff(single.view(np.uint64))  # without sign, since a step may have 64 bits
        gaps = np.flatnonzero(steps > 1)
        longest = np.sort(gaps[np.argsort(steps[gaps])[-_GAPS:]])
        first, last = int(single[0]), int(single[-1])
        return cls(
            detector,
            run,
            len(given),
            first,
            last,
            last - first + 1 - len(single),
            len(given) - len(single),
            tuple((int(single[gap]) + 1, int(single[gap + 1]) - 1) for gap in longest),
        )


@dataclass(frozen=True)
class EventNumbers:
    """Looks at the runs of which events were stored lately, in the collection of the asset ``asset``."""

    asset: str
    collection: str

    def __call__(self, store: DocumentStore, days: Sequence[date]) -> Verdict:
        """Judge the runs that have events of the time the days' events are of."""
        ledger = store.ledger(self.asset)
        found = [self._run(store, *pair) for pair in self._runs(store, [ledger[day] for day in days])]
        worst = sorted(found, key=lambda one: (-one.lost, -one.again, one.detector, one.run))
        lost, again = sum(one.lost for one in found), sum(one.again for one in found)
        shown = {
            "events lost": lost,
            "numbers used again": again,
            "redelivered": redelivered(ledger.values()),
            "runs looked at": len(found),
            "runs": dg.MetadataValue.md(_table(worst[:_SHOWN])),
        }
        return Verdict(not lost and not again, shown)

    def _runs(self, store: DocumentStore, rows: Sequence[LedgerRow]) -> list[tuple[int, int]]:
        firsts = [row.first for row in rows if row.first is not None]
        lasts = [row.last for row in rows if row.last is not None]
        if not firsts or not lasts:
            return []
        found = store.tally(self.collection, [DETECTOR, RUN], Window(min(firsts), max(lasts) + 1))
        return sorted(found.drop_nulls().select(DETECTOR, RUN).iter_rows())

    def _run(self, store: DocumentStore, detector: int, run: int) -> Numbers:
        numbers = store.numbers(self.collection, NUMBER, {RUN: run, DETECTOR: detector})
        return Numbers.of(detector, run, numbers)


def redelivered(ledger: Iterable[LedgerRow]) -> int:
    """Count the events that came again, on the days that were read in full last.

    What was stored out of quarantine later is in the store, and did not come with that read.
    """
    whole = [row for row in ledger if row.covered == WHOLE and not row.stale]
    return sum(max(0, _came(row) - row.in_store) for row in whole)


def _came(row: LedgerRow) -> int:
    return row.counts.read - row.counts.quarantined - row.counts.empty


def _table(runs: Sequence[Numbers]) -> str:
    head = "| detector | run | events | first | last | lost | used again | longest gaps |"
    lines = [
        f"| {one.detector} | {one.run} | {one.events:,} | {one.first} | {one.last} | {one.lost:,} "
        f"| {one.again:,} | {', '.join(map(_gap, one.gaps))} |"
        for one in runs
    ]
    return "\n".join([head, "|---" * 8 + "|", *lines])


def _gap(gap: tuple[int, int]) -> str:
    first, last = gap
    return f"{first}" if first == last else f"{first}–{last}"
