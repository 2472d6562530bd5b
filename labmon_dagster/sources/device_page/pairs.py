"""Names and values in the rows of a page."""

from __future__ import annotations

import re
from dataclasses import dataclass

from labmon_dagster.sources.device_page.rows import Row, rows
from labmon_dagster.sources.device_page.shown import as_name, as_value
from labmon_dagster.sources.wire import units

_LINE = re.compile(r"(?P<name>[^:=]+?)\s*[:=]\s*(?!//)(?P<value>\S.*)")
_BRACKETS = re.compile(r"(?P<name>.*\S)\s*[(\[](?P<unit>[^()\[\]]+)[)\]]")
_TOLD = 200  # characters of a row that is no pair


@dataclass(frozen=True, slots=True)
class Pair:
    """A name and the text of its value. ``unit``: where that stands apart. ``odd``: why it has no value.

    ``whole``: the name as it is shown, with a unit in brackets.
    """

    name: str
    text: str
    unit: str = ""
    odd: str = ""
    whole: str = ""


def pairs(page: str) -> list[Pair]:
    """Find the names and values of a page. Raises ValueError for a page cut short."""
    return [pair for row in rows(page) for pair in _of_row(row)]


def _of_row(row: Row) -> list[Pair]:
    cells = row.cells
    if len(cells) == 1:
        return _of_line(cells[0])
    if len(cells) == 2:
        return [_pair(cells[0], cells[1])]
    if len(cells) == 3 and (not cells[2] or units.understood(as_value(cells[2]))):
        return [_pair(cells[0], cells[1], cells[2])]
    if len(row.headings) == len(cells):
        return _of_matrix(row)
    shown = as_value(" | ".join(cells))
    shown = shown if len(shown) <= _TOLD else f"{shown[:_TOLD]}…"
    odd = f"a row of {len(cells)} cells ({shown}); name, value, unit were expected"
    return [Pair(as_name(_name(cells[0])), "", odd=odd)]


def _of_line(line: str) -> list[Pair]:
    match = _LINE.fullmatch(line)
    has_letter = match is not None and any(c.isalpha() for c in match["name"])
    return [_pair(match["name"], match["value"])] if match and has_letter else []


def _of_matrix(row: Row) -> list[Pair]:
    """Name each cell by its column and its row: ``Resistance (ohm)`` and ``1`` is ``Resistance 1``."""
    found = []
    for heading, text in zip(row.headings[1:], row.cells[1:], strict=True):
        name, unit = _parted(heading)
        first = as_name(row.cells[0])
        whole = f"{as_name(heading)} {first}".strip()
        found.append(Pair(f"{name} {first}".strip(), as_value(text), unit, whole=whole))
    return found


def _pair(name: str, text: str, unit: str = "") -> Pair:
    whole = _name(name)
    plain, told = _parted(whole)
    unit = as_value(unit)
    odd = f"it has two units, {told} and {unit}" if unit and told and unit != told else ""
    return Pair(plain, as_value(text), unit or told, odd, as_name(whole))


def _parted(name: str) -> tuple[str, str]:
    """Part a name from the unit in brackets behind it; brackets with anything else stay."""
    match = _BRACKETS.fullmatch(name)
    unit = as_value(match["unit"].strip()) if match else ""
    if match and units.understood(unit):
        return as_name(match["name"]), unit
    return as_name(name), ""


def _name(cell: str) -> str:
    return cell.rstrip(" :=")
