"""Timing two ways of doing one thing in turn, so that a machine whose speed drifts is fair to both."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Pair:
    """``ours`` and ``theirs`` do the same to the same input; each gives how much it did (``unit``)."""

    name: str
    peer: str
    ours: Callable[[], float]
    theirs: Callable[[], float]
    unit: str
    wanted: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """Rates of each round in ``unit`` per second."""

    pair: Pair
    ours: list[float] = field(default_factory=list)
    theirs: list[float] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        """Median over the rounds of ours / theirs."""
        return statistics.median(a / b for a, b in zip(self.ours, self.theirs, strict=True))

    def row(self) -> str:
        """One line of a Markdown table."""
        ours, theirs = statistics.median(self.ours), statistics.median(self.theirs)
        low, high = (f(a / b for a, b in zip(self.ours, self.theirs, strict=True)) for f in (min, max))
        pair = self.pair
        return (
            f"| {pair.name} | {pair.peer} | {ours:.0f} {pair.unit}/s | {theirs:.0f} {pair.unit}/s "
            f"| **{self.ratio:.1f}** ({low:.1f}–{high:.1f}) | ≥ {pair.wanted:g} |"
        )


def run(pair: Pair, rounds: int = 5) -> Outcome:
    """Time both in turn, after one round that is not counted."""
    outcome = Outcome(pair)
    for number in range(rounds + 1):
        ours, theirs = _rate(pair.ours), _rate(pair.theirs)
        if number:
            outcome.ours.append(ours)
            outcome.theirs.append(theirs)
    return outcome


def _rate(work: Callable[[], float]) -> float:
    start = time.perf_counter()
    done = work()
    return done / (time.perf_counter() - start)
