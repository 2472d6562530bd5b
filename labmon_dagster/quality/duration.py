"""Lengths of time as a station keeper writes them: 500ms, 5s, 10min, 2h, 1d."""

from __future__ import annotations

import re

from labmon_dagster.model import DAY, SECOND

_UNITS = {"ms": SECOND // 1000, "s": SECOND, "min": 60 * SECOND, "h": 3600 * SECOND, "d": DAY}
_DURATION = re.compile(r"([0-9]{1,12}) ?(ms|s|min|h|d)")
_LONGEST = 366 * DAY  # windows are summed and doubled in 64-bit nanoseconds


def nanoseconds(text: object) -> int:
    """Read a length of time, a whole number and a unit (ms, s, min, h or d), as nanoseconds.

    Raises `ValueError` naming what is allowed if ``text`` is anything else, is zero, or exceeds 366d.
    """
    match = _DURATION.fullmatch(text.strip()) if isinstance(text, str) else None
    length = int(match[1]) * _UNITS[match[2]] if match else 0
    if not 0 < length <= _LONGEST:
        raise ValueError(
            f"{text!r} is no length of time; write a whole number above zero and one of the units "
            f"ms, s, min, h, d, as in 500ms, 5s, 10min, 2h or 1d (at most 366d)"
        )
    return length
