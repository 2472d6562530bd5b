"""When what happens in a soak of the devices, drawn from a seed."""

from __future__ import annotations

import random
from dataclasses import dataclass

RATE = 0.03
KILLS = 2


@dataclass(frozen=True, slots=True)
class Plan:
    """What happens when, in s from the start."""

    seed: int
    minutes: float
    outage: tuple[float, float]
    collector_kills: tuple[float, ...]
    dagster_kills: tuple[float, ...]
    rate: float = RATE

    @classmethod
    def draw(cls, seed: int, minutes: float) -> Plan:
        """Draw the moments: MongoDB is away for a third of the time, kills are a tenth of it apart."""
        chance, whole = random.Random(seed), minutes * 60
        begin = chance.uniform(0.15, 0.55) * whole
        return cls(
            seed,
            minutes,
            (begin, begin + whole / 3),
            _moments(chance, whole),
            _moments(chance, whole),
        )


def _moments(chance: random.Random, whole: float) -> tuple[float, ...]:
    return tuple((n + chance.uniform(0.25, 0.9)) * whole / KILLS for n in range(KILLS))
