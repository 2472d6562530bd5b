"""The keywords of write(), as the official client names them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from labmon_dagster.clients.eht_influx_client.ini import near
from labmon_dagster.model.window import UNITS

_FRAME = (
    "data_frame_measurement_name",
    "data_frame_tag_columns",
    "data_frame_timestamp_column",
    "data_frame_timestamp_timezone",
)
_RECORD = (
    "record_measurement_key",
    "record_measurement_name",
    "record_time_key",
    "record_tag_keys",
    "record_field_keys",
    "field_types",
)
KEYWORDS = (*_FRAME, *_RECORD, "precision_from_point")


@dataclass(frozen=True, slots=True)
class Options:
    """How records of a call are to be understood; ``tags`` are the tags that points have by default."""

    precision: str = "ns"
    tags: Mapping[str, str] = field(default_factory=dict)
    measurement: str | None = None
    tag_columns: Sequence[str] = ()
    time_column: str | None = None
    timezone: str | None = None
    precision_from_point: bool = True
    record: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, precision: str, tags: Mapping[str, str], given: Mapping[str, Any]) -> Options:
        """Sort keywords. Raises ValueError for another precision, TypeError for an unknown keyword."""
        if precision not in UNITS:
            raise ValueError(f"write_precision={precision!r}; allowed: {', '.join(UNITS)}")
        for name in given:
            if name not in KEYWORDS:
                raise TypeError(f"write() has no keyword {name!r}; {near(name, KEYWORDS)}")
        columns = given.get("data_frame_tag_columns") or ()
        return cls(
            precision=precision,
            tags=tags,
            measurement=given.get("data_frame_measurement_name"),
            tag_columns=(columns,) if isinstance(columns, str) else tuple(map(str, columns)),
            time_column=given.get("data_frame_timestamp_column"),
            timezone=given.get("data_frame_timestamp_timezone"),
            precision_from_point=given.get("precision_from_point", True),
            record={name: given[name] for name in _RECORD if name in given},
        )
