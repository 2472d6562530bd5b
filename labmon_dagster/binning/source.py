"""A source of readings whose rows are bins: each day's bins are a function of that day's rows alone.

So any sequence of reads leads to the same bins as one read of everything: each read of a day reads all of it,
and its bins are made anew. The more rows there are, the more bins; none that was given once goes away.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import polars as pl
import pyarrow as pa

from labmon_dagster.binning.gathered import Gathered, averaged
from labmon_dagster.binning.pieces import Grid
from labmon_dagster.model import (
    DAY,
    NOWHERE,
    TIME,
    Batch,
    DatedSource,
    Mark,
    Measurement,
    Position,
    Readings,
    Reject,
    Request,
    Source,
    SourceError,
    TimedSource,
    Window,
)
from labmon_dagster.model.window import day_number


class _Place(NamedTuple):
    """Where a source stands: what bins are said to come from."""

    stream: str
    mark: Mark


@dataclass(frozen=True)
class Binned:
    """The bins of a source that gives whole files (``inner``); its marks and rejects are passed on.

    What lies behind the known marks is read first: it tells the marks, and which other days have grown. Then
    all is read, and the bins of the window's days and of those others are made. So whoever stores the window
    sees by the bins of another day, not by its rows, whether there is news of it.
    """

    inner: Source
    grid: Grid

    def news(self, known: Position) -> bool:
        """Whether there is anything behind ``known``."""
        return self.inner.news(known)

    def read(self, request: Request) -> Readings:
        """Give the bins of the window's days, which are whole UTC days, whatever ``request.since`` says."""
        first = self.inner.read(replace(request, since=self._begin(request)))
        return Readings(self._batches(first, request), first.facts, first.trouble)

    def again(self, reject: Reject, now: int) -> Readings:
        """Read a quarantined piece anew.

        Raises SourceError for one that can be read now: its rows belong to bins of its day.
        """
        found = list(self.inner.again(reject, now).batches)
        if any(batch.rows.num_rows for batch in found) and not any(batch.rejects for batch in found):
            raise SourceError(
                f"{reject.place}: it can be read now, and belongs to bins that others share; "
                f"materialize {reject.day} with `replace: true`"
            )
        return Readings(iter([_emptied(batch, batch.rejects) for batch in found]))

    def _begin(self, request: Request) -> Position:
        return request.known

    def _batches(self, first: Readings, request: Request) -> Iterator[Batch]:
        days = _days_of(request.window)
        with TemporaryDirectory(prefix="labmon-bins-") as folder:
            gathered = Gathered(Path(folder), self.grid)
            if self._begin(request):
                yield from self._in_two(first, request, gathered, days)
            else:
                yield from _in_one(first, request, gathered, days)
        first.facts["fields without a mean"] = sorted(gathered.left_out)
        first.facts["infinite values left out"] = gathered.infinite

    def _in_two(self, first: Readings, request: Request, gathered: Gathered, days: range) -> Iterator[Batch]:
        """Read what is new, then everything. What has come meanwhile is in the bins, and read once more."""
        grown: dict[int, str] = {}
        marks: dict[str, Mark] = {}
        for batch in first.batches:
            marks[batch.stream] = batch.mark
            grown |= {day: batch.stream for day in _days_in(batch) if day not in days}
            yield _emptied(batch, [one for one in batch.rejects if day_number(one.day) not in days])
        if not marks:
            return
        last = _Place(*list(marks.items())[-1])
        second = self.inner.read(replace(request, since=NOWHERE))
        for batch in second.batches:
            gathered.add(batch, [day for day in _days_in(batch) if day in days or day in grown])
            rejects = [one for one in batch.rejects if day_number(one.day) in days]
            yield replace(_emptied(batch, rejects), stream=last.stream, mark=last.mark)
        first.facts.update(second.facts)
        first.trouble.extend(one for one in second.trouble if one not in first.trouble)
        for day in gathered.days:
            place = _Place(grown[day], marks[grown[day]]) if day in grown else last
            yield from _bins(gathered, day, request.now, place)


@dataclass(frozen=True)
class BinnedDays(Binned):
    """The bins of a source whose streams are days, as `DatedSource` says."""

    dated: DatedSource

    def stream_of(self, day: date) -> str:
        """Name the stream of a day."""
        return self.dated.stream_of(day)

    def _begin(self, request: Request) -> Position:
        return NOWHERE


@dataclass(frozen=True)
class BinnedArchive(Binned):
    """The bins of a source that is asked by time, as `TimedSource` says."""

    archive: TimedSource
    clock: Callable[[], int] = time.time_ns

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags that tell its series apart."""
        return self.archive.tags

    def newest(self) -> int | None:
        """Give the time of the newest row (ns), which lies in the newest bin; None where there is none."""
        return self.archive.newest()

    def count_series(self, window: Window) -> pl.DataFrame:
        """Count the bins of each series and day: ``time`` (start of the day, UTC), tags, ``rows``.

        Bins can only be counted by making them: every day of which the source has rows is read.
        """
        counted = self.archive.count_series(window)
        starts = counted[TIME].drop_nulls().cast(pl.Int64).unique()
        parts = [self._counted(Window(start, start + DAY)) for start in starts]
        return pl.concat([counted.clear(), *parts], how="vertical_relaxed").sort(TIME, *self.tags)

    def _counted(self, day: Window) -> pl.DataFrame:
        readings = self.read(Request(day, NOWHERE, NOWHERE, self.clock()))
        series = pl.concat(pl.DataFrame(one.rows).select(self.tags) for one in readings.batches)
        start = pl.lit(day.start).cast(pl.Datetime("ns", "UTC")).alias(TIME)
        return series.group_by(self.tags).agg(pl.len().alias("rows")).select(start, *self.tags, "rows")

    def _begin(self, request: Request) -> Position:
        return NOWHERE


def in_bins(inner: Source, grid: Grid) -> Binned:
    """Give the bins of a source, as a source of its kind."""
    if isinstance(inner, TimedSource):
        return BinnedArchive(inner, grid, inner)
    return BinnedDays(inner, grid, inner) if isinstance(inner, DatedSource) else Binned(inner, grid)


def _in_one(first: Readings, request: Request, gathered: Gathered, days: range) -> Iterator[Batch]:
    """Read everything once: rows of other days are none of this source, or those days come by themselves."""
    place = None
    for batch in first.batches:
        place = _Place(batch.stream, batch.mark)
        gathered.add(batch, [day for day in _days_in(batch) if day in days])
        yield _emptied(batch, batch.rejects)
    for day in gathered.days:
        assert place is not None
        yield from _bins(gathered, day, request.now, place)


def _bins(gathered: Gathered, day: int, now: int, place: _Place) -> Iterator[Batch]:
    for measurement, rows in gathered.bins(day, now):
        yield Batch(measurement, rows, place.stream, place.mark)


def _emptied(batch: Batch, rejects: Iterable[Reject]) -> Batch:
    """Give what a batch says besides its rows."""
    whole = batch.measurement
    shape = Measurement(whole.name, whole.tags, averaged(whole.fields))
    nothing = pa.RecordBatch.from_pylist([], schema=shape.schema)
    return Batch(shape, nothing, batch.stream, batch.mark, tuple(rejects))


def _days_of(window: Window) -> range:
    return range(window.start // DAY, -(-window.end // DAY))


def _days_in(batch: Batch) -> list[int]:
    """Give the days of a batch's rows, counted since 1970."""
    return (pl.Series(batch.rows[TIME]).cast(pl.Int64) // DAY).unique().to_list()
