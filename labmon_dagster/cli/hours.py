"""The hours of a day: how many rows an asset has in each, and how many were to be expected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from rich.text import Text

from labmon_dagster.cli.months import console
from labmon_dagster.formats import aligned
from labmon_dagster.model import SECOND, Window
from labmon_dagster.stores import DocumentStore, ReadingStore, owner_of

HOUR = 3600 * SECOND
_BAR = 40


@dataclass(frozen=True, slots=True)
class Hour:
    """The rows of one hour, and how many an instrument with a known interval gives in it."""

    hour: int
    rows: int
    expected: int | None = None


def hours_of(store: ReadingStore | DocumentStore, asset: str, day: date, interval: int | None) -> list[Hour]:
    """Count the rows (or documents) an asset wrote in each hour of a UTC day."""
    window = Window.of_days(day, day)
    rows = [0] * 24
    for name in store.collections() if isinstance(store, DocumentStore) else store.measurements():
        counted = store.count(name, window, HOUR, owner_of(asset))
        for start, number in counted.items():
            rows[start // HOUR % 24] += number
    begins = [window.start + n * HOUR for n in range(24)]
    wanted = [_multiples(begin, begin + HOUR, interval) if interval else None for begin in begins]
    return [Hour(n, number, want) for n, (number, want) in enumerate(zip(rows, wanted, strict=True))]


def show_hours(hours: Sequence[Hour]) -> None:
    """Show a line per hour: rows, rows expected, and a bar."""
    full = max((one.expected or one.rows for one in hours), default=0)
    cells = [
        (
            f"{one.hour:02}h",
            str(one.rows),
            "" if one.expected is None else f"of {one.expected}",
            _bar(one, full),
        )
        for one in hours
    ]
    screen = console()
    for one, line in zip(hours, aligned(cells, right=(1, 2)), strict=True):
        screen.print(Text(f"  {line}", style=_style(one)))


def _multiples(start: int, end: int, interval: int) -> int:
    """How many multiples of ``interval`` lie in a span: a logger's readings stand at such instants."""
    return -(-end // interval) - -(-start // interval)


def _bar(one: Hour, full: int) -> str:
    if not full:
        return ""
    filled = min(_BAR, max(one.rows * _BAR // full, 1 if one.rows else 0))
    wanted = _BAR if one.expected is None else min(_BAR, one.expected * _BAR // full)
    return "#" * filled + "." * (wanted - filled)


def _style(one: Hour) -> str:
    if one.expected is None:
        return ""
    return "green" if one.rows >= one.expected else "yellow" if one.rows else "red"
