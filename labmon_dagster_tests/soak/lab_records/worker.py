"""A worker of the soak: makes and changes runs and streams that all workers share, and notes each call."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from labmon_dagster.records.errors import RecordError
from labmon_dagster.records.lab import LabRecords
from labmon_dagster_tests.soak.lab_records.notes import DONE, REFUSED, Notes
from labmon_dagster_tests.stores.records.worker import opened

RECORDS = 10  # runs, and as many streams
DETECTORS = tuple(f"D{n}" for n in range(6))
BEGIN, END = datetime(2022, 5, 11, tzinfo=UTC), datetime(2022, 5, 12, tzinfo=UTC)
EARLY = datetime(2022, 5, 10, tzinfo=UTC)
_OPS = {"create": 2, "start": 3, "stop": 3, "history": 6, "detector": 2, "temperature": 2}
_OF_STREAMS = {"history", "detector", "temperature"}
_NEW, _EARLY_STOPS = 0.7, 0.1


@dataclass(frozen=True, slots=True)
class Settings:
    """What a worker does: at least ``calls`` calls, and on until the file ``enough`` is there."""

    url: str
    who: int
    seed: int
    calls: int
    notes: Path
    enough: Path | None = None


def work(settings: Settings) -> None:
    """Do it, also where an earlier worker of this number was killed."""
    notes = Notes(settings.notes)
    chance = random.Random(f"{settings.seed} {settings.who} {notes.intents}")
    with closing(opened(settings.url)) as store:
        lab = LabRecords.of(store)
        for n in range(notes.intents, 10**9):
            if n >= settings.calls and (settings.enough is None or settings.enough.exists()):
                return
            _call(lab, notes, f"{settings.who}-{n}", chance, min(1.0, n / settings.calls))


def _call(lab: LabRecords, notes: Notes, number: str, chance: random.Random, progress: float) -> None:
    (op,) = chance.choices(list(_OPS), list(_OPS.values()))
    kind = "stream" if op in _OF_STREAMS else chance.choice(["run", "stream"])
    record = f"{kind}{_chosen(chance, progress)}"
    given = _given(op, kind, number, chance)
    notes.intent(number, op, kind, record, given)
    try:
        _DOES[op](lab, kind, record, given)
    except RecordError as error:
        notes.outcome(number, REFUSED, str(error))
    else:
        notes.outcome(number, DONE)


def _chosen(chance: random.Random, progress: float) -> int:
    """A record: one after the other they come into use, and mostly the newest are asked for."""
    newest = min(RECORDS - 1, int(progress * RECORDS))
    return max(0, newest - chance.randrange(2)) if chance.random() < _NEW else chance.randint(0, newest)


def _given(op: str, kind: str, number: str, chance: random.Random) -> dict[str, Any]:
    """What is asked for; the number of the call is in it, so that its traces can be told from others."""
    unique = timedelta(milliseconds=int(number.replace("-", "00")))
    match op:
        case "create" if kind == "run":
            return {"detector": [{"name": "D0"}, {"name": "D1"}], "description": number}
        case "create":
            channel = {"det_name": "D0", "by": number}
            return {"acq_config": {"d2": 250}, "channel_config": [channel], "comment": number}
        case "start":
            return {"moment": (BEGIN + unique).isoformat()}
        case "stop":
            early = chance.random() < _EARLY_STOPS
            return {"moment": ((EARLY if early else END) + unique).isoformat()}
        case "history":
            return {"det_name": chance.choice(DETECTORS[:4]), "label": number, "code_commit": "87B5E5A"}
        case "detector":
            return {"det_name": chance.choice(DETECTORS), "by": number}
    return {"mean": 4 + unique.total_seconds() / 1e6, "std": 0.02}


def _moment(given: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(given["moment"])


def _create(lab: LabRecords, kind: str, record: str, given: dict[str, Any]) -> None:
    _of(lab, kind).create({"name": record, **given})


def _start(lab: LabRecords, kind: str, record: str, given: dict[str, Any]) -> None:
    _of(lab, kind).start(record, _moment(given))


def _stop(lab: LabRecords, kind: str, record: str, given: dict[str, Any]) -> None:
    _of(lab, kind).stop(record, _moment(given))


def _history(lab: LabRecords, kind: str, record: str, given: dict[str, Any]) -> None:
    lab.streams.add_history(record, lab.streams.history_entry(record, END, **given))


def _detector(lab: LabRecords, kind: str, record: str, given: dict[str, Any]) -> None:
    acq_config, boxes = {f"d_{given['by']}": 400}, {given["det_name"]: "on"}
    lab.streams.add_detector(record, given, acq_config, boxes)


def _temperature(lab: LabRecords, kind: str, record: str, given: dict[str, Any]) -> None:
    lab.streams.add_temperature(record, lab.streams.temperature(record, **given))


def _of(lab: LabRecords, kind: str) -> Any:
    return lab.runs if kind == "run" else lab.streams


_DOES: dict[str, Callable[[LabRecords, str, str, dict[str, Any]], None]] = {
    "create": _create,
    "start": _start,
    "stop": _stop,
    "history": _history,
    "detector": _detector,
    "temperature": _temperature,
}
