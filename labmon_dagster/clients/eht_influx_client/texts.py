"""Line protocol that a program wrote itself: checked, and given a time where it has none."""

from __future__ import annotations

import polars as pl

from labmon_dagster.clients.eht_influx_client.body import Body
from labmon_dagster.clients.eht_influx_client.instants import time_ns
from labmon_dagster.clients.eht_influx_client.values import fields_text, measured, named, series_text
from labmon_dagster.model import TIME
from labmon_dagster.model.points import BadLine, Points
from labmon_dagster.model.window import UNITS
from labmon_dagster.sources.line_protocol.parser import parse
from labmon_dagster.sources.line_protocol.rows import Row, read_row
from labmon_dagster.station_log.forked import polars_works

_MANY = 10_000


def add_text(body: Body, text: str | bytes | bytearray, precision: str) -> None:
    """Add the lines of a text whose times count in ``precision``.

    Raises ValueError for the first line that is no point, or whose time looks like another unit.
    """
    raw = text.encode(errors="surrogateescape") if isinstance(text, str) else bytes(text)
    if len(raw) < _MANY or not polars_works() or not _taken_whole(body, raw, precision):
        _one_by_one(body, raw.decode(errors="surrogateescape"), precision)


def _taken_whole(body: Body, raw: bytes, precision: str) -> bool:
    """Take a long text as it is. False where lines must be written anew: no time, or not in ns."""
    found = parse(raw)
    if precision != "ns" or found.bad or any(one.rows[TIME].null_count() for one in found.points):
        return False
    for points in found.points:
        _check(points)
    body.add_lines(raw if raw.endswith(b"\n") else raw + b"\n", sum(one.rows.height for one in found.points))
    return True


def _check(points: Points) -> None:
    measured(points.measurement.name)
    for name in (*points.measurement.tags, *(field.name for field in points.measurement.fields)):
        named(name)
    times = points.rows[TIME].cast(pl.Int64)
    for extreme in (times.min(), times.max()):
        time_ns(extreme, "ns")


def _one_by_one(body: Body, text: str, precision: str) -> None:
    start, number, unit = 0, 1, UNITS[precision]
    while start < len(text):
        found, end = read_row(text, start, number, unit)
        if isinstance(found, BadLine):
            raise ValueError(f"line protocol: {found}: {found.raw}")
        if found is not None:
            _add_row(body, found, precision)
        number += text.count("\n", start, end) + 1
        start = end + 1


def _add_row(body: Body, row: Row, precision: str) -> None:
    tags = dict(row.series.tags)
    try:
        time = None if row.time is None else time_ns(row.time // UNITS[precision], precision)
        fields = fields_text(((name, value) for name, (_, value) in row.fields.items()), tags, {})
        body.add(series_text(row.series.measurement, tags), fields, time)
    except ValueError as error:
        raise ValueError(f"line protocol: line {row.line}: {error}") from error
