"""The axes of a plot: where instants and values lie in the picture, and the lines at round ones."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from labmon_dagster.model import DAY, SECOND, Window

WIDTH, HEIGHT = 760, 280
LEFT, RIGHT, TOP, BOTTOM = 70, 15, 12, 46
GRID, LINE, SPAN = "#ddd", "#1f5fa8", "#f4e3b5"
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400)
_TIMES, _VALUES = 8, 5


class Axes:
    """Where instants and values lie in the picture."""

    def __init__(self, window: Window, low: float, high: float) -> None:
        self.window = window
        self.low, self.high = low, high

    def x(self, ns: int) -> float:
        """Across, in pixels; years in ns, times pixels, are more than the 64 bits of numpy hold."""
        length = self.window.end - self.window.start
        return LEFT + (WIDTH - LEFT - RIGHT) * (int(ns) - self.window.start) / length

    def y(self, value: float) -> float:
        """Down, in pixels."""
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (value - self.low) / (self.high - self.low)

    def line(self, times: Iterable[int], values: Iterable[float]) -> str:
        """A part of the line, or a point."""
        places = [f"{self.x(t):.1f},{self.y(v):.1f}" for t, v in zip(times, values, strict=True)]
        if len(places) == 1:
            across, down = places[0].split(",")
            return f'<circle cx="{across}" cy="{down}" r="1.5" fill="{LINE}"/>'
        return f'<polyline points="{" ".join(places)}" fill="none" stroke="{LINE}"/>'

    def shade(self, span: Window) -> str:
        """The time of a stream."""
        left = self.x(max(span.start, self.window.start))
        width = max(self.x(min(span.end, self.window.end)) - left, 1)
        return (
            f'<rect x="{left:.1f}" y="{TOP}" width="{width:.1f}" height="{HEIGHT - TOP - BOTTOM}" '
            f'fill="{SPAN}"/>'
        )

    def value_lines(self) -> Iterator[str]:
        """Lines at round values."""
        step = 10 ** math.floor(math.log10((self.high - self.low) / _VALUES))
        step *= next(n for n in (1, 2, 5, 10) if (self.high - self.low) / (step * n) <= _VALUES)
        digits = max(0, -math.floor(math.log10(step)))
        for n in range(math.ceil(self.low / step), math.floor(self.high / step) + 1):
            down = self.y(n * step)
            yield (
                f'<path d="M{LEFT} {down:.1f}H{WIDTH - RIGHT}" stroke="{GRID}"/>'
                f'<text x="{LEFT - 6}" y="{down + 4:.1f}" text-anchor="end">{n * step:.{digits}f}</text>'
            )

    def time_lines(self) -> Iterator[str]:
        """Lines at round times, with the day where it is the first or a new one."""
        length = self.window.end - self.window.start
        seconds = next((s for s in _STEPS if length / (s * SECOND) <= _TIMES), None)
        step = seconds * SECOND if seconds else math.ceil(length / DAY / _TIMES) * DAY
        before = ""
        for ns in range(-(-self.window.start // step) * step, self.window.end, step):
            when, across = datetime.fromtimestamp(ns // SECOND, UTC), self.x(ns)
            day, clock = f"{when:%Y-%m-%d}", f"{when:%H:%M:%S}" if step < 60 * SECOND else f"{when:%H:%M}"
            yield (
                f'<path d="M{across:.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="{GRID}"/>'
                f'<text x="{across:.1f}" y="{HEIGHT - 30}" text-anchor="middle">{clock}</text>'
            )
            if day != before:
                yield f'<text x="{across:.1f}" y="{HEIGHT - 16}" text-anchor="middle">{day}</text>'
            before = day
        yield f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 3}" text-anchor="end">UTC</text>'
