"""What a store lacks of an archive, datapoint by datapoint, beside where another program stood."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl

from labmon_dagster.landing.compare import (
    CUT,
    IN_SOURCE,
    IN_STORE,
    UNITS,
    compared,
    source_times,
    store_times,
    times_compared,
)
from labmon_dagster.model import DAY, NOWHERE, TIME, Request, Window
from labmon_dagster.model.window import day_of, runs_of_days
from labmon_dagster.sources.wincc_archive.reader import ArchiveReadings
from labmon_dagster.stores import ReadingStore

PORTION = 200_000
NAME, _BEHIND = "datapoint", "_behind"
_NEVER = -(2**63)
_SUMS = ("archive", "store", "lost", "not_fetched", "only_in_store", *(f"cut_to_{unit}" for unit in UNITS))
_TOTALS = [pl.col(_SUMS).sum(), pl.col("newest").max(), pl.col("first_lacking").min()]
_NO_FIGURES = pl.DataFrame(
    schema={NAME: pl.String, **dict.fromkeys(_SUMS, pl.Int64), "newest": pl.Int64, "first_lacking": pl.Date}
)


@dataclass(frozen=True, slots=True)
class Figures:
    """What there is of a datapoint, or of all.

    Readings the store lacks are ``lost`` where the other program would never ask for them again, else
    ``not_fetched``; of them ``cut_to_…`` stand in the store, cut to that unit. ``newest``: of the archive.
    """

    archive: int = 0
    store: int = 0
    lost: int = 0
    not_fetched: int = 0
    only_in_store: int = 0
    cut_to_us: int = 0
    cut_to_ms: int = 0
    newest: int | None = None
    first_lacking: date | None = None

    @property
    def lacking(self) -> int:
        """How many readings the store lacks."""
        return self.lost + self.not_fetched

    @property
    def cut(self) -> int:
        """How many of these stand in the store under a time that was cut."""
        return self.cut_to_us + self.cut_to_ms


class Lacking:
    """Compares an archive with a store in a window of whole days.

    It begins with the counts of both sides; `portions` are the days whose exact times `look` must see.
    ``cursors``: the last time the other program had read of each datapoint.
    """

    def __init__(
        self,
        source: ArchiveReadings,
        store: ReadingStore,
        window: Window,
        cursors: Mapping[str, int],
        *,
        thorough: bool = False,
    ) -> None:
        self.source = source
        self.store = store
        self.shape = source.spec.shape
        self.datapoints = source.datapoints()
        self.unreadable = 0
        self.trouble: list[str] = []
        self._series = _series(self.datapoints, self.shape.tags, cursors)
        tags = list(self.shape.tags)
        in_store = store.count_series(self.shape.name, window, DAY, tags)
        both = compared(source.count_series(window), in_store, tags)
        self._counted = both.join(self._series, on=tags)
        strangers = both.join(self._series, on=tags, how="anti")
        self.of_no_datapoint = int(strangers[IN_STORE].sum())
        self._days = self._to_see(self._counted if thorough else self._doubtful(cursors))
        self._figures = [_NO_FIGURES, self._by_counts()]
        self._lacking: set[date] = set()

    def _doubtful(self, cursors: Mapping[str, int]) -> pl.DataFrame:
        """Give the counts that differ, those of days with a cursor, and of each datapoint's last day."""
        of_cursors = {cursor // DAY * DAY for cursor in cursors.values()}
        last = pl.col(TIME) == pl.col(TIME).filter(pl.col(IN_SOURCE) > 0).max().over(NAME)
        differ, marked = pl.col(IN_SOURCE) != pl.col(IN_STORE), pl.col(TIME).cast(pl.Int64).is_in(of_cursors)
        return self._counted.filter(differ | marked | last)

    def _to_see(self, doubtful: pl.DataFrame) -> dict[date, int]:
        """Give the days of some counts, and how many readings both sides have on each."""
        days = self._counted.join(doubtful.select(TIME).unique(), on=TIME, how="semi").group_by(TIME)
        rows = days.agg((pl.col(IN_SOURCE) + pl.col(IN_STORE)).sum()).sort(TIME)
        return {day_of(time): count for time, count in rows.with_columns(pl.col(TIME).cast(pl.Int64)).rows()}

    def _by_counts(self) -> pl.DataFrame:
        """Give the figures of all other days, on which nothing differs."""
        agreed = self._counted.filter(~pl.col(TIME).dt.date().is_in(list(self._days)))
        return agreed.group_by(NAME).agg(
            pl.col(IN_SOURCE).sum().alias("archive"), pl.col(IN_STORE).sum().alias("store")
        )

    @property
    def portions(self) -> list[tuple[list[date], int]]:
        """Days in a row to look at together, and how many readings they have: what memory can hold."""
        return list(_portions(self._days))

    def look(self, days: list[date], now: int) -> None:
        """Compare the exact times of some days in a row."""
        window, tags = Window.of_days(days[0], days[-1]), self.shape.tags
        readings = self.source.read(Request(window, NOWHERE, NOWHERE, now))
        here, refused = source_times(readings, tags)
        self.unreadable += refused
        self.trouble += [one for one in readings.trouble if one not in self.trouble]
        there = store_times(self.store, self.shape.name, window, tags)
        times = times_compared(here, there, tags).join(self._series, on=list(tags))
        self._figures.append(_by_times(times))
        self._lacking |= set(times.filter(~pl.col(IN_STORE))[TIME].dt.date())

    @property
    def days(self) -> list[date]:
        """The days on which the store lacks readings."""
        return sorted(self._lacking)

    def by_datapoint(self) -> dict[str, Figures]:
        """Give the figures of each datapoint, by name."""
        summed = pl.concat(self._figures, how="diagonal_relaxed").group_by(NAME).agg(_TOTALS)
        found = {row.pop(NAME): Figures(**row) for row in summed.iter_rows(named=True)}
        return {name: found.get(name, Figures()) for name in sorted(self.datapoints)}

    def total(self) -> Figures:
        """Give the figures of all datapoints together."""
        (row,) = pl.concat(self._figures, how="diagonal_relaxed").select(_TOTALS).iter_rows(named=True)
        return Figures(**row)


def _series(
    datapoints: Mapping[str, Mapping[str, str]], tags: tuple[str, ...], cursors: Mapping[str, int]
) -> pl.DataFrame:
    # The other program asked for what is later than its cursor cut to milliseconds.
    asked = {name: cursor // UNITS["ms"] * UNITS["ms"] for name, cursor in cursors.items()}
    rows = [
        (name, asked.get(name, _NEVER), *(found[tag] for tag in tags)) for name, found in datapoints.items()
    ]
    schema = {NAME: pl.String, _BEHIND: pl.Int64, **dict.fromkeys(tags, pl.String)}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _by_times(times: pl.DataFrame) -> pl.DataFrame:
    lacking, gone = ~pl.col(IN_STORE), pl.col(TIME).cast(pl.Int64) <= pl.col(_BEHIND)
    return times.group_by(NAME).agg(
        pl.col(IN_SOURCE).sum().alias("archive"),
        pl.col(IN_STORE).sum().alias("store"),
        (lacking & gone).sum().alias("lost"),
        (lacking & ~gone).sum().alias("not_fetched"),
        (~pl.col(IN_SOURCE)).sum().alias("only_in_store"),
        *((pl.col(CUT) == unit).sum().alias(f"cut_to_{unit}") for unit in UNITS),
        pl.col(TIME).filter(IN_SOURCE).max().cast(pl.Int64).alias("newest"),
        pl.col(TIME).filter(lacking).min().dt.date().alias("first_lacking"),
    )


def _portions(days: Mapping[date, int]) -> Iterator[tuple[list[date], int]]:
    for run in runs_of_days(days):
        part: list[date] = []
        rows = 0
        for day in run:
            if part and rows + days[day] > PORTION:
                yield part, rows
                part, rows = [], 0
            part.append(day)
            rows += days[day]
        yield part, rows
