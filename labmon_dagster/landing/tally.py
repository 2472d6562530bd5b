"""Counting what becomes of each row, day by day, until the ledger's equation can be checked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import TypeAlias

import numpy as np
import polars as pl

from labmon_dagster.landing.merge import EMPTY, FATE, STORED
from labmon_dagster.model import TIME
from labmon_dagster.model.window import DAY, day_of
from labmon_dagster.stores.ledger import Counts

_PARTS = 16
_Identities: TypeAlias = np.ndarray[tuple[int], np.dtype[np.uint64]]


@dataclass(slots=True)
class Tally:
    """The figures of one day: counts, earliest and latest time (ns), and the identities met (hashes)."""

    counts: Counts = field(default_factory=Counts)
    first: int | None = None
    last: int | None = None
    met: list[_Identities] = field(default_factory=list)
    refused: list[_Identities] = field(default_factory=list)

    @property
    def distinct(self) -> int:
        """How many different readings of the day the store should hold."""
        if self.met:
            self.met = [np.unique(np.concatenate(self.met))]
        if not self.refused:
            return len(self.met[0]) if self.met else 0
        return len(np.setdiff1d(self.met[0], np.concatenate(self.refused)))

    def remember(self, identities: _Identities) -> None:
        """Note readings as met, any number of times."""
        self.met.append(identities)
        if len(self.met) > _PARTS:
            _ = self.distinct

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

    def read(self, times: pl.Series, others: Iterable[date] = ()) -> None:
        """Count what a source gave before anything is done to it: rows, and pieces that are no rows."""
        for number, count in (times.cast(pl.Int64) // DAY).value_counts().iter_rows():
            self._days[day_of(number * DAY)].counts += Counts(read=count)
        for day in others:
            self._days[day].counts += Counts(read=1)

    def judged(self, rows: pl.DataFrame, key: list[str]) -> None:
        """Count rows by their fate and remember their identities."""
        time = pl.col(TIME).cast(pl.Int64)
        dated = rows.select((time // DAY).alias("_day"), FATE, time, pl.struct(key).hash().alias("_id"))
        for (number, fate), part in dated.group_by("_day", FATE):
            tally = self._days[day_of(int(number) * DAY)]
            tally.counts += Counts(**{str(fate): part.height})
            if fate != EMPTY:
                times = part[TIME].to_numpy()
                tally.stretch(int(times.min()), int(times.max()))
                tally.remember(part["_id"].to_numpy().copy())

    def displaced(self, rows: pl.DataFrame) -> None:
        """Rows stored earlier in the same read lost their place after all; they say what became of them."""
        for time, fate in rows.select(pl.col(TIME).cast(pl.Int64), FATE).iter_rows():
            self._days[day_of(time)].counts += Counts(**{STORED: -1, fate: 1})

    def refused(self, rows: pl.DataFrame, key: list[str]) -> None:
        """Rows counted as stored that the database would not have after all."""
        time = pl.col(TIME).cast(pl.Int64)
        dated = rows.select((time // DAY).alias("_day"), pl.struct(key).hash().alias("_id"))
        for (number,), part in dated.group_by("_day"):
            tally = self._days[day_of(int(str(number)) * DAY)]
            tally.counts += Counts(stored=-part.height, quarantined=part.height)
            tally.refused.append(part["_id"].to_numpy().copy())

    def quarantined(self, days: Iterable[date]) -> None:
        """Pieces that could not be readings."""
        for day in days:
            self._days[day].counts += Counts(quarantined=1)
