"""Points as line protocol, exactly: what it cannot carry is refused, never left out."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from labmon_dagster.model import PLACE, TIME
from labmon_dagster.model.points import Points
from labmon_dagster.stores import StoreError
from labmon_dagster.stores.influxdb.lines import Encoder
from labmon_dagster.stores.influxdb.words import complaint_about_measurement, complaint_about_name


class LineProtocol:
    """Writes points, one a line, with time stamps in ns."""

    def __init__(self) -> None:
        self._encoder = Encoder()

    def write(self, points: Points) -> bytes:
        """Write rows in order; one without time gets none. Raises ValueError for what cannot be told."""
        measurement = points.measurement
        for complaint in _complaints(points):
            raise ValueError(f"{measurement.name}: {complaint}")
        fields = [points.rows[field.name] for field in measurement.fields]
        tags = [points.rows[tag] for tag in measurement.tags]
        try:
            lines = self._encoder.encode(
                measurement.name, measurement.tags, pl.DataFrame([points.rows[TIME], *tags, *fields])
            )
        except StoreError as error:
            raise ValueError(f"{measurement.name}: {error}") from error
        return bytes(lines.body)


def _complaints(points: Points) -> Iterator[str]:
    measurement = points.measurement
    found = complaint_about_measurement(measurement.name)
    if found:
        yield found
    for name in (*measurement.tags, *(field.name for field in measurement.fields)):
        found = complaint_about_name(name)
        if found:
            yield found
    yield from _infinite(points)


def _infinite(points: Points) -> Iterator[str]:
    for field in points.measurement.fields:
        values = points.rows[field.name]
        if not values.dtype.is_float() or values.is_finite().all():
            continue
        first = (~values.is_finite()).fill_null(False).arg_max()
        assert first is not None
        yield (
            f"line protocol cannot carry {values[first]} (field {field.name!r}, "
            f"time {points.rows[TIME][first]}, line {points.rows[PLACE][first]})"
        )
