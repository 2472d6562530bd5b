"""Plain values as text: MongoDB's extended JSON (relaxed), which keeps dates, bytes and 64-bit integers.

Most bodies are JSON but for a few dates: these go a shorter way, which says the same.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from math import isfinite
from typing import Any

import msgspec
from bson import json_util
from bson.errors import BSONError

_JSON = json_util.JSONOptions(json_mode=json_util.JSONMode.RELAXED, tz_aware=True, tzinfo=UTC)
_NONE = (
    msgspec.MsgspecError,
    BSONError,
    TypeError,
    LookupError,
    AttributeError,
    OverflowError,
    RecursionError,
)
_TYPED = {str: '"$', bytes: b'"$'}  # how each key begins that stands for a type
_SIMPLE = frozenset({str, int, bool, type(None)})
_DATE = "$date"
_DATES = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{3})?Z", re.ASCII)


class _UnusualError(Exception):
    """A value that only the long way knows."""


def text(value: Any) -> str:
    """Write plain values (see `labmon_dagster.stores.documents.plain`) as one line."""
    try:
        return msgspec.json.encode(_written(value)).decode()
    except (_UnusualError, TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError):
        return json_util.dumps(value, json_options=_JSON, ensure_ascii=False, separators=(",", ":"))


def body(text: str | bytes) -> Any:
    """Read what `text` wrote. Raises ValueError for anything else."""
    try:
        if _TYPED[type(text)] not in text:  # type: ignore[operator]
            return msgspec.json.decode(text)
        return _with_types(text)
    except _NONE as error:
        raise ValueError(f"no extended JSON: {error}") from error


def _with_types(text: str | bytes) -> Any:
    try:
        return _read(msgspec.json.decode(text))
    except (_UnusualError, ValueError, RecursionError, msgspec.MsgspecError):
        return json_util.loads(text, json_options=_JSON)


def _written(value: Any) -> Any:
    """Give a value with its dates as extended JSON has them. Raises _UnusualError."""
    kind = type(value)
    if kind is dict:
        "".join(value)  # raises TypeError for keys that are no text
        return {key: inner if type(inner) in _SIMPLE else _written(inner) for key, inner in value.items()}
    if kind is list:
        return [inner if type(inner) in _SIMPLE else _written(inner) for inner in value]
    if kind in _SIMPLE or (kind is float and isfinite(value)):
        return value
    if kind is datetime and value.tzinfo is UTC and value.year >= 1970 and not value.microsecond % 1000:
        places = "milliseconds" if value.microsecond else "seconds"
        return {_DATE: f"{value.replace(tzinfo=None).isoformat(timespec=places)}Z"}
    raise _UnusualError


def _read(value: Any) -> Any:
    """Make dates of what `_written` made of them. Raises _UnusualError for other types, by their keys."""
    kind = type(value)
    if kind is list:
        return [inner if type(inner) in _SIMPLE else _read(inner) for inner in value]
    if kind is not dict:
        return value
    if "$" in "".join(value) and any(key.startswith("$") for key in value):
        return _date(value)
    return {key: inner if type(inner) in _SIMPLE else _read(inner) for key, inner in value.items()}


def _date(value: dict[str, Any]) -> datetime:
    said = value.get(_DATE)
    if len(value) == 1 and isinstance(said, str) and _DATES.fullmatch(said):
        return datetime.fromisoformat(said)
    raise _UnusualError
