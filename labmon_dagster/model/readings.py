"""Readings on their way from a source to a store: batches, and what could not be a reading."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol, runtime_checkable

import polars as pl
import pyarrow as pa

from labmon_dagster.model.measurement import Measurement
from labmon_dagster.model.position import Mark, Position
from labmon_dagster.model.window import Window


@dataclass(frozen=True, slots=True)
class Reject:
    """A piece of a source that cannot be a reading, kept whole.

    ``raw`` is the text as it stood, ``place`` names file and line (or table and key), ``reason`` says
    what is wrong and what would be right, ``day`` is the UTC day the piece is filed under: that of the
    last good row before it. ``context`` is what one must know to read ``raw`` again (a file's header).
    """

    reason: str
    raw: str
    place: str
    day: date
    context: str = ""


@dataclass(frozen=True, slots=True)
class Batch:
    """Some rows of a source in the source's order, and where the source stands after them.

    ``rows`` follows ``measurement.schema``. ``stream`` and ``mark`` say which part of the source
    (a file, a journal day, an archive table) was read how far; see `labmon_dagster.model.position`.
    """

    measurement: Measurement
    rows: pa.RecordBatch
    stream: str
    mark: Mark
    rejects: tuple[Reject, ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of a source.

    ``window``: the instants wanted; a source that cannot seek by time may give more. ``since``: start
    behind these marks. ``known``: the newest marks of all, memory of earlier looks. ``now``: ns.
    """

    window: Window
    since: Position
    known: Position
    now: int


@dataclass(frozen=True, slots=True)
class Readings:
    """A stream of batches, read once, lazily. It yields at least one batch for each stream there is.

    While it is read, ``facts`` grows (files, headers, …: shown to people) and so does ``trouble``:
    what could not be read just now, so that no day may be called proven.
    """

    batches: Iterator[Batch]
    facts: dict[str, object] = field(default_factory=dict)
    trouble: list[str] = field(default_factory=list)


class Source(Protocol):
    """A source that can be asked again."""

    def read(self, request: Request) -> Readings:
        """The readings behind ``request.since``. Raises SourceError where nothing can be read."""
        ...

    def news(self, known: Position) -> bool:
        """Whether there is anything behind ``known``, found without reading the data."""
        ...

    def again(self, reject: Reject, now: int) -> Readings:
        """The readings in a quarantined piece, read with today's settings."""
        ...


@runtime_checkable
class TimedSource(Source, Protocol):
    """A source that is asked by time: it gives only rows of the window, and can count them itself.

    The offsets of its marks are times (UTC ns).
    """

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags that tell its series apart."""
        ...

    def newest(self) -> int | None:
        """Give the time of the newest row (ns); None where there is none."""
        ...

    def count_series(self, window: Window) -> pl.DataFrame:
        """Count the readings of each series and day: ``time`` (start of the day, UTC), tags, ``rows``."""
        ...


@runtime_checkable
class DatedSource(Protocol):
    """A source whose streams are UTC days: what is filed under a day lies only in the stream of that day.

    ``known`` names the stream of every day that was read, with offset 0 where there was none, and for
    ``news`` today's too. Streams it does not name are of no concern: a day never read comes by itself.
    There is news where a stream it names ends behind its mark. A ``read`` gives the streams of the window's
    days behind ``since``, and of the others what lies behind their marks in ``known``: a clock that stepped
    back writes into an older day. A mark may lie behind the end of its stream (see `grown`).
    """

    def stream_of(self, day: date) -> str:
        """Name the stream of a day."""
        ...


class SourceError(Exception):
    """A source cannot be read at all; the text names it, says why, and what to do."""
