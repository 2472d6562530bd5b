"""A calendar in text: a line per month, a character per day, and reasons pulled together into ranges."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from itertools import groupby

from rich.console import Console
from rich.text import Text

from labmon_dagster.formats import aligned, printable
from labmon_dagster.report import DayReport, State

LEGEND = {
    State.STORED: ("#", "green"),
    State.EMPTY: ("o", "green"),
    State.NOT_KEPT: ("-", "dim"),
    State.PRUNED: ("p", "dim"),
    State.READ: ("r", "cyan"),
    State.STALE: ("w", "yellow"),
    State.TROUBLE: ("!", "bold red"),
    State.UNREAD: (".", "red"),
}
_TENS = " " * 9 + "1" * 10 + "2" * 10 + "3" * 2
_ONES = ("1234567890" * 4)[:31]


def console() -> Console:
    """Give a terminal to write on; where it is none, colours are left out."""
    return Console(file=sys.stdout, highlight=False, soft_wrap=True)


def show_calendar(asset: str, days: Sequence[DayReport]) -> None:
    """Show the months that ``days`` (in a row) lie in."""
    screen = console()
    screen.print(Text(asset, style="bold"))
    screen.print(Text(f"  {'':7}  {_TENS}\n  {'':7}  {_ONES}", style="dim"))
    for month, some in groupby(days, key=lambda one: f"{one.day:%Y-%m}"):
        reports = list(some)
        line = Text(f"  {month}  " + " " * (reports[0].day.day - 1))
        for one in reports:
            line.append(*LEGEND[one.state])
        screen.print(line)
    legend = Text("  ")
    for state in LEGEND:
        legend.append(*LEGEND[state])
        legend.append(f" {state.value}   ")
    legend.rstrip()
    screen.print(legend)


def show_reasons(days: Iterable[DayReport]) -> None:
    """Show why days are not proven, neighbours with one reason in one line."""
    found = ranges(days)
    if found:
        screen = console()
        screen.print(Text("  not proven:"))
        for line in aligned([(_span(first, last), printable(why)) for first, last, why in found]):
            screen.print(Text(f"    {line}"))


def ranges(days: Iterable[DayReport]) -> list[tuple[date, date, str]]:
    """Pull days in a row that have one reason together: first day, last day, reason."""
    found: list[tuple[date, date, str]] = []
    for one in days:
        if found and found[-1][2] == one.why and one.day - found[-1][1] == timedelta(days=1):
            found[-1] = (found[-1][0], one.day, one.why)
        else:
            found.append((one.day, one.day, one.why))
    return found


def _span(first: date, last: date) -> str:
    return f"{first}" if first == last else f"{first} to {last}"
