"""The state of an emulated compressor: a pure function of time and seed, in psi, degrees F, A and h.

It runs for 30 hours, trips for a quarter of an hour, starts again and warms up. Water, oil and helium follow
with their own time constants.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

_CYCLE = 30 * 3600.0
_TRIPPED = 900.0
_STARTING = 30.0
_SINCE = 1_600_000_000.0
_HOURS = 10_613.5
_TRIPS = (1 << 0, 1 << 4, 1 << 15, 1 << 2)  # coolant in high, oil high, three phase, coolant out high


@dataclass(frozen=True)
class State:
    """What a compressor shows. ``floats`` are the eleven of 30007 to 30027, in their order."""

    operating: int
    running: int
    warnings: int
    alarms: int
    floats: tuple[float, ...]


def state_at(time: float, seed: int, alarm: bool) -> State:
    """Give the state at a time (s since 1970); ``alarm`` trips the compressor for too hot oil."""
    cycle, phase = divmod(time - _SINCE + random.Random(seed).uniform(0, _CYCLE), _CYCLE)  # noqa: S311
    alarms = _TRIPS[int(cycle) % len(_TRIPS)] if phase < _TRIPPED else 0
    if alarm:
        alarms |= 1 << 4 | 1 << 27
    operating = 7 if alarms else 2 if phase < _TRIPPED + _STARTING else 3
    floats = _floats(time, phase, seed, on=operating == 3, hot=35.0 if alarm else 0.0)
    warnings = 1 << 1 if floats[0] < 62.5 else 0
    return State(operating, int(operating == 3), warnings, alarms, floats)


def _floats(time: float, phase: float, seed: int, on: bool, hot: float) -> tuple[float, ...]:
    noise = random.Random(f"{seed}:{time:.3f}")  # noqa: S311 - no secret
    day = math.sin(2 * math.pi * time / 86_400)
    water = 65.0 + 3.0 * day + noise.gauss(0, 0.05)
    fast, slow = _warm(phase, 60.0), _warm(phase, 1800.0)
    low = 219.0 - 128.0 * fast + noise.gauss(0, 0.4)
    high = 219.2 + 78.0 * fast + noise.gauss(0, 0.6)
    mean_low, mean_high = 219.0 - 128.0 * fast, 219.2 + 78.0 * fast
    motor = 23.4 + 0.3 * day + noise.gauss(0, 0.1) if on else 0.21920500695705414
    hours = _HOURS + (time - _SINCE) / 3600 * (1 - _TRIPPED / _CYCLE)
    return (
        water,
        water + 21.0 * slow + noise.gauss(0, 0.05),
        water + 0.6 + 32.0 * slow + hot,
        water + 1.3 + 84.0 * slow + noise.gauss(0, 0.1),
        *(low, mean_low, high, mean_high, mean_high - mean_low, motor, hours),
    )


def _warm(phase: float, constant: float) -> float:
    """Give how far it has warmed up, 0 to 1: it cools while tripped, and warms up afterwards."""
    if phase < _TRIPPED:
        return math.exp(-phase / constant)
    cold = 1.0 - math.exp(-_TRIPPED / constant)
    return 1.0 - cold * math.exp(-(phase - _TRIPPED) / constant)
