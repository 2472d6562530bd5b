"""Stretches of time that are known to be empty, so that rows which come there need no question each.

Asking a server that is busy writing what it holds costs more than the writing. Once a question was
answered with nothing, one more finds the next point behind it, and up to there nothing is asked.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from labmon_dagster.model import Window

_BELIEVED = 30.0
_Series: TypeAlias = tuple[str, frozenset[tuple[str, str]]]


@dataclass(slots=True)
class _Stretch:
    window: Window
    until: float


class Ahead:
    """The empty stretches of the series of a database, believed for half a minute."""

    def __init__(self) -> None:
        self._stretches: dict[_Series, _Stretch] = {}

    def is_empty(self, measurement: str, tags: Mapping[str, str], window: Window) -> bool:
        """Whether nothing is stored in a window, as far as is known."""
        known = self._stretches.get((measurement, frozenset(tags.items())))
        if known is None or known.until < time.monotonic():
            return False
        return known.window.start <= window.start and window.end <= known.window.end

    def empty(
        self, measurement: str, tags: Mapping[str, str], window: Window, behind: Callable[[], int]
    ) -> None:
        """Note that a window was found empty; ``behind`` gives the time (ns) of the next point after it."""
        stretch = _Stretch(Window(window.start, behind()), time.monotonic() + _BELIEVED)
        self._stretches[measurement, frozenset(tags.items())] = stretch

    def forget(self) -> None:
        """Believe nothing any more: others may have written."""
        self._stretches.clear()

    def wrote(self, measurement: str, span: Window) -> None:
        """Note that rows are written: what lies up to the last of them is empty no more."""
        for (name, _), stretch in self._stretches.items():
            if name == measurement and span.start < stretch.window.end and stretch.window.start < span.end:
                stretch.window = Window(span.end, max(span.end, stretch.window.end))
