"""One point as line protocol: every value exactly as it was given, or a reason why it cannot be kept."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import lru_cache

import numpy as np

from labmon_dagster.stores.influxdb.words import (
    complaint_about_measurement,
    complaint_about_name,
    complaint_about_tag,
    key,
    series_key,
)

_NULLS = frozenset({"NAType", "NaTType", "NoneType"})
_LARGEST, _SMALLEST = 2**63 - 1, -(2**63)
_ALLOWED = "allowed: numbers, truth values and text"


def series_text(measurement: str, tags: Mapping[str, object]) -> str:
    """Write measurement and tags; tags that are null or '' are left out.

    Raises ValueError for a name or text that line protocol cannot carry.
    """
    measured(measurement)
    texts = {named(str(name)): "" if is_null(value) else str(value) for name, value in tags.items()}
    for name, text in texts.items():
        if complaint := complaint_about_tag(text):
            raise ValueError(f"tag {name}: {complaint}")
    return series_key(measurement, sorted(texts.items()))


def fields_text(
    fields: Iterable[tuple[str, object]], tags: Mapping[str, object], kinds: Mapping[str, str]
) -> str:
    """Write fields in the order given; null and NaN are left out, so that '' means that there is none.

    ``kinds``: how whole numbers of a field are written, as a `Point` has it: 'i' (as it is), 'u' (the same,
    not below zero) or '' (as a float). Raises ValueError for a name that is no field's, or a value that
    cannot be kept exactly.
    """
    parts = []
    for given, value in fields:
        name = named(str(given))
        if name in tags:
            raise ValueError(f"{name!r} is a tag and a field of one point")
        if not is_null(value):
            parts.append(f"{key(name)}={_value_text(name, value, kinds.get(name, 'i'))}")
    return ",".join(parts)


def is_null(value: object) -> bool:
    """Whether there is no value: None, NaN, pandas' NA and NaT."""
    if type(value).__name__ in _NULLS:
        return True
    return isinstance(value, float | np.floating | Decimal) and math.isnan(value)


@lru_cache(maxsize=10_000)
def named(name: str) -> str:
    """Give the name of a tag or field back. Raises ValueError for one that cannot be kept."""
    if complaint := complaint_about_name(name):
        raise ValueError(complaint)
    return name


@lru_cache(maxsize=1_000)
def measured(name: object) -> str:
    """Give the name of a measurement back. Raises ValueError for one that cannot be kept."""
    if not isinstance(name, str):
        raise ValueError(f"a measurement has a text as its name, not {name!r}")
    if complaint := complaint_about_measurement(name):
        raise ValueError(complaint)
    return name


def _value_text(name: str, value: object, kind: str) -> str:
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, int | np.integer):
        return _whole(name, int(value), kind)
    if isinstance(value, float | np.floating | Decimal):
        return _float(name, value)
    raise ValueError(f"field {name}: {type(value).__name__} is no value of a field; {_ALLOWED}")


def _whole(name: str, number: int, kind: str) -> str:
    low = 0 if kind == "u" else _SMALLEST
    if not low <= number <= _LARGEST:
        raise ValueError(f"field {name}: {number} does not fit; allowed: {low} to {_LARGEST}")
    if kind:
        return f"{number}i"
    if int(float(number)) != number:
        raise ValueError(f"field {name}: {number} has no exact value as a 64-bit float")
    return repr(float(number))


def _float(name: str, value: float | np.floating | Decimal) -> str:
    number = float(value)
    if math.isinf(number):
        raise ValueError(f"field {name}: {value!r} is no number that a database can keep")
    same = Decimal(repr(number)) == value if isinstance(value, Decimal) else number == value
    if not same:
        raise ValueError(f"field {name}: {value!r} has more digits than a 64-bit float")
    return repr(number)
