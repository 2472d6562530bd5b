"""`labmon preview` of an asset whose rows are of several measurements: the newest points of a station log."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Protocol

import polars as pl

from labmon_dagster.cli.common import output, remark
from labmon_dagster.cli.looking import tell_rejects, tell_trouble, windows
from labmon_dagster.formats import Format, aligned, printable, time_texts
from labmon_dagster.model import NOWHERE, ORDER, PLACE, TIME, Measurement, Readings, Request, Window
from labmon_dagster.model.points import Points
from labmon_dagster.replay.annotated import AnnotatedCsv
from labmon_dagster.replay.jsonl import JsonLines
from labmon_dagster.replay.line import LineProtocol

if TYPE_CHECKING:
    from labmon_dagster.components.feed import Feed

_HEAD = ("time", "measurement", "tags", "fields")


class PointWriter(Protocol):
    """Writes points in one of the forms that `labmon replay` reads."""

    def write(self, points: Points) -> bytes:
        """Give the text of some points."""


WRITERS: Mapping[Format, type[PointWriter]] = {
    Format.CSV: AnnotatedCsv,
    Format.JSONL: JsonLines,
    Format.LINE: LineProtocol,
}


def show_points(feed: Feed, day: date | None, limit: int, form: Format) -> None:
    """Show the newest points of a log in the order they were received, or the first of a day."""
    shown: list[Points] = []
    for window in windows(feed, day):
        shown = _cut(_points(feed, day, window), day, limit)
        if shown:
            break
    if form is Format.TABLE:
        rows = [cells for points in shown for cells in _cells(points)]
        output().writelines(f"{line}\n" for line in (aligned([_HEAD, *rows]) if rows else ()))
    else:
        write = WRITERS[form]()
        output().writelines(write.write(points).decode() for points in shown)
    if not shown:
        remark(f"no points{f' on {day}' if day else ''}")


def _points(feed: Feed, day: date | None, window: Window) -> Iterator[Points]:
    """Read the log from its beginning, telling at once what of it cannot be read."""
    readings = feed.source.read(Request(window, NOWHERE, NOWHERE, time.time_ns()))
    if not isinstance(readings, Readings):
        raise TypeError(f"{feed.asset} is no feed of documents, but its source gives such")
    for batch in readings.batches:
        tell_rejects(batch.rejects, day)
        if batch.rows.num_rows:
            yield Points(batch.measurement, pl.DataFrame(batch.rows))
    tell_trouble(readings.trouble)


def _cut(given: Iterator[Points], day: date | None, limit: int) -> list[Points]:
    """Give the first or last so many points, one by one, in the order they were received."""
    kept: list[tuple[int, int, Measurement, pl.DataFrame]] = []
    for points in given:
        rows = points.rows.sort(ORDER, PLACE)
        rows = rows.head(limit) if day else rows.tail(limit)
        kept += [(one[ORDER][0], one[PLACE][0], points.measurement, one) for one in rows.iter_slices(1)]
        kept.sort(key=lambda one: one[:2])
        kept = kept[:limit] if day else kept[-limit:]
    return [Points(measurement, rows) for _, _, measurement, rows in kept]


def _cells(points: Points) -> Iterator[Sequence[str]]:
    shape = points.measurement
    tags, fields = shape.tags, [field.name for field in shape.fields]
    for stamp, row in zip(time_texts(points.rows[TIME]), points.rows.iter_rows(named=True), strict=True):
        told = " ".join(f"{tag}={row[tag]}" for tag in tags if row[tag])
        values = " ".join(f"{name}={row[name]}" for name in fields if row[name] is not None)
        yield stamp, *map(printable, (shape.name, told, values))
