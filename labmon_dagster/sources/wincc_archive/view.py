"""Questions about one table, answered within one connection."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from labmon_dagster.model import TIME as STAMP
from labmon_dagster.model import Window
from labmon_dagster.model.lazily import lazily
from labmon_dagster.sources.wincc_archive.archive import Archive, Connection
from labmon_dagster.sources.wincc_archive.datapoints import Datapoints, chosen, refuse_twins
from labmon_dagster.sources.wincc_archive.minutes import MINUTE as A_MINUTE
from labmon_dagster.sources.wincc_archive.minutes import Minutes
from labmon_dagster.sources.wincc_archive.spec import ArchiveSpec, Table
from labmon_dagster.sources.wincc_archive.statements import (
    DAY,
    DPID,
    DPNAME,
    MINUTE,
    ROWS,
    TIME,
    Dialect,
    Statement,
    Statements,
)
from labmon_dagster.sources.wincc_archive.times import instants, nanoseconds


@dataclass(frozen=True)
class TableView:
    """One table as a session sees it."""

    spec: ArchiveSpec
    table: Table
    statements: Statements
    connection: Connection

    @classmethod
    def of(cls, archive: Archive, connection: Connection, spec: ArchiveSpec, table: Table) -> TableView:
        """Look at a table through a connection."""
        return cls(spec, table, Statements(spec.schema, table, archive.dialect), connection)

    def newest(self, after: int, now: int) -> int | None:
        """Give the time (ns) of the newest row of a named datapoint after a time, and not after ``now``."""
        start = (after // 1000 + 1) * 1000  # what is bound has microseconds
        found = self._all(self.statements.newest(Window(start, now + 1000)))
        return nanoseconds(found[TIME])[0]

    @lazily
    def _names(self) -> pl.DataFrame:
        found = self._all(self.statements.names()).cast({DPID: pl.Int64, DPNAME: pl.String}, strict=False)
        return found.drop_nulls().unique()

    @lazily
    def datapoints(self) -> Datapoints:
        """Which datapoints are read, and their tags. Raises SourceError where two would be one series."""
        found = {table.name: chosen(self._names, table, self.spec.shape.tags) for table in self.spec.tables}
        refuse_twins(found.values())
        return found[self.table.name]

    def strangers(self, window: Window) -> dict[str, int]:
        """Count the rows of datapoints that nobody named, and of IDs without a name ('')."""
        found = self._all(self.statements.census(window)).cast({DPID: pl.Int64, ROWS: pl.Int64}, strict=False)
        named = found.join(self._names, on=DPID, how="left").with_columns(pl.col(DPNAME).fill_null(""))
        totals = named.group_by(DPNAME).agg(pl.col(ROWS).sum()).iter_rows()
        return {name: rows for name, rows in totals if not self.table.takes(name)}

    def undated(self) -> int:
        """Count the rows of the table whose CHANGE_DATE is none: no window has them. Oracle keeps no such."""
        if self.statements.dialect is Dialect.ORACLE:
            return 0
        return int(self._all(self.statements.undated())[ROWS][0])

    def minutes(self, window: Window) -> Minutes:
        """Count the rows of named datapoints in the minutes of a window."""
        first, last = window.start // A_MINUTE, (window.end - 1) // A_MINUTE
        if last < first:
            return Minutes()
        found = self._all(self.statements.minutes(window)).cast({MINUTE: pl.String, ROWS: pl.Int64})
        numbers = instants(found[MINUTE] + ":00").cast(pl.Int64) // A_MINUTE
        rows = {n: rows for n, rows in zip(numbers, found[ROWS], strict=True) if n is not None}
        return Minutes(first, last, rows)

    def counts(self, window: Window) -> pl.DataFrame:
        """Count the readings of each series and day: ``time`` (start of the day), tags, ``rows``."""
        found = self._all(self.statements.counts(window))
        series = self.datapoints.series.unique(DPNAME).select(DPNAME, *self.spec.shape.tags)
        days = pl.col(DAY).str.to_date(strict=False).cast(pl.Datetime("ns", "UTC"))
        counted = found.cast({DPNAME: pl.String, DAY: pl.String, ROWS: pl.Int64}).join(series, on=DPNAME)
        return counted.select(days.alias(STAMP), *self.spec.shape.tags, pl.col(ROWS).alias("rows"))

    def _all(self, statement: Statement) -> pl.DataFrame:
        return pl.concat(list(self.connection.frames(statement)), how="vertical_relaxed")
