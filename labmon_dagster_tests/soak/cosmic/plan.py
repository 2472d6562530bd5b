"""When what happens in a soak of COSMIC events, drawn from a seed."""

from __future__ import annotations

import random
from dataclasses import dataclass

KILLS, RESTARTS = 5, 3
_AWAY = 300.0  # s that MongoDB is away; of a short soak half


@dataclass(frozen=True, slots=True)
class Plan:
    """What happens when, in s from the start. ``outage``: of MongoDB, from and to."""

    seed: int
    seconds: float
    kills: tuple[float, ...]
    restarts: tuple[float, ...]
    outage: tuple[float, float]

    @classmethod
    def draw(cls, seed: int, seconds: float) -> Plan:
        """Draw the moments. Kills of the collector also happen while the broker or MongoDB is away."""
        chance = random.Random(seed)
        away = min(_AWAY, seconds / 2)
        begin = chance.uniform(0.1, 0.4) * seconds
        return cls(
            seed,
            seconds,
            _moments(chance, KILLS, seconds),
            _moments(chance, RESTARTS, seconds),
            (begin, begin + away),
        )


def _moments(chance: random.Random, count: int, seconds: float) -> tuple[float, ...]:
    return tuple((n + chance.uniform(0.2, 0.9)) * seconds / count for n in range(count))
