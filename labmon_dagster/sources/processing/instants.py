"""Instants in files: ISO 8601 texts, UTC unless they say otherwise, to the nanosecond."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from labmon_dagster.model import SECOND

ALLOWED = "a text such as 2022-05-11T15:02:11.250Z, in the years 1678 to 2261"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LIMIT = 2**63
_ISO = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?)(?:[.,](\d{1,9}))?(Z|[+-]\d\d:?\d\d)?", re.ASCII
)


def instant(text: str) -> int | None:
    """Give the instant a text stands for (UTC ns); None for a text that stands for none."""
    match = _ISO.fullmatch(text)
    if match is None:
        return None
    day, clock, fraction, zone = match.groups()
    try:
        found = datetime.fromisoformat(f"{day}T{clock}{'+00:00' if zone in (None, 'Z') else zone}")
    except ValueError:
        return None
    ns = _whole_seconds(found) * SECOND + int((fraction or "").ljust(9, "0"))
    return ns if -_LIMIT <= ns < _LIMIT else None


def nanoseconds(found: datetime) -> int:
    """Count the ns since 1970 of an aware datetime or pandas' Timestamp."""
    fraction = found.microsecond * 1000 + int(getattr(found, "nanosecond", 0))
    return _whole_seconds(found.replace(microsecond=0)) * SECOND + fraction


def _whole_seconds(found: datetime) -> int:
    passed = found - _EPOCH
    return passed.days * 86_400 + passed.seconds
