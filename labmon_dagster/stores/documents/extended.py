"""Plain bodies as text: MongoDB's extended JSON (relaxed), which keeps dates, bytes and 64-bit integers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from typing import Any

from bson import json_util

_JSON = json_util.JSONOptions(json_mode=json_util.JSONMode.RELAXED, tz_aware=True, tzinfo=UTC)


def text(body: Mapping[str, Any]) -> str:
    """Write a plain body (see `labmon_dagster.stores.documents.plain`) as one line."""
    return json_util.dumps(body, json_options=_JSON, ensure_ascii=False, separators=(",", ":"))


def body(text: str | bytes) -> Any:
    """Read what `text` wrote. Raises ValueError for what is no JSON."""
    return json_util.loads(text, json_options=_JSON)
