"""A record in full: its fields, how long it took, and what belongs to it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from labmon_dagster.cli.common import complain, output
from labmon_dagster.cli.document_blocks import cells
from labmon_dagster.cli.record_kinds import RUNS, STREAMS, Kind, body_of
from labmon_dagster.formats import aligned, printable
from labmon_dagster.records.lab import LabRecords
from labmon_dagster.records.models import Dated, Detector, Run, Stream
from labmon_dagster.records.spans import during, known, spanned, window_of
from labmon_dagster.records.words import duration_text, entry_text, latest, readings_text, state

_ASIDE = {"history", "temperature"}


def show_record(kind: Kind, lab: LabRecords, name: str, *, as_json: bool) -> None:
    """Show one. Raises ValueError for one that is not known, RecordError for one not understood."""
    record = known(kind.of(lab), name)
    if as_json:
        told = {**body_of(record), **_belonging(record, lab)}
        output().write(json.dumps(told, indent=2, ensure_ascii=False) + "\n")
        return
    output().writelines(f"{line}\n" for line in _lines(record, lab))


def _belonging(record: Detector, lab: LabRecords) -> Mapping[str, Any]:
    """Give the names of what belongs to a record."""
    if isinstance(record, Run):
        return {"streams": [one.name for one in _streams(record, lab)]}
    if isinstance(record, Stream):
        return {"runs": [one.name for one in _runs(record, lab)]}
    return {
        "runs": [one.name for one in _with(record, lab.runs.all(complain))],
        "streams": [one.name for one in _with(record, lab.streams.all(complain))],
    }


def _lines(record: Detector, lab: LabRecords) -> Iterator[str]:
    aside = _ASIDE if isinstance(record, Stream) else set()
    fields = {name: value for name, value in body_of(record).items() if name not in aside}
    pairs = list(cells(fields))
    if isinstance(record, Dated):
        running = " so far" if record.running else ""
        pairs += [("state", state(record)), ("duration", duration_text(window_of(record)) + running)]
    if isinstance(record, Stream):
        pairs += [("temperature", _temperature(record))]
    yield from aligned([(printable(name), printable(text)) for name, text in pairs])
    if isinstance(record, Stream):
        yield from _part("processing", ("detector", "last"), _processing(record))
        yield from _part("history", ("detector", "time", "what", "description"), _history(record))
        yield from _part("runs", RUNS.head, map(RUNS.row, _runs(record, lab)))
    elif isinstance(record, Run):
        yield from _part("streams", STREAMS.head, map(STREAMS.row, _streams(record, lab)))
    else:
        yield from _part("runs", RUNS.head, map(RUNS.row, _with(record, lab.runs.all(complain))))
        yield from _part("streams", STREAMS.head, map(STREAMS.row, _with(record, lab.streams.all(complain))))


def _part(title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    listed = [[printable(cell) for cell in row] for row in rows]
    yield ""
    yield f"{title}: {'none' if not listed else len(listed)}"
    if listed:
        yield from (f"  {line}" for line in aligned([head, *listed]))


def _temperature(stream: Stream) -> str:
    return "not known" if stream.temperature is None else readings_text(stream.temperature)


def _processing(stream: Stream) -> Iterator[tuple[str, str]]:
    newest = latest(stream.history)
    for name in dict.fromkeys([*stream.detectors, *newest]):
        yield name, entry_text(newest[name]) if name in newest else "nothing yet"


def _history(stream: Stream) -> Iterator[tuple[str, ...]]:
    for entry in sorted(stream.history, key=lambda one: (one.det_name, one.timestamp)):
        when = f"{entry.timestamp:%Y-%m-%dT%H:%M:%SZ}"
        yield entry.det_name, when, entry_text(entry), entry.description


def _streams(run: Run, lab: LabRecords) -> list[Stream]:
    """Give the streams that were going on during a run."""
    return during(window_of(run), spanned(lab.streams.all(complain)))


def _runs(stream: Stream, lab: LabRecords) -> list[Run]:
    """Give the runs that were going on during a stream."""
    return during(window_of(stream), spanned(lab.runs.all(complain)))


def _with(detector: Detector, records: Iterable[Any]) -> list[Any]:
    """Give the records that name a detector."""
    return [one for one in records if detector.name in one.detectors]
