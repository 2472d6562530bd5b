"""Instants in records: aware ones are converted to UTC, naive ones are UTC."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator, Strict

from labmon_dagster.stores.documents.plain import DEEPEST


def in_utc(moment: datetime) -> datetime:
    """Give an instant in UTC; one without a zone is UTC. Raises ValueError where UTC has no such date."""
    if moment.utcoffset() is None:
        return moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"{moment} lies outside the years 1–9999 of UTC") from error


Instant: TypeAlias = Annotated[datetime, Strict(), AfterValidator(in_utc)]
"""A datetime; a text is none."""


def aware(value: Any, depth: int = 0) -> Any:
    """Give a value with all instants in it, however deep, in UTC. Raises ValueError as `in_utc` does.

    What lies deeper than any store keeps is left as it is.
    """
    if isinstance(value, datetime):
        return in_utc(value)
    if depth > DEEPEST:
        return value
    if isinstance(value, Mapping):
        return {key: aware(one, depth + 1) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [aware(one, depth + 1) for one in value]
    return value
