"""The rows of one table and window as they come, through lost connections: each row once, by time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import polars as pl

from labmon_dagster.model import Window
from labmon_dagster.sources.wincc_archive.archive import BATCH, Archive, Connection, LostError, patiently
from labmon_dagster.sources.wincc_archive.statements import TIME, Statements
from labmon_dagster.sources.wincc_archive.times import nanoseconds


class TableStream:
    """Reads rows piece by piece.

    The rows of the latest time in a piece are held back until a later time is met, so that rows of one
    time are never parted, and a lost connection is taken up at the first row that was not given.
    """

    def __init__(
        self,
        archive: Archive,
        connection: Connection,
        statements: Statements,
        window: Window,
        size: int = BATCH,
    ) -> None:
        self._archive = archive
        self._connection = connection
        self._statements = statements
        self._window = window
        self._size = size
        self._frames: Iterator[pl.DataFrame] | None = None
        self._held: pl.DataFrame | None = None
        self._reached: pl.Series | None = None
        self._lost = False

    def close(self) -> None:
        """End the session."""
        self._connection.close()

    def pieces(self) -> Iterator[pl.DataFrame]:
        """Give the rows. Raises SourceError when the archive stays away."""
        while (piece := patiently(self._next, self._archive)) is not None:
            if piece.height:
                yield piece

    def _next(self) -> pl.DataFrame | None:
        try:
            return self._piece()
        except LostError:
            self._lost, self._frames = True, None
            raise

    def _piece(self) -> pl.DataFrame | None:
        """Give the next rows, none of them where only held ones came; None at the end."""
        if self._lost:
            self._connection.close()
            self._connection = self._archive.connect()
            self._lost = False
        if self._frames is None:
            self._frames = self._begin()
        frame = next(self._frames, None)
        if frame is None:
            rest, self._held = self._held, None
            self._frames = iter(())
            return rest
        return self._hold(frame)

    def _begin(self) -> Iterator[pl.DataFrame]:
        """Ask for all rows, or for those from the first that was not given."""
        window, latest = self._window, None
        self._held = None
        if self._reached is not None:
            latest, start = self._reached.to_physical()[0], nanoseconds(self._reached)[0]
            window = replace(window, start=window.start if start is None else max(window.start, start))
        for frame in self._connection.frames(self._statements.rows(window), self._size):
            # Oracle takes microseconds, and its times may be finer: what was given already may come again.
            yield frame if latest is None else frame.filter(pl.col(TIME).to_physical() >= latest)

    def _hold(self, frame: pl.DataFrame) -> pl.DataFrame:
        both = frame if self._held is None else pl.concat([self._held, frame], how="vertical_relaxed")
        if both.is_empty():
            return both
        times = both[TIME].to_physical()  # Python's datetimes would cut the nanoseconds
        given = times.search_sorted(times[-1], "left")
        self._held = both[given:]
        self._reached = self._held[TIME][:1]
        return both[:given]
