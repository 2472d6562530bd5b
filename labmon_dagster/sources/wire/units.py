"""Units as instruments write them: which texts are units, and numbers moved between decimal prefixes."""

from __future__ import annotations

import math
from decimal import Decimal

_ALONE = {
    "%": "%",
    "°C": "degC",
    "degC": "degC",
    "°F": "degF",
    "degF": "degF",
    "psi": "psi",
    "psia": "psia",
    "psig": "psig",
    "min": "min",
    "h": "h",
    "hr": "h",
    "hrs": "h",
    "l/min": "l/min",
    "m3/h": "m3/h",
    "m^3/h": "m3/h",
    "m³/h": "m3/h",
    "rpm": "rpm",
    "W/K": "W/K",
    "1/s": "1/s",
}
_BASES = {
    "K": "K",
    "ohm": "ohm",
    "Ohm": "ohm",
    "ohms": "ohm",
    "Ω": "ohm",
    "\u2126": "ohm",
    "V": "V",
    "A": "A",
    "W": "W",
    "Pa": "Pa",
    "bar": "bar",
    "Torr": "Torr",
    "torr": "Torr",
    "Hz": "Hz",
    "s": "s",
    "m": "m",
    "g": "g",
    "T": "T",
    "mol/s": "mol/s",
}
_PREFIXES = {"p": -12, "n": -9, "u": -6, "µ": -6, "μ": -6, "m": -3, "c": -2, "h": 2, "k": 3, "M": 6, "G": 9}


def understood(unit: str) -> tuple[str, int] | None:
    """Give the base unit and the power of ten of a unit; None for a text that is no unit known here."""
    if unit in _ALONE:
        return _ALONE[unit], 0
    if unit in _BASES:
        return _BASES[unit], 0
    if unit[:1] in _PREFIXES and unit[1:] in _BASES:
        return _BASES[unit[1:]], _PREFIXES[unit[0]]
    return None


def moved(number: float, unit: str, wanted: str) -> float:
    """Give a number of ``unit`` in the unit ``wanted``: 12.3 mK is 0.0123 K, exactly in decimal digits.

    Nothing else is converted. Raises ValueError for units that differ by more than a decimal prefix.
    """
    if unit == wanted:
        return number
    here, there = understood(unit), understood(wanted)
    if here is None or there is None or here[0] != there[0]:
        raise ValueError(f"its unit is {unit!r}, {wanted!r} was expected")
    if here[1] == there[1]:
        return number
    result = float(Decimal(repr(number)).scaleb(here[1] - there[1]))
    if not math.isfinite(result) or (result == 0) != (number == 0):
        raise ValueError(f"{number!r} {unit} cannot be had in {wanted}")
    return result
