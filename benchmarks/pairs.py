"""Timing two ways of doing one thing in turn, so that a machine whose speed drifts is fair to both."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Pair:
    """``ours`` and ``theirs`` do the same to the same input; each gives how much it did (``unit``).

    ``wanted``: the ratio of rates to be reached. ``cpu``: the part of their CPU seconds ours may take for
    as much work, where that is wanted too.
    """

    name: str
    peer: str
    ours: Callable[[], float]
    theirs: Callable[[], float]
    unit: str
    wanted: float
    cpu: float | None = None


class Round(NamedTuple):
    """``unit`` per second, and CPU seconds of this process per ``unit``."""

    rate: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """Each round of both."""

    pair: Pair
    ours: list[Round] = field(default_factory=list)
    theirs: list[Round] = field(default_factory=list)

    @property
    def ratios(self) -> list[float]:
        """Ours / theirs, round by round."""
        return [a.rate / b.rate for a, b in zip(self.ours, self.theirs, strict=True)]

    @property
    def cpu(self) -> float:
        """Median of our CPU seconds over theirs, for as much work."""
        return statistics.median(a.cpu / b.cpu for a, b in zip(self.ours, self.theirs, strict=True))

    def row(self) -> str:
        """One line of a Markdown table."""
        pair, ratios = self.pair, self.ratios
        rates = [statistics.median(one.rate for one in side) for side in (self.ours, self.theirs)]
        wanted = f"≥ {pair.wanted:g}" + (f", CPU ≤ {pair.cpu:g}" if pair.cpu is not None else "")
        cpu = f", CPU {self.cpu:.2f}" if pair.cpu is not None else ""
        return (
            f"| {pair.name} | {pair.peer} | {rates[0]:.0f} {pair.unit}/s | {rates[1]:.0f} {pair.unit}/s "
            f"| **{statistics.median(ratios):.2g}** ({min(ratios):.2g}–{max(ratios):.2g}){cpu} | {wanted} |"
        )


def run(pair: Pair, rounds: int = 5) -> Outcome:
    """Time both in turn, after one round that is not counted."""
    outcome = Outcome(pair)
    for number in range(rounds + 1):
        ours, theirs = _round(pair.ours), _round(pair.theirs)
        if number:
            outcome.ours.append(ours)
            outcome.theirs.append(theirs)
    return outcome


def _round(work: Callable[[], float]) -> Round:
    start, cpu = time.perf_counter(), time.process_time()
    done = work()
    return Round(done / (time.perf_counter() - start), (time.process_time() - cpu) / done)
