"""Instants in records: aware ones are converted to UTC, naive ones are UTC. Numbers lose their numpy."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, TypeAlias

import numpy as np
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


_NUMBERS = (np.bool_, np.integer, np.floating)

Instant: TypeAlias = Annotated[datetime, Strict(), AfterValidator(in_utc)]
"""A datetime; a text is none."""


def aware(value: Any, depth: int = 0) -> Any:
    """Give a value with all instants in it, however deep, in UTC. Raises ValueError as `in_utc` does.

    Numbers of numpy become those of Python that are equal; the others, and what lies deeper than any store
    keeps, are left as they are.
    """
    if isinstance(value, datetime):
        return in_utc(value)
    if isinstance(value, np.generic):
        return _python(value)
    if depth > DEEPEST:
        return value
    if isinstance(value, Mapping):
        return {key: aware(one, depth + 1) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [aware(one, depth + 1) for one in value]
    return value


def _python(number: np.generic) -> Any:
    found = number.item()
    is_number = isinstance(number, _NUMBERS) and not isinstance(number, np.timedelta64)
    return found if is_number and isinstance(found, bool | int | float) else number
