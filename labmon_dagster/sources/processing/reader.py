"""Reads a file of processing output: one JSON object with stream, time, and records.

Nothing in a record is lost or altered: integers keep 64 bits, floats their value, NaN and infinities are
read. What no store could give back exactly is refused, and with it the file.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from labmon_dagster.model.window import moment
from labmon_dagster.sources.processing.instants import ALLOWED, instant, nanoseconds

STREAM, TIMESTAMP, RECORDS = "stream_id", "timestamp", "records"
EXACT = f"{TIMESTAMP}_ns"
_KEYS = (STREAM, TIMESTAMP, RECORDS)
_LONGEST = 500
_SHOWN = 60
_WHOLE = re.compile(r"-?[0-9]+")
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_UNWRITTEN = ("NaN", "Infinity", "-Infinity")


@dataclass(frozen=True, slots=True)
class Output:
    """What a file says: of which ``stream``, ``made`` when (UTC ns), and its records."""

    stream: str
    made: int
    records: Sequence[dict[str, Any]]


def read_output(raw: bytes) -> Output:
    """Understand the content of a file. Raises ValueError that names line and column, or key."""
    found = _parsed(raw)
    if not isinstance(found, dict):
        raise ValueError(
            f"the file holds {_kind(found)}, no object; allowed: an object with {_listed(_KEYS)}"
        )
    for key in _KEYS:
        if key not in found:
            raise ValueError(f"key {key!r} is missing; a file has {_listed(_KEYS)}")
    if unknown := sorted(set(found).difference(_KEYS)):
        raise ValueError(f"unknown keys {_listed(unknown)}; a file has {_listed(_KEYS)}")
    return Output(_stream(found[STREAM]), _made(found[TIMESTAMP]), _records(found[RECORDS]))


def _parsed(raw: bytes) -> Any:
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ValueError(f"line {line}: byte 0x{raw[error.start]:02x} is not UTF-8") from error
    try:
        return json.loads(text, object_pairs_hook=_object, parse_float=_float)
    except json.JSONDecodeError as error:
        raise ValueError(f"line {error.lineno} column {error.colno}: no JSON: {error.msg}") from error
    except RecursionError as error:
        raise ValueError("nested too deep") from error


def _stream(given: Any) -> str:
    if not isinstance(given, str) or not 0 < len(given) <= _LONGEST or not given.isprintable():
        raise ValueError(
            f"{STREAM}: {_short(given)}; allowed: a printable text of 1 to {_LONGEST} characters"
        )
    return given


def _made(given: Any) -> int:
    found = nanoseconds(given) if isinstance(given, datetime) else None
    if isinstance(given, str):
        found = instant(given)
    if found is None:
        raise ValueError(f"{TIMESTAMP}: {_short(given)}; allowed: {ALLOWED}")
    return found


def _records(given: Any) -> list[dict[str, Any]]:
    if not isinstance(given, list):
        raise ValueError(f"{RECORDS}: {_kind(given)}; allowed: a list of objects")
    for number, one in enumerate(given):
        if not isinstance(one, dict):
            raise ValueError(f"{RECORDS}[{number}]: {_kind(one)}; allowed: an object")
    return [_dated(one) for one in given]


def _dated(record: dict[str, Any]) -> dict[str, Any]:
    """Give a record whose ``timestamp`` is an instant, where that loses nothing."""
    given = record.get(TIMESTAMP)
    ns = instant(given) if isinstance(given, str) and EXACT not in record else None
    return record if ns is None else {**record, TIMESTAMP: moment(ns)}


def _object(pairs: list[tuple[str, Any]]) -> Any:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice, _ = Counter(key for key, _ in pairs).most_common(1)[0]
        raise ValueError(f"key {twice!r} stands more than once in one object")
    if len(found) == 1 and (key := pairs[0][0]).startswith("$"):
        return _typed(key, found[key])
    return found


def _typed(key: str, value: Any) -> Any:
    """Give what extended JSON stands for. Raises ValueError, naming the key."""
    if key not in _TYPES:
        raise ValueError(f"key {key!r}: no type that is read; allowed: {_listed(_TYPES)}")
    make, allowed = _TYPES[key]
    try:
        return make(value)
    except (ValueError, TypeError, OverflowError) as error:
        raise ValueError(f"key {key!r}: {_short(value)}; allowed: {allowed}") from error


def _date(value: Any) -> datetime:
    """Understand a text, or ms since 1970 (UTC)."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    ns = instant(value) if isinstance(value, str) else value * 1_000_000 if whole else None
    if ns is None or not -(2**63) <= ns < 2**63:
        raise ValueError(value)
    return moment(ns)


def _whole(value: Any) -> int:
    if not _WHOLE.fullmatch(value):
        raise ValueError(value)
    return int(value)


def _number(value: Any) -> float:
    if value in _UNWRITTEN:
        return float(value)
    if not _NUMBER.fullmatch(value):
        raise ValueError(value)
    return _float(value)


_TYPES: Mapping[str, tuple[Callable[[Any], Any], str]] = {
    "$date": (_date, f"{ALLOWED}, or ms since 1970"),
    "$numberInt": (_whole, "an integer as a text"),
    "$numberLong": (_whole, "an integer as a text"),
    "$numberDouble": (_number, "a number as a text"),
}


def _float(text: str) -> float:
    found = float(text)
    if math.isinf(found):
        raise ValueError(f"the number {_short(text)} is too large for a float of 64 bits")
    return found


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number" if isinstance(value, int | float) else "a date")


def _short(value: Any) -> str:
    return ascii(value)[:_SHOWN]


def _listed(names: Sequence[str] | Mapping[str, Any]) -> str:
    return ", ".join(ascii(name)[1:-1] for name in names)
