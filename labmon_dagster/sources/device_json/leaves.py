"""JSON as it is read here: strictly, as a list of named single values.

The standard library's parser is used because it can be told what to do with NaN, and of two equal keys.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from labmon_dagster.model.devices import Value

_VALUE, _UNITS = "value", ("unit", "units")
_LONGEST = 500  # characters of a path: each value has its own, and 1 MiB has many values
_TOLD, _CUT = 5, 20  # keys, and characters of each
_DIGITS = 20  # no integer of 64 bits has more characters


@dataclass(frozen=True, slots=True)
class NoValue:
    """Stands where there is no value that can be kept; says why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Leaf:
    """A single value, the keys that lead to it joined by dots, and what stands beside it as its units."""

    path: str
    value: Value | NoValue
    units: tuple[Any, ...] = ()


def parse(payload: bytes) -> dict[str, Any]:
    """Read a JSON object. Raises ValueError for all else, for a key twice, for bytes that are no UTF-8."""
    try:
        found = json.loads(
            payload.decode("utf-8-sig"),
            object_pairs_hook=_unique,
            parse_constant=lambda text: NoValue(f"{text} came, which is no finite number"),
            parse_float=_float,
            parse_int=_integer,
        )
    except UnicodeDecodeError as error:
        raise ValueError(f"no UTF-8: {error}") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"no JSON: {error}") from error
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None
    if not isinstance(found, dict):
        raise ValueError(f"a JSON {_called(found)} came, an object was expected")
    return found


def leaves(found: Mapping[str, Any], path: str = "") -> Iterator[Leaf]:
    """Give the single values of an object; of lists, null and empty objects, why they have none.

    ``{"value": 1.2, "unit": "K"}`` is one value with its unit; what stands beside these is named below it.
    Raises ValueError for a path of more than 500 characters.
    """
    if not found and path:
        yield Leaf(path, NoValue("an empty object came"))
    rest = dict(found)
    if path and _VALUE in rest and not isinstance(rest[_VALUE], dict):
        beside = tuple(rest.pop(key) for key in _UNITS if key in rest)
        yield Leaf(path, _single(rest.pop(_VALUE)), beside)
    for key, value in rest.items():
        where = below(path, key)
        if isinstance(value, dict):
            yield from leaves(value, where)
        else:
            yield Leaf(where, _single(value))


def below(path: str, key: str) -> str:
    """Give the path of a key below a path. Raises ValueError if it is too long to be a name."""
    found = f"{path}.{key}" if path else key
    if len(found) > _LONGEST:
        raise ValueError(f"a key, with those it stands in, of more than {_LONGEST} characters")
    return found


def is_text(value: Any) -> bool:
    """Whether it is a text that can be written as UTF-8: JSON can hold halves of characters."""
    return isinstance(value, str) and not any("\ud800" <= character <= "\udfff" for character in value)


def _single(value: Any) -> Value | NoValue:
    if isinstance(value, str) and not is_text(value):
        return NoValue("a text came with half a character (a lone surrogate)")
    if isinstance(value, NoValue | bool | int | float | str):
        return value
    return NoValue(f"{_called(value)} came, a single value was expected")


def _called(value: Any) -> str:
    return "null" if value is None else "list" if isinstance(value, list) else "single value"


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        times = Counter(key for key, _ in pairs)
        raise ValueError(f"a key twice in one object: {_told([key for key in times if times[key] > 1])}")
    halves = [key for key in found if not is_text(key)]
    if halves:
        raise ValueError(f"a key with half a character (a lone surrogate): {_told(halves)}")
    return found


def _told(keys: list[str]) -> str:
    shown = ", ".join(ascii(key[:_CUT]) for key in keys[:_TOLD])
    return f"{shown} and {len(keys) - _TOLD} more" if len(keys) > _TOLD else shown


def _float(text: str) -> float | NoValue:
    number = float(text)
    lost = number == 0 and any(digit in "123456789" for digit in text.lower().partition("e")[0])
    return NoValue(f"{text[:40]} came, which is too small for a float") if lost else number


def _integer(text: str) -> int | NoValue:
    return int(text) if len(text) <= _DIGITS else NoValue("an integer came that has more than 64 bits")
