"""What a server answers when it does not do what was asked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress

_SHOWN = 1000
_NO_POLICY = "retention policy not found"


class Refused(Exception):  # noqa: N818  an answer, and mostly not the end
    """The server's answer is not what was hoped for. ``wait``: seconds it asks for before another try."""

    def __init__(self, status: int, message: str, wait: float | None = None) -> None:
        shown = message if len(message) <= _SHOWN else f"{message[:_SHOWN]}…"
        super().__init__(f"HTTP {status}: {shown}")
        self.status = status
        self.message = message
        self.wait = wait


def refused(status: int, body: bytes | str, headers: Mapping[str, str]) -> Refused:
    """Understand an answer. InfluxDB 1 says 500 where a retention policy is not there: that is a 404."""
    raw = body.decode(errors="replace") if isinstance(body, bytes) else body
    message = raw.strip() or headers.get("X-Influxdb-Error", "") or "no reason given"
    with suppress(ValueError, AttributeError):
        told = json.loads(raw)
        message = str(told.get("error") or told.get("message") or message)
    wait = headers.get("Retry-After", "")
    return Refused(
        404 if message.startswith(_NO_POLICY) else status, message, float(wait) if wait.isdecimal() else None
    )
