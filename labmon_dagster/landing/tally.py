"""Counting what becomes of each row, day by day, until the ledger's equation can be checked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import polars as pl

from labmon_dagster.landing.merge import EMPTY, FATE
from labmon_dagster.model import TIME
from labmon_dagster.model.window import DAY, day_of
from labmon_dagster.stores.ledger import Counts


@dataclass(slots=True)
class Tally:
    """The figures of one day: counts, earliest and latest time (ns), and the identities met (hashes)."""

    counts: Counts = field(default_factory=Counts)
    first: int | None = None
    last: int | None = None
    met: list[np.ndarray[tuple[int], np.dtype[np.uint64]]] = field(default_factory=list)

    @property
    def distinct(self) -> int:
        """How many different readings the source holds of the day."""
        if len(self.met) > 1:
            self.met = [np.unique(np.concatenate(self.met))]
        return len(self.met[0]) if self.met else 0

    def stretch(self, first: int, last: int) -> None:
        """Take in a span of times."""
        self.first = first if self.first is None else min(self.first, first)
        self.last = last if self.last is None else max(self.last, last)


class Tallies:
    """One tally per day. Days never met have an empty one."""

    def __init__(self) -> None:
        self._days: defaultdict[date, Tally] = defaultdict(Tally)

    def __getitem__(self, day: date) -> Tally:
        return self._days[day]

    def judged(self, rows: pl.DataFrame, key: list[str]) -> None:
        """Count rows by their fate and remember their identities."""
        dated = rows.with_columns((pl.col(TIME).cast(pl.Int64) // DAY).alias("_day"))
        grouped = dated.group_by("_day", FATE).agg(
            pl.len().alias("n"),
            pl.col(TIME).cast(pl.Int64).min().alias("first"),
            pl.col(TIME).cast(pl.Int64).max().alias("last"),
        )
        for number, fate, count, first, last in grouped.iter_rows():
            tally = self._days[day_of(number * DAY)]
            tally.counts += Counts(read=count, **{fate: count})
            if fate != EMPTY:
                tally.stretch(first, last)
        filled = dated.filter(pl.col(FATE) != EMPTY)
        hashed = filled.select("_day", pl.struct(key).hash().alias("_id"))
        for (number,), part in hashed.group_by("_day"):
            self._days[day_of(int(number) * DAY)].met.append(np.unique(part["_id"].to_numpy()))

    def displaced(self, times: Iterable[int]) -> None:
        """Rows stored earlier in the same read lost their place after all."""
        for time in times:
            self._days[day_of(time)].counts += Counts(stored=-1, collided=1)

    def quarantined(self, days: Iterable[date]) -> None:
        """Pieces that could not be readings."""
        for day in days:
            self._days[day].counts += Counts(read=1, quarantined=1)


