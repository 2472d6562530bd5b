"""Records of every kind the official client takes, as line protocol."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

from influxdb_client.client.write.point import Point

from labmon_dagster.clients.eht_influx_client.body import Body
from labmon_dagster.clients.eht_influx_client.frames import add_frame
from labmon_dagster.clients.eht_influx_client.instants import time_ns
from labmon_dagster.clients.eht_influx_client.options import Options
from labmon_dagster.clients.eht_influx_client.texts import add_text
from labmon_dagster.clients.eht_influx_client.values import fields_text, series_text

_KINDS = (
    "a DataFrame, a Point, a dict, a NamedTuple, a dataclass, line protocol as str or bytes, "
    "or an iterable of these"
)


def add_record(body: Body, record: Any, options: Options) -> None:
    """Add a record, or each of an iterable of records.

    Raises ValueError or TypeError that says what is wrong with it.
    """
    if isinstance(record, Point):
        _add_point(body, record, options)
    elif isinstance(record, dict):
        _add_dict(body, record, options)
    elif isinstance(record, str | bytes | bytearray):
        add_text(body, record, options.precision)
    elif "DataFrame" in type(record).__name__:
        add_frame(body, record, options)
    elif hasattr(record, "_asdict") and not isinstance(record, type):
        _add_dict(body, record._asdict(), options)
    elif dataclasses.is_dataclass(record) and not isinstance(record, type):
        _add_dict(body, dataclasses.asdict(record), options)
    elif isinstance(record, Iterable):
        for one in record:
            add_record(body, one, options)
    else:
        raise TypeError(f"record is {type(record).__name__}; allowed: {_KINDS}")


def _add_dict(body: Body, record: dict[str, Any], options: Options) -> None:
    try:
        point = Point.from_dict(record, options.precision, **options.record)  # type: ignore[arg-type]
    except KeyError as error:
        there = ", ".join(map(repr, record)) or "none"
        raise ValueError(f"the record has no key {error}; its keys are: {there}") from error
    _add_point(body, point, options)


def _add_point(body: Body, point: Point, options: Options) -> None:
    # What the point's own text leaves out (infinity) or alters (a tag's newline) is to be refused here.
    tags = {**options.tags, **point._tags}
    precision = point._write_precision if options.precision_from_point else options.precision
    fields = fields_text(point._fields.items(), tags, point._field_types)
    time = None if point._time is None else time_ns(point._time, precision)
    body.add(series_text(point._name, tags), fields, time)
