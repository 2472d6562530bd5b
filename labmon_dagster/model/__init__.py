"""The words everything below Dagster shares: measurements, readings, positions, windows, stamps."""

from labmon_dagster.model.measurement import ORDER, PLACE, TIME, Field, FieldType, Measurement
from labmon_dagster.model.position import NOWHERE, Mark, Position
from labmon_dagster.model.readings import (
    Batch,
    DatedSource,
    Readings,
    Reject,
    Request,
    Source,
    SourceError,
    TimedSource,
)
from labmon_dagster.model.window import DAY, SECOND, Window

__all__ = [
    "DAY",
    "NOWHERE",
    "ORDER",
    "PLACE",
    "SECOND",
    "TIME",
    "Batch",
    "DatedSource",
    "Field",
    "FieldType",
    "Mark",
    "Measurement",
    "Position",
    "Readings",
    "Reject",
    "Request",
    "Source",
    "SourceError",
    "TimedSource",
    "Window",
]
