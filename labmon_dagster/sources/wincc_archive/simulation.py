"""What the simulated archive's datapoints are, what they measure, and when it is written down.

Everything follows from a seed, a datapoint and the time: the same however often it is asked.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import product
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

Numbers: TypeAlias = npt.NDArray[np.float64]
Whole: TypeAlias = npt.NDArray[np.int64]
Signal: TypeAlias = Callable[[int, int, Numbers], Numbers]

SECOND = 1_000_000  # times are microseconds since 1970
REASSIGNED = 11_813  # the datapoint that gets new IDs
_REASSIGNED_ID, _REASSIGNED_AFTER = 30_000, 5 * 86_400 * SECOND
_LATE_SHARE, _VERY_LATE_SHARE = 0.03, 0.0001


class Channel(NamedTuple):
    """A datapoint; ``slot`` is the time between two looks at it, ``step`` the resolution."""

    table: str
    dpid: int
    name: str
    alias: str
    slot: int
    step: float
    noise: float
    signal: Signal


@lru_cache
def channels(interval: float) -> tuple[Channel, ...]:
    """Give the boards' channels, and those of the PLC."""
    found = []
    for board, chips, pause in ((18, 2, interval), (33, 3, 15 * interval), (34, 3, 15 * interval)):
        for chip, channel in product(range(chips), range(6)):
            name = f"cms_mtdtf_dcs_1:MTRS/MTD_TIF_{board}/Chip_{chip}/Channel_{channel}"
            alias = f"MTD_TIF_{board}_chip{chip}_ch{channel}"
            dpid, slot = 10_000 + board * 100 + chip * 10 + channel, round(pause * SECOND)
            signal: Signal = _humidity if channel == 5 else _tray
            found.append(Channel("MTRSCHANNEL", dpid, name, alias, slot, 0.1, 0.03, signal))
    for (module, channel), (seconds, signal) in _PLC.items():
        name = f"cms_mtdtf_dcs_1:TK_PLCS/MTD/crate01/module{module:02d}/channel_read_{channel:02d}"
        alias, dpid = f"MTD_PLC_m{module}_ch{channel}", 20_000 + module * 100 + channel
        found.append(Channel("TKPLCREADSENSOR", dpid, name, alias, seconds * SECOND, 0.01, 0.1, signal))
    return tuple(found)


def _tray(seed: int, dpid: int, at: Numbers) -> Numbers:
    """Temperature on a tray of the detector, which is cooled down and warmed up again every eight hours."""
    chip = dpid // 10
    phase = chance(seed, chip, 4) + 0.1 * chance(seed, dpid, 4)
    share = (at / 28_800 + phase) % 1
    cold = _ramp((share - 0.3) / 0.1) - _ramp((share - 0.8) / 0.15)
    warm, coldest = 19 + 4 * chance(seed, dpid, 5), -35 + 5 * chance(seed, dpid, 6)
    return warm + (coldest - warm) * cold + _smooth(seed, dpid, at, 1200) - 0.5


def _humidity(seed: int, dpid: int, at: Numbers) -> Numbers:
    """Relative humidity of the dry air about the trays, with the day's course of the hall."""
    day = np.cos(2 * np.pi * (at / 86_400 + 0.1 * chance(seed, dpid, 4)))
    return 14 + 5 * day + 6 * (_smooth(seed, dpid, at, 10_800) - 0.5)


def _room(seed: int, dpid: int, at: Numbers) -> Numbers:
    """Temperature of the hall."""
    day = np.cos(2 * np.pi * (at / 86_400 - 0.6))
    return 21 + 1.5 * day + 2 * _smooth(seed, dpid, at, 7200)


def _coolant(seed: int, dpid: int, at: Numbers) -> Numbers:
    """Temperature of the coolant, which the plant's regulation lets swing a little."""
    return (
        -25 + 4 * chance(seed, dpid, 4) + 2 * _smooth(seed, dpid, at, 900) + _smooth(seed, dpid, at, 14_400)
    )


def _broken(seed: int, dpid: int, at: Numbers) -> Numbers:
    """A sensor whose wire is loose at times: it then reads anything up to the end of the scale."""
    loose = chance(seed, dpid, 4, (at // 900).astype(np.int64)) < 0.06
    wild = 76 + 773 * chance(seed, dpid, 5, (at // 20).astype(np.int64))
    return np.where(loose, wild, _room(seed, dpid, at))


_FAST, _SLOW, _SILENT = 45, 3 * 3600, 28 * 86_400  # seconds between looks
_PLC: dict[tuple[int, int], tuple[int, Signal]] = {
    (1, 1): (_FAST, _coolant),
    (1, 2): (_FAST, _coolant),
    (2, 1): (_FAST, _room),
    (2, 2): (_FAST, _room),
    (2, 3): (_FAST, _broken),
    (2, 4): (_SLOW, _room),
    (3, 1): (_FAST, _coolant),
    (3, 2): (_SLOW, _room),
    (3, 3): (_SLOW, _room),
    (3, 4): (_SILENT, _room),
}


def ids(dpid: int, generations: Whole) -> Whole:
    """Give the ID of a datapoint in each of the generations: only one gets new ones."""
    return generations + _REASSIGNED_ID if dpid == REASSIGNED else np.full_like(generations, dpid)


def generations(seed: int, at: Whole) -> Whole:
    """Give which of its IDs the datapoint that gets new ones has at some times."""
    return (at + (chance(seed, 7) * _REASSIGNED_AFTER).astype(np.int64)) // _REASSIGNED_AFTER


def delay(seed: int, dpid: int, look: Whole) -> Whole:
    """Give how late the rows are written: most in time, some by minutes, few by an hour to three days."""
    luck, length = chance(seed, dpid, 8, look), chance(seed, dpid, 9, look)
    seconds = np.where(luck < _VERY_LATE_SHARE, 3600 * 72**length, 60 + 840 * length)
    return np.where(luck < _LATE_SHARE, seconds * SECOND, 0).astype(np.int64)


def _ramp(share: Numbers) -> Numbers:
    """Rise smoothly from 0 to 1."""
    share = np.clip(share, 0, 1)
    return share * share * (3 - 2 * share)


def _smooth(seed: int, dpid: int, at: Numbers, period: int) -> Numbers:
    """Give noise from 0 to 1 that changes over ``period`` seconds."""
    knot = (at // period).astype(np.int64)
    left, right = (chance(seed, dpid, period, knot + n) for n in (0, 1))
    return left + (right - left) * _ramp(at / period - knot)


def chance(*keys: int | Whole) -> Numbers:
    """Give numbers from 0 to 1 that follow from the keys alone (SplitMix64)."""
    mixed = np.zeros(1, np.uint64)
    for key in keys:
        mixed = (mixed ^ np.asarray(key).astype(np.uint64)) + np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed ^= mixed >> np.uint64(31)
    return mixed / 2.0**64
