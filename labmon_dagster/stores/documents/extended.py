"""Plain values as text: MongoDB's extended JSON (relaxed), which keeps dates, bytes and 64-bit integers.

Most bodies are JSON as they are, and extended JSON is then the same: these go the shorter way.
"""

from __future__ import annotations

from datetime import UTC
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


def text(value: Any) -> str:
    """Write plain values (see `labmon_dagster.stores.documents.plain`) as one line."""
    try:
        raw = msgspec.json.encode(value)
        if msgspec.json.decode(raw) == value:
            return raw.decode()
    except (TypeError, ValueError, OverflowError, msgspec.MsgspecError):
        pass  # what is no JSON goes the other way
    return json_util.dumps(value, json_options=_JSON, ensure_ascii=False, separators=(",", ":"))


def body(text: str | bytes) -> Any:
    """Read what `text` wrote. Raises ValueError for anything else."""
    try:
        if _TYPED[type(text)] not in text:  # type: ignore[operator]
            return msgspec.json.decode(text)
        return json_util.loads(text, json_options=_JSON)
    except _NONE as error:
        raise ValueError(f"no extended JSON: {error}") from error
