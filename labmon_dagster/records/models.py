"""The records: their fields, what they must have, and what else may be said with them.

Fields beyond these are kept as they are given.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, ClassVar, TypeAlias

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, StrictStr, model_validator

from labmon_dagster.records.instants import Instant

Name: TypeAlias = Annotated[StrictStr, Field(min_length=1, max_length=500)]
Fields: TypeAlias = dict[StrictStr, Any]
START, STOP = "start_date", "stop_date"


def _no_text(value: object) -> object:
    if isinstance(value, bool | str | bytes | np.bool_):
        raise ValueError(f"a number, not of type {type(value).__name__}")
    return value


Number: TypeAlias = Annotated[float, BeforeValidator(_no_text), Field(allow_inf_nan=False)]
"""A finite number; a text is none, nor is a truth value."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="allow", hide_input_in_errors=True, populate_by_name=False)


class DetectorName(_Part):
    """A detector as a run names it."""

    name: Name


class Channel(_Part):
    """How a channel of a detector was configured."""

    det_name: Name


class Temperature(_Part):
    """The 4 K temperature (K) during a stream: mean and standard deviation, and of how many readings."""

    mean: Number
    std: Annotated[Number, Field(ge=0)]
    readings: Annotated[int, Field(ge=0, strict=True)] | None = None


class HistoryEntry(_Part):
    """What was done with a stream's data of a detector, and by which code."""

    timestamp: Instant
    det_name: Name
    label: Name
    code_commit: Name
    description: StrictStr = ""
    processing_status: Annotated[Number, Field(ge=0, le=1)] | None = None
    processing_conf: Fields | None = None


class Detector(_Part):
    """A detector. ``kind`` of each class names it in errors; ``mandatory``: what it is not made without."""

    kind: ClassVar[str] = "detector"
    mandatory: ClassVar[tuple[str, ...]] = ("name",)
    name: Name
    _unclear: dict[str, str] = PrivateAttr(default_factory=dict)

    @property
    def detectors(self) -> list[str]:
        """The detectors that it names."""
        return []

    @property
    def unclear(self) -> dict[str, str]:
        """Its fields that are not understood, each with the reason: another program made them."""
        return self._unclear


class Dated(Detector):
    """A record that begins and ends. ``names_in``: the field in which it names detectors."""

    kind: ClassVar[str] = "record"
    names_in: ClassVar[str] = ""
    start_date: Instant | None = None
    stop_date: Instant | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Dated:
        check_order(self.start_date, self.stop_date)
        return self

    @property
    def running(self) -> bool:
        """Whether it has begun and not ended."""
        return self.start_date is not None and self.stop_date is None


class Run(Dated):
    """A run: some detectors, measured from start to stop."""

    kind: ClassVar[str] = "run"
    mandatory: ClassVar[tuple[str, ...]] = ("name", "detector")
    names_in: ClassVar[str] = "detector"
    detector: list[DetectorName] = []
    description: StrictStr = ""

    @property
    def detectors(self) -> list[str]:
        """The detectors that were measured."""
        return [one.name for one in self.detector]


class Stream(Dated):
    """A stream of data: how it was acquired, of which channels, what was done with it."""

    kind: ClassVar[str] = "stream"
    mandatory: ClassVar[tuple[str, ...]] = ("name", "acq_config", "channel_config", "comment")
    names_in: ClassVar[str] = "channel_config"
    acq_config: Fields = {}
    channel_config: list[Channel] = []
    comment: StrictStr = ""
    status: Any = None
    bbox_status: Fields = {}
    history: list[HistoryEntry] = []
    temperature: Temperature | None = None

    @property
    def detectors(self) -> list[str]:
        """The detectors in the stream, each once."""
        return list(dict.fromkeys(one.det_name for one in self.channel_config))


def check_order(start: datetime | None, stop: datetime | None) -> None:
    """Raise ValueError unless a record that ends has begun before."""
    if stop is not None and start is None:
        raise ValueError(f"a {STOP}, but no {START}")
    if start is not None and stop is not None and stop < start:
        raise ValueError(f"{STOP} {stop} lies before {START} {start}")


def lacking(kind: type[Detector], given: Mapping[str, Any]) -> list[str]:
    """The mandatory fields that are not given."""
    return [name for name in kind.mandatory if given.get(name) is None]
