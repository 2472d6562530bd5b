"""A plot of readings against time as SVG: axes with units and times (UTC), every extreme, every gap."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from urllib.parse import quote

import numpy as np
import numpy.typing as npt
import polars as pl

from labmon_dagster.model import TIME, Window
from labmon_dagster.records.plot_axes import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Axes
from labmon_dagster.records.words import short_time

_GAP = 3.0  # of the usual time between readings
_INK = "#222"
_COLUMNS, _ROWS, _SHORT = 70, 32, 999
_SAFE = "/:=',;.-"  # characters of a picture that a link may have as they are
Numbers = npt.NDArray[np.int64] | npt.NDArray[np.float64]


def plot(rows: pl.DataFrame, field: str, window: Window, label: str, spans: Sequence[Window] = ()) -> str:
    """Draw a field of rows (by ``time``) over a window. ``spans`` (streams) are shaded.

    Of readings that fall onto one column of the picture, the least and the greatest are drawn. Where
    readings are missing the line is broken; one that stands alone is a point.
    """
    times = rows[TIME].cast(pl.Int64).to_numpy()
    values = rows[field].to_numpy()
    low, high = bounds(values)
    axes = Axes(window, low, high)
    inside = [
        *(axes.shade(span) for span in spans),
        *axes.value_lines(),
        *axes.time_lines(),
        *(axes.line(*part) for part in parts(times, values, window, WIDTH - LEFT - RIGHT)),
    ]
    frame = (
        f'<rect x="{LEFT}" y="{TOP}" width="{WIDTH - LEFT - RIGHT}" height="{HEIGHT - TOP - BOTTOM}" '
        f'fill="none" stroke="{_INK}"/>'
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
        f'viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="11" fill="{_INK}">'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>{"".join(inside)}{frame}'
        f'<text transform="rotate(-90)" x="{-HEIGHT / 2:.0f}" y="14" text-anchor="middle">{escape(label)}'
        "</text></svg>"
    )


def parts(
    times: npt.NDArray[np.int64], values: npt.NDArray[np.float64], window: Window, columns: int
) -> Iterator[tuple[Numbers, Numbers]]:
    """Give the parts of a line between gaps (wider than a column): times (ns) and values, two a column."""
    if not len(times):
        return
    steps = np.diff(times)
    usual = float(np.median(steps)) if len(steps) else 0.0
    seen = max(_GAP * usual, (window.end - window.start) / columns)
    for part in np.split(np.arange(len(times)), np.flatnonzero(steps > seen) + 1):
        chosen = part[_extremes(times[part], values[part], window, columns)]
        yield times[chosen], values[chosen]


def _extremes(
    times: npt.NDArray[np.int64], values: npt.NDArray[np.float64], window: Window, columns: int
) -> npt.NDArray[np.int64]:
    """Give the places of the first, the last, and of the least and greatest value of each column."""
    unit, start, length = _units(window, columns)
    column = (times // unit - start) * columns // length
    order = np.lexsort((values, column))
    first = np.flatnonzero(np.diff(column[order], prepend=column[order][0] - 1))
    last = np.append(first[1:], len(order)) - 1
    return np.unique(np.concatenate([order[first], order[last], [0, len(times) - 1]]))


def _units(window: Window, columns: int) -> tuple[int, int, int]:
    """Give a unit (ns), and in it the start and the length of a window.

    A nanosecond is too small for years: times columns they are more than 64 bits hold.
    """
    unit = (window.end - window.start) * columns // 2**62 + 1
    start = window.start // unit
    return unit, start, max((window.end - 1) // unit - start + 1, 1)


def bounds(values: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Give what an axis of values begins and ends with, a little beyond the extremes."""
    if not len(values):
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    room = (high - low) * 0.05 or abs(high) * 0.01 or 1.0
    return low - room, high + room


def sketch(rows: pl.DataFrame, field: str, window: Window) -> str:
    """Draw a field of rows as a small picture in Markdown.

    It has less than 1000 characters: the Dagster UI shows so much at once, and more only when asked. Each
    column goes from the least to the greatest value in it, and is empty where there are no readings.
    """
    for columns in range(_COLUMNS, 0, -2):
        drawn = _sketch(rows, field, window, columns)
        text = f"![{field} in K](data:image/svg+xml,{quote(drawn, safe=_SAFE)})"
        if len(text) <= _SHORT:
            return text
    raise ValueError(f"the name {field!r} is too long for a picture of {_SHORT} characters")


def _sketch(rows: pl.DataFrame, field: str, window: Window, columns: int) -> str:
    values = rows[field].to_numpy()
    low, high = float(values.min()), float(values.max())
    unit, start, length = _units(window, columns)
    at = ((pl.col(TIME).cast(pl.Int64) // unit - start) * columns // length).alias("at")
    down = ((high - pl.col(field)) / ((high - low) or 1.0) * (_ROWS - 1)).floor().cast(pl.Int64).alias("down")
    drawn = rows.select(at, down).group_by("at").agg(pl.min("down").alias("top"), pl.max("down") + 1)
    path = "".join(f"M{x},{top}V{end}" for x, top, end in drawn.sort("at").iter_rows())
    first, last = (short_time(ns)[5:16].replace("T", " ") for ns in (window.start, window.end - 1))
    return (
        "<svg xmlns='http://www.w3.org/2000/svg' width='410' font-size='2' style='background:#fff' "
        f"viewBox='-1 -1 {columns + 10} 37'><path d='{path}' stroke='#00f'/>"
        f"<text x='{columns}' y='3'>{high:.4g}K</text><text x='{columns}' y='31'>{low:.4g}K</text>"
        f"<text y='35'>{first}</text><text x='{columns - 10}' y='35'>{last} UTC</text></svg>"
    )
