"""Rows of the ledger as flat records of numbers and text, as databases keep them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import date
from typing import Any

from labmon_dagster.model import position
from labmon_dagster.stores.ledger import Counts, LedgerRow

_COUNTS = [field.name for field in fields(Counts)]
_TRUTHS = ("stale", "proven")


def entry_of(row: LedgerRow) -> dict[str, Any]:
    """Give a row with its counts beside the other values, its day and position as text."""
    values = {field.name: getattr(row, field.name) for field in fields(row)}
    counts = values.pop("counts")
    told = {name: getattr(counts, name) for name in _COUNTS}
    return {**values, **told, "day": row.day.isoformat(), "read_until": position.dump(row.read_until)}


def row_of(entry: Mapping[str, Any]) -> LedgerRow:
    """Give the row that `entry_of` made flat."""
    values = dict(entry)
    counts = Counts(**{name: values.pop(name) for name in _COUNTS})
    values |= {name: bool(values[name]) for name in _TRUTHS}
    day, read_until = date.fromisoformat(values.pop("day")), position.parse(values.pop("read_until"))
    return LedgerRow(day=day, read_until=read_until, counts=counts, **values)
