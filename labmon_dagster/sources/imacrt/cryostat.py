"""An emulated dilution refrigerator: temperatures, resistances and heaters as functions of time and seed."""

from __future__ import annotations

import math
from dataclasses import dataclass

_HOUR = 3600.0
_CYCLE = 30 * 24 * _HOUR  # from one cool-down to the next
_WARM = 293.0
_SLOT = 8 * _HOUR  # in which there is a trip now and then
_TRIPS = 0.1


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage: K at its coldest, hours to fall to 1/e, K of a trip, its thermometer and heater in ohm."""

    base: float
    fall: float
    trip: float
    resistance: float
    heater: float
    largest_power: float


STAGES = (
    Stage(0.0123, 3.4, 0.9, 1_020.0, 120.0, 2e-3),  # mixing chamber
    Stage(0.74, 2.9, 1.6, 1_180.0, 100.0, 2e-2),  # still
    Stage(3.61, 2.1, 4.0, 995.0, 47.0, 1e-1),  # plate at 4 K
)


def noise(seed: int, at: float, salt: int) -> float:
    """Give noise between -1 and 1 that a time has always."""
    wave = math.sin(at * 12.9898 + salt * 78.233 + (seed % 9973) * 37.719) * 43_758.5453
    return 2 * (wave - math.floor(wave)) - 1


def temperature(seed: int, at: float, stage: int) -> float:
    """Give the temperature of a stage in K at ``at`` (s since 1970)."""
    kind = STAGES[stage]
    age = (at + seed * 7.3 * _HOUR) % _CYCLE
    cooling = math.exp(-age / (kind.fall * _HOUR)) + math.exp(-(_CYCLE - age) / (kind.fall * _HOUR))
    cold = kind.base * (1 + 0.01 * math.sin(2 * math.pi * at / (24 * _HOUR) + stage))
    return (cold + (_WARM - cold) * cooling + _trip(seed, at, kind)) * (1 + 0.002 * noise(seed, at, stage))


def resistance(stage: int, kelvin: float) -> float:
    """Give the resistance of a stage's ruthenium oxide thermometer in ohm."""
    return STAGES[stage].resistance * math.exp((0.41 / kelvin) ** 0.25)


def power(seed: int, at: float, stage: int, setpoint: float) -> float:
    """Give the power in W with which a loop holds a setpoint (K)."""
    kind = STAGES[stage]
    lacking = max(0.0, setpoint - temperature(seed, at, stage))
    return min(kind.largest_power, kind.largest_power * lacking / setpoint)


def board(seed: int, at: float) -> float:
    """Give the temperature of a board in an electronics rack, degrees Celsius."""
    return 36.5 + 1.5 * math.sin(2 * math.pi * at / (24 * _HOUR)) + 0.05 * noise(seed, at, 9)


def _trip(seed: int, at: float, kind: Stage) -> float:
    slot = math.floor(at / _SLOT)
    if noise(seed, slot, 5) < 1 - 2 * _TRIPS:
        return 0.0
    since = at - slot * _SLOT - _HOUR * (1 + noise(seed, slot, 6))
    return kind.trip * math.exp(-since / (0.4 * _HOUR)) if since > 0 else 0.0
