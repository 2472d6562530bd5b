"""Readings on their way from a source to a store: batches, and what could not be a reading."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

import pyarrow as pa

from labmon_dagster.model.measurement import Measurement
from labmon_dagster.model.position import Mark


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
class Readings:
    """A stream of batches, read once, lazily. ``facts`` grows while it is read (files, headers, …)."""

    batches: Iterator[Batch]
    facts: dict[str, object] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
