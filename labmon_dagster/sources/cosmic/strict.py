"""What JSON parsers pass over in silence, or say badly: a key twice, integers no database can keep."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NoReturn

_LOWEST, _HIGHEST = -(2**63), 2**63 - 1
_DIGITS = bytes.maketrans(b"123456789", b"0" * 9)
_LONG = b"0" * 19  # an integer of fewer digits has at most 64 bits


def checked(text: bytes, found: dict[str, Any], written: Callable[[Any], bytes]) -> bytes:
    """Give ``found`` as it is ``written`` again: what a parser made of ``text``.

    Raises ValueError, naming it, for a key that stands twice in an object, of which a parser keeps the last,
    or an integer beyond 64 bits.
    """
    if _LONG in text.translate(_DIGITS):
        _check_range(found, "")
    again = written(found)
    # Without escapes both have two quotes for each key and text, unless a key was lost.
    if b"\\" in text or text.count(b'"') != again.count(b'"'):
        json.loads(text, object_pairs_hook=_unique)
    return again


def why_not_read(text: bytes, error: Exception) -> str:
    """Say why a text cannot be read, on which ``error`` was raised, with the place in it."""
    try:
        json.loads(text.decode(), parse_constant=_constant)
    except json.JSONDecodeError as told:
        return f"no JSON: {told.msg} at character {told.pos + 1}"
    except UnicodeDecodeError as told:
        return f"no UTF-8: {told.reason} at byte {told.start + 1}"
    except RecursionError:
        return "the JSON is nested too deeply"
    except ValueError as told:
        return str(told)
    return f"a number too large for a float, or half a character: {error}"


def _check_range(found: Any, path: str) -> None:
    if type(found) is int and not _LOWEST <= found <= _HIGHEST:
        said = f"an integer of {found.bit_length()} bits"
        raise ValueError(f"{path} is {said}; allowed: {_LOWEST} to {_HIGHEST} (64 bits)")
    if isinstance(found, dict | list):
        entries = found.items() if isinstance(found, dict) else enumerate(found)
        for key, value in entries:
            _check_range(value, f"{path}.{key}" if path else str(key))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key[:80]!a} stands twice in one object; allowed: once")
        found[key] = value
    return found


def _constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON; allowed: finite numbers and null")
