"""Units in JSON: beside their value, or together under ``units``. Each is judged alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from labmon_dagster.sources.device_json.leaves import NoValue, below, is_text
from labmon_dagster.sources.wire import units
from labmon_dagster.sources.wire.declared import Declared

_VALUES = "values."


class Units:
    """The units that stand together, by our names; ``null`` and blanks are none.

    ``left`` are those whose quantity was not said. Raises ValueError for paths that are too long or too deep.
    """

    def __init__(self, told: Mapping[str, Any], declared: Declared) -> None:
        self._declared = declared
        self._known: dict[str, list[tuple[str, str | NoValue]]] = {}
        try:
            for path, unit in _flat(told):
                if unit != "":
                    self._known.setdefault(self._name(path), []).append((path, unit))
        except RecursionError:
            raise ValueError("the JSON is nested too deeply") from None

    def take(self, path: str, *beside: str | NoValue) -> str | NoValue:
        """Give the unit of the value at a path, of all that are told; why it has none if these differ."""
        together = self._known.pop(self._name(path), [])
        return _agreed([*beside, *(unit for _, unit in together)])

    @property
    def left(self) -> list[tuple[str, str | NoValue]]:
        """The paths and units that no value took."""
        return [one for several in self._known.values() for one in several]

    def _name(self, path: str) -> str:
        plain = path.removeprefix(_VALUES)
        try:
            return self._declared.name(plain)
        except ValueError:
            return plain


def unit_of(told: Any) -> str | NoValue:
    """Give what is told as a unit; ``""`` for null and blanks, why it is none for what is no text."""
    if told is None:
        return ""
    if is_text(told):
        return str(told).strip()
    shown = told.reason if isinstance(told, NoValue) else ascii(told)
    return NoValue(f"its unit is no text: {shown[:40]}")


def _agreed(told: list[str | NoValue]) -> str | NoValue:
    found: dict[object, str] = {}
    for unit in told:
        if isinstance(unit, NoValue):
            return unit
        if unit:
            found.setdefault(units.understood(unit) or unit, unit)
    if len(found) > 1:
        shown = " and ".join(unit[:40] for unit in found.values())
        return NoValue(f"it has two units, {shown}")
    return next(iter(found.values()), "")


def _flat(told: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, str | NoValue]]:
    for key, value in told.items():
        where = below(path, key)
        if isinstance(value, Mapping):
            yield from _flat(value, where)
        else:
            yield where, unit_of(value)
