"""Values as pages show them: numbers with and without units, texts, and signs for nothing."""

from __future__ import annotations

import re

from labmon_dagster.model.devices import Value
from labmon_dagster.model.measurement import FieldType
from labmon_dagster.sources.wire import units

_NUMBER = re.compile(r"([+-]?(?:[0-9]+(?:[.,][0-9]*)?|[.,][0-9]+)(?:[eE][+-]?[0-9]+)?) ?(\D.*)?")
_INTEGER = re.compile(r"[+-]?[0-9]+")
_CODE = re.compile(r"[+-]?0[0-9]")
_NOTHING = re.compile(r"|-+|–+|—+|n/?a|[+-]?(nan|inf|infinity)", re.IGNORECASE)


def shown(text: str, unit: str, kind: FieldType | None, decimal: str) -> tuple[Value, str]:
    """Give a value and its unit as they are shown; ``kind`` is what was declared, ``decimal`` ``.`` or ``,``.

    Without a ``kind`` a text is a number only if all of it is one, perhaps with a unit that is known, and
    not a code such as ``007``. Raises ValueError for signs that mean no value, and for numbers in doubt.
    """
    if kind is FieldType.TEXT and text:
        return text, unit
    if _NOTHING.fullmatch(text):
        raise ValueError(f"{text!r} is shown, which is no value")
    found = _NUMBER.fullmatch(text.replace("−", "-"))
    behind = (found[2] or "") if found else ""
    if found is None or (behind and not units.understood(behind)):
        return text, unit
    if kind is None and _CODE.match(found[1]):
        return text, unit
    if behind and unit and behind != unit:
        raise ValueError(f"{text!r} is shown, and its unit should be {unit}")
    return _number(found[1], text, decimal), behind or unit


def _number(digits: str, text: str, decimal: str) -> float | int:
    other = "," if decimal == "." else "."
    if other in digits:
        raise ValueError(f"{text!r} is shown, and the decimal sign is {decimal!r}; see the option decimal")
    digits = digits.replace(decimal, ".")
    if _INTEGER.fullmatch(digits):
        return int(digits)
    number = float(digits)
    if number == 0 and re.search("[1-9]", digits.lower().partition("e")[0]):
        raise ValueError(f"{text!r} is shown, which is too small for a float")
    return number
