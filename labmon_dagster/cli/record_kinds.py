"""The kinds of records as the commands show them: which there are, and a line of each in a list."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from labmon_dagster.cli.document_blocks import cells, plain_body
from labmon_dagster.model.window import instant_text
from labmon_dagster.records.lab import LabRecords
from labmon_dagster.records.managers import Records
from labmon_dagster.records.models import Dated, Detector, Run, Stream
from labmon_dagster.records.spans import begins, ends, window_of
from labmon_dagster.records.words import duration_text, processing_text, short_time, state, temperature_text
from labmon_dagster.stores.documents.plain import exact

DATED_HEAD = ("name", "state", "start", "stop", "duration", "detectors")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of records: the group of commands, where its records are, and a list's heading and lines."""

    group: str
    of: Callable[[LabRecords], Records[Any]]
    model: type[Detector]
    head: tuple[str, ...]
    row: Callable[[Any], tuple[str, ...]]

    @property
    def word(self) -> str:
        """One of them, in words."""
        return self.model.kind

    @property
    def dated(self) -> bool:
        """Whether they begin and end."""
        return issubclass(self.model, Dated)


def dated_row(record: Dated) -> tuple[str, ...]:
    """What runs and streams have in common."""
    return (
        record.name,
        state(record),
        short_time(begins(record)),
        short_time(ends(record)),
        duration_text(window_of(record)),
        ", ".join(record.detectors),
    )


def _run(run: Run) -> tuple[str, ...]:
    return *dated_row(run), run.description


def _stream(stream: Stream) -> tuple[str, ...]:
    status = "" if stream.status is None else str(stream.status)
    return *dated_row(stream), status, temperature_text(stream.temperature), processing_text(stream)


def _detector(detector: Detector) -> tuple[str, ...]:
    fields = {name: value for name, value in body_of(detector).items() if name != "name"}
    return detector.name, ", ".join(f"{name}={text}" for name, text in cells(fields))


def exact_row(kind: Kind, record: Any) -> list[str]:
    """Give the line of a record with its times to the nanosecond."""
    cells = list(kind.row(record))
    if isinstance(record, Dated):
        first = DATED_HEAD.index("start")
        cells[first : first + 2] = [
            "" if ns is None else instant_text(ns) for ns in (begins(record), ends(record))
        ]
    return cells


def body_of(record: Detector) -> Mapping[str, Any]:
    """Give all fields of a record as JSON has them, instants to the nanosecond."""
    body = exact(record.model_dump(exclude_unset=True))
    told = plain_body(body)
    return {name: told[name] for name in body}


RUNS = Kind("runs", lambda lab: lab.runs, Run, (*DATED_HEAD, "description"), _run)
STREAMS = Kind(
    "streams",
    lambda lab: lab.streams,
    Stream,
    (*DATED_HEAD, "status", "temperature", "processing"),
    _stream,
)
DETECTORS = Kind("detectors", lambda lab: lab.detectors, Detector, ("name", "fields"), _detector)
