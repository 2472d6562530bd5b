"""Texts as devices show them, and times as people read them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from labmon_dagster.records.instants import in_utc

_DAY_FIRST = ("%d/%m/%Y", "%d/%m/%Y %H:%M", "%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M:%S.%f")


def is_date(value: object) -> bool:
    """Check if the given string is a date.

    ISO 8601 (``2022-05-11``, ``2022-05-11T14:35:30.412+00:00``) or the day first (``11/05/2022 14:35:30``).
    What is a number is none.
    """
    text = str(value).strip()
    if is_float(text):
        return False
    readers = [datetime.fromisoformat, *(_reader(form) for form in _DAY_FIRST)]
    return any(_reads(text, reader) for reader in readers)


def is_float(value: object) -> bool:
    """Check if the given string is a float: ``1.5``, ``-2e3``, also ``7``, ``nan`` and ``inf``."""
    return _reads(str(value), float)


def is_int(value: object) -> bool:
    """Check if the given string is an int: digits with a sign or none."""
    return _reads(str(value), int)


def to_local(utc_date: datetime) -> datetime:
    """Give a time in the time zone of this computer; one without a zone is UTC."""
    return in_utc(utc_date).astimezone()


def _reads(text: str, reader: Callable[[str], object]) -> bool:
    if not text.isascii() or "_" in text:  # Python's own way to write numbers, not that of a device
        return False
    with suppress(ValueError):
        reader(text)
        return True
    return False


def _reader(form: str) -> Callable[[str], datetime]:
    return lambda text: datetime.strptime(text, form)  # noqa: DTZ007 - only whether it can be read
