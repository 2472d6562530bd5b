"""The text of an answer as a value."""

from __future__ import annotations

import math
import re

from labmon_dagster.model.devices import Value
from labmon_dagster.model.measurement import FieldType

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?", re.ASCII)
_WHOLE = re.compile(r"[+-]?[0-9]+", re.ASCII)
_NOT_FINITE = re.compile(
    r"[+-]?(?:nan(?:\([^)]*\))?|inf|infinity|1\.#(?:qnan|snan|ind|inf)[0-9]*)", re.IGNORECASE | re.ASCII
)
_LONGEST = 64
_LARGEST_WHOLE = 2**63 - 1
_PADDING = " \t\r\n\0"


class NotFiniteError(ValueError):
    """The device says that it has no number."""


def value_of(answer: bytes, kind: FieldType) -> Value:
    """Understand the text of a value, with blanks, a newline or NULs around it or none.

    Raises NotFiniteError for what is infinite or NaN, and ValueError for what is no such value.
    """
    text = plain(answer)
    if kind is FieldType.TEXT:
        return text
    if _NOT_FINITE.fullmatch(text):
        raise NotFiniteError(f"the device says {text}")
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"{text!r} is no number; expected one like 1.25e-3")
    return _whole(text) if kind is FieldType.INTEGER else _finite(text)


def plain(answer: bytes) -> str:
    """Give the text without padding. Raises ValueError for what is empty, too long or not printable."""
    answer = answer.rstrip(b"\0")
    if len(answer) > _LONGEST:
        raise ValueError(f"an answer of {len(answer)} bytes; expected {_LONGEST} at most: {answer[:16]!r}…")
    try:
        text = answer.decode().strip(_PADDING)
    except UnicodeDecodeError:
        raise ValueError(f"{answer!r} is no text") from None
    if not text:
        raise ValueError("an empty answer")
    if not text.isprintable():
        raise ValueError(f"{text!r} is no text that can be printed")
    return text


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text} is larger than any number of 64 bits")
    return number


def _whole(text: str) -> int:
    exact = int(text) if _WHOLE.fullmatch(text) else _finite(text)
    if exact != int(exact):
        raise ValueError(f"{text} is no whole number")
    if abs(exact) > _LARGEST_WHOLE:
        raise ValueError(f"{text} is larger than any whole number of 64 bits")
    return int(exact)
