"""What the ledger says to people: which days are proven, which are missing, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

import polars as pl

from labmon_dagster.model import Window
from labmon_dagster.model.window import days_between
from labmon_dagster.quality import FLAG_SUFFIX, Flag
from labmon_dagster.stores import LedgerRow, ReadingStore, owned_by


class State(StrEnum):
    """How far a day has come."""

    STORED = "stored"
    EMPTY = "empty"
    NOT_KEPT = "not kept"
    PRUNED = "pruned"
    READ = "read"
    STALE = "waiting"
    TROUBLE = "trouble"
    UNREAD = "unread"


@dataclass(frozen=True, slots=True)
class DayReport:
    """A day of an asset, its state, and why it is not proven (if it is not)."""

    day: date
    state: State
    rows: int = 0
    why: str = ""

    @property
    def proven(self) -> bool:
        """Whether nothing of the day is missing."""
        return self.state in {State.STORED, State.EMPTY, State.NOT_KEPT, State.PRUNED}


def report_day(day: date, row: LedgerRow | None) -> DayReport:
    """Give the report of one day from its ledger row."""
    if row is None:
        return DayReport(day, State.UNREAD, why="never read")
    if row.proven:
        return DayReport(day, State(row.verdict), row.in_store)
    if row.trouble:
        return DayReport(day, State.TROUBLE, row.in_store, row.trouble)
    if row.stale:
        return DayReport(
            day, State.STALE, row.in_store, "the source holds rows of the day that have not been read"
        )
    return DayReport(day, State.READ, row.in_store, "read, but not yet as a whole after its end")


def calendar(ledger: Mapping[date, LedgerRow], start: date, end: date) -> list[DayReport]:
    """Give the report of every day from ``start`` to ``end``, both included."""
    return [report_day(day, ledger.get(day)) for day in days_between(start, end)]


def unproven(ledger: Mapping[date, LedgerRow], start: date, today: date) -> list[DayReport]:
    """List the days before ``today`` that are not proven, oldest first."""
    return [one for one in calendar(ledger, start, today - timedelta(days=1)) if not one.proven]


def flag_counts(
    store: ReadingStore, measurement: str, days: Iterable[date], owner: int | None = None
) -> dict[str, dict[str, int]]:
    """Count how many values have which flag: field → flag name → number, over some days.

    With ``owner`` only rows that asset wrote: several may share a measurement.
    """
    own = pl.lit(True) if owner is None else owned_by(owner)
    counts: dict[str, Counter[str]] = {}
    for day in days:
        rows = store.fetch(measurement, Window.of_days(day, day)).filter(own)
        for flags in rows.select(pl.col(pl.Int8)):
            field = counts.setdefault(flags.name.removesuffix(FLAG_SUFFIX), Counter())
            for flag, number in flags.drop_nulls().value_counts().iter_rows():
                field[Flag(flag).name.lower()] += number
    return {field: dict(flags) for field, flags in counts.items()}
