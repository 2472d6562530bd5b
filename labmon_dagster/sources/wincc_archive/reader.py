"""A condition archive as a source that can be asked again, by time."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import NamedTuple, TypeVar

import polars as pl

from labmon_dagster.model import TIME as STAMP
from labmon_dagster.model import Batch, Mark, Position, Readings, Reject, Request, SourceError, Window
from labmon_dagster.model.stamps import Trust
from labmon_dagster.model.window import day_of
from labmon_dagster.sources.wincc_archive.archive import BATCH, Archive, patiently
from labmon_dagster.sources.wincc_archive.minutes import MINUTE, Minutes
from labmon_dagster.sources.wincc_archive.rows import Rows
from labmon_dagster.sources.wincc_archive.spec import ArchiveSpec, Table
from labmon_dagster.sources.wincc_archive.statements import DPNAME
from labmon_dagster.sources.wincc_archive.stream import TableStream
from labmon_dagster.sources.wincc_archive.view import TableView

_LISTED = 20
_NOBODY: Mapping[str, int] = {}
T = TypeVar("T")


class _Begun(NamedTuple):
    view: TableView
    maker: Rows
    window: Window
    mark: Mark


@dataclass(frozen=True)
class ArchiveReadings:
    """The readings of one archive. ``size`` is how many rows are fetched at a time.

    The mark of a table is the time of its newest row when the table was read: what was there by then was
    read, but for rows that come late.
    """

    archive: Archive
    spec: ArchiveSpec
    size: int = BATCH
    clock: Callable[[], int] = time.time_ns

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags that tell the datapoints apart."""
        return self.spec.shape.tags

    def news(self, known: Position) -> bool:
        """Whether a table has a row of a named datapoint behind ``known``."""
        now = self.clock()
        return any(self._asked(lambda view: view.newest(self._behind(view.table, known), now)))

    def newest(self) -> int | None:
        """Give the time of the newest row that is believed (ns); None where there is none."""
        now = self.clock()
        found = self._asked(lambda view: view.newest(self.spec.start - 1, now))
        return max((one for one in found if one is not None), default=None)

    def read(self, request: Request) -> Readings:
        """Read the rows of ``request.window`` behind ``request.since`` and of the lookback before it."""
        facts: dict[str, object] = {"tables": [self.spec.stream(table) for table in self.spec.tables]}
        trouble: list[str] = []
        return Readings(self._batches(request, facts, trouble), facts, trouble)

    def again(self, reject: Reject, now: int) -> Readings:
        """Read a quarantined row anew."""
        if reject.context not in {table.name for table in self.spec.tables}:
            raise SourceError(f"{reject.place}: table {reject.context!r} is not read any more")
        row = json.loads(reject.raw)
        row.pop(DPNAME)
        makers = self._asked(lambda view: self._maker(view, now, reject.day))
        (maker,) = (one for one in makers if one.table.name == reject.context)
        rows, rejects = maker.made(pl.DataFrame([row]))
        return Readings(iter([Batch(self.spec.shape, rows, "again", Mark(0), rejects)]))

    def count_series(self, window: Window) -> pl.DataFrame:
        """Count the readings of each series and day: ``time`` (start of the day), tags, ``rows``."""
        parts = self._asked(lambda view: view.counts(window))
        return pl.concat(parts).sort(STAMP, *self.spec.shape.tags)

    def datapoints(self) -> dict[str, dict[str, str]]:
        """Give the tags of every datapoint that is read, by name."""
        found = self._asked(lambda view: view.datapoints.tags_by_name)
        return {name: tags for names in found for name, tags in names.items()}

    def _batches(self, request: Request, facts: dict[str, object], trouble: list[str]) -> Iterator[Batch]:
        for table in self.spec.tables:
            yield from self._table(table, request, facts, trouble)

    def _table(
        self, table: Table, request: Request, facts: dict[str, object], trouble: list[str]
    ) -> Iterator[Batch]:
        begun = patiently(lambda: self._begun(table, request, facts, trouble), self.archive)
        view, maker, window, mark = begun
        stream = self.spec.stream(table)
        rows = TableStream(self.archive, view.connection, view.statements, window, self.size)
        with closing(rows):
            yield Batch(self.spec.shape, maker.nothing, stream, mark)
            for piece in rows.pieces():
                made, rejects = maker.made(piece)
                yield Batch(self.spec.shape, made, stream, mark, rejects)

    def _begun(self, table: Table, request: Request, facts: dict[str, object], trouble: list[str]) -> _Begun:
        """Begin to read a table: everything that is asked of it is asked in one session."""
        view = self._view(table)
        try:
            maker = self._maker(view, request.now, day_of(request.window.start))
            window, mark = self._stretch(view, request)
            told = (
                _about(maker)
                if request.since
                else _about(maker, view.strangers(request.window), view.undated())
            )
        except BaseException:
            view.connection.close()
            raise
        facts.update({f"{table.name}: {what}": names for what, names in told.items()})
        trouble += [f"{name}: no tag rule fits this datapoint" for name in maker.datapoints.untagged]
        return _Begun(view, maker, window, mark)

    def _stretch(self, view: TableView, request: Request) -> tuple[Window, Mark]:
        """Find what is to be read, and the mark behind it.

        Behind a mark it begins with the first minute of the lookback that has not as many rows as then.
        """
        behind = max(self._behind(view.table, position) for position in (request.since, request.known))
        newest = view.newest(behind, request.now) or behind
        since = request.since.get(self.spec.stream(view.table))
        oldest = min(newest, since.offset if since else newest) - self.spec.lookback
        start, end = request.window.start, request.window.end
        counted = view.minutes(Window(max(start, oldest // MINUTE * MINUTE), min(newest + 1, end)))
        if since:
            begin = max(start, since.offset - self.spec.lookback)
            start = counted.first_changed(Minutes.remembered(since), begin, max(start, since.offset))
        return Window(start, end), Mark(newest, counted.notes(newest - self.spec.lookback))

    def _behind(self, table: Table, position: Position) -> int:
        mark = position.get(self.spec.stream(table))
        return max(mark.offset, self.spec.start - 1) if mark else self.spec.start - 1

    def _maker(self, view: TableView, now: int, day: date) -> Rows:
        return Rows(self.spec, view.table, view.datapoints, Trust(self.spec.start, now), day)

    def _view(self, table: Table) -> TableView:
        return TableView.of(self.archive, self.archive.connect(), self.spec, table)

    def _asked(self, question: Callable[[TableView], T]) -> list[T]:
        """Ask the same of every table. Raises SourceError."""

        def ask(table: Table) -> T:
            view = self._view(table)
            with closing(view.connection):
                return question(view)

        return [patiently(partial(ask, table), self.archive) for table in self.spec.tables]


def _about(maker: Rows, strangers: Mapping[str, int] = _NOBODY, undated: int = 0) -> dict[str, list[str]]:
    """What people should know of a table's datapoints."""
    named = {name: rows for name, rows in strangers.items() if name}
    told = [f"{name} ({rows} rows)" for name, rows in sorted(named.items())]
    told += [f"IDs without a name ({strangers['']} rows)"] if "" in strangers else []
    more = [f"and {len(told) - _LISTED} more"] if len(told) > _LISTED else []
    about = {
        "datapoints that nobody named": [*told[:_LISTED], *more],
        "patterns that fit no datapoint": list(maker.datapoints.absent),
        "rows whose CHANGE_DATE is no time": [str(undated)] if undated else [],
    }
    return {what: names for what, names in about.items() if names}
