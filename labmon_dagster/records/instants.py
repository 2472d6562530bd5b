"""Instants in records: aware ones are converted to UTC, naive ones are UTC."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator, Strict


def in_utc(moment: datetime) -> datetime:
    """Give an instant in UTC; one without a zone is UTC."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


Instant: TypeAlias = Annotated[datetime, Strict(), AfterValidator(in_utc)]
"""A datetime; a text is none."""


def aware(value: Any) -> Any:
    """Give a value with all instants in it, however deep, in UTC."""
    if isinstance(value, datetime):
        return in_utc(value)
    if isinstance(value, Mapping):
        return {key: aware(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [aware(one) for one in value]
    return value
