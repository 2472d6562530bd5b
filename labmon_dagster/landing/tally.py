"""Counting what becomes of each row, day by day, until the ledger's equation can be checked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date

import polars as pl

from labmon_dagster.landing.identities import Hashes, Identities, Spill
from labmon_dagster.landing.merge import EMPTY, FATE, STORED
from labmon_dagster.model import TIME
from labmon_dagster.model.window import DAY, day_of
from labmon_dagster.stores.ledger import Counts

_DAY = "_day"


@dataclass(slots=True)
class Tally:
    """The figures of one day: counts, earliest and latest time (ns), and the identities met.

    ``absent``: identities the store does not have in this day although they were met.
    """

    met: Identities
    counts: Counts = field(default_factory=Counts)
    first: int | None = None
    last: int | None = None
    absent: list[Hashes] = field(default_factory=list)

    @property
    def distinct(self) -> int:
        """How many different readings of the day the store should hold."""
        return self.met.count(self.absent)

    def stretch(self, first: int, last: int) -> None:
        """Take in a span of times."""
        self.first = first if self.first is None else min(self.first, first)
        self.last = last if self.last is None else max(self.last, last)


class Tallies:
    """One tally per day. Days never met have an empty one.

    ``timed``: time belongs to the identity. ``filed``: the day of a row, in days since 1970.
    """

    def __init__(self, filed: pl.Expr, *, timed: bool = True) -> None:
        self._filed = filed.alias(_DAY)
        spill = Spill()
        self._days: defaultdict[date, Tally] = defaultdict(lambda: Tally(Identities(spill, growing=timed)))

    def __getitem__(self, day: date) -> Tally:
        return self._days[day]

    def read(self, days: pl.Series, others: Iterable[date] = ()) -> None:
        """Count what a source gave before anything is done to it: rows, by day, and pieces that are none."""
        for number, count in days.value_counts().iter_rows():
            self._days[day_of(number * DAY)].counts += Counts(read=count)
        for day in others:
            self._days[day].counts += Counts(read=1)

    def judged(self, rows: pl.DataFrame, key: list[str], of: str = "") -> None:
        """Count rows by their fate; remember their identities, the ``key`` within the measurement ``of``."""
        time = pl.col(TIME).cast(pl.Int64)
        dated = rows.select(self._filed, FATE, time, _identity(key, of))
        for part in _alike(dated, [_DAY, FATE]):
            fate, tally = str(part[FATE][0]), self._days[day_of(part[_DAY][0] * DAY)]
            tally.counts += Counts(**{fate: part.height})
            if fate != EMPTY:
                times = part[TIME].to_numpy()
                tally.stretch(int(times.min()), int(times.max()))
                tally.met.met(times, part["_id"].to_numpy())

    def displaced(self, rows: pl.DataFrame) -> None:
        """Rows stored earlier in the same read lost their place after all; they say what became of them."""
        for number, fate in rows.select(self._filed, FATE).iter_rows():
            self._days[day_of(number * DAY)].counts += Counts(**{STORED: -1, fate: 1})

    def refused(self, rows: pl.DataFrame, key: list[str], of: str = "") -> None:
        """Rows counted as stored that the database would not have after all."""
        for tally, identities in self._by_day(rows, key, of):
            tally.counts += Counts(stored=-len(identities), quarantined=len(identities))
            tally.absent.append(identities)

    def elsewhere(self, rows: pl.DataFrame, key: list[str], of: str = "") -> None:
        """Rows that lost their place to one of another day: the store has their identity there."""
        for tally, identities in self._by_day(rows, key, of):
            tally.absent.append(identities)

    def _by_day(self, rows: pl.DataFrame, key: list[str], of: str) -> Iterator[tuple[Tally, Hashes]]:
        dated = rows.select(self._filed, _identity(key, of))
        for (number,), part in dated.group_by(_DAY):
            yield self._days[day_of(int(str(number)) * DAY)], part["_id"].to_numpy().copy()

    def quarantined(self, days: Iterable[date]) -> None:
        """Pieces that could not be readings."""
        for day in days:
            self._days[day].counts += Counts(quarantined=1)


def _identity(key: list[str], of: str) -> pl.Expr:
    return pl.struct(*key, pl.lit(of).alias("_of")).hash().alias("_id")


def _alike(rows: pl.DataFrame, columns: list[str]) -> list[pl.DataFrame]:
    """Part rows by some columns; mostly there is one part."""
    if rows.is_empty() or all((rows[name] == rows[name][0]).all() for name in columns):
        return [rows] if rows.height else []
    return rows.partition_by(columns, maintain_order=True)
