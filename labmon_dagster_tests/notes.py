"""A journal of notes, filed by day, that feeds an asset of documents and one of readings."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa

from labmon_dagster.components.base import FeedComponent
from labmon_dagster.components.feed import Feed
from labmon_dagster.model import (
    SECOND,
    Batch,
    Field,
    Mark,
    Measurement,
    Position,
    Readings,
    Reject,
    Request,
    SourceError,
)
from labmon_dagster.model.documents import Document, DocumentBatch, Documents
from labmon_dagster.model.position import grown
from labmon_dagster.model.window import DAY, day_number, instant_text

COLLECTION, LEVELS = "notes", "Levels"
DOCUMENTS, READINGS = "desk/notes", "desk/levels"
MEASUREMENT = Measurement(LEVELS, ("who",), (Field("level"),))


def note(folder: Path, day: date, second: float, who: str, **more: Any) -> int:
    """Write a note about an instant of a day, or ``raw`` in its place; give the instant (ns)."""
    folder.mkdir(parents=True, exist_ok=True)
    at = day_number(day) * DAY + int(second * SECOND)
    line = more.pop("raw", None) or json.dumps({"at": at, "who": who, **more})
    with (folder / f"{day}.jsonl").open("a") as file:
        file.write(f"{line}\n")
    return at


@dataclass(frozen=True)
class NotesJournal:
    """The files of a folder, one a day, one note a line; a note of the future is not believed yet."""

    folder: Path

    def stream_of(self, day: date) -> str:
        return day.isoformat()

    def news(self, known: Position) -> bool:
        return bool(grown(known, {day: len(self._lines(day)) for day in self._days()}))

    def notes(
        self, request: Request
    ) -> Iterator[tuple[str, int, list[tuple[int, dict[str, Any]]], list[Reject]]]:
        """Stream, where it ends, the notes behind where it was read to, and what is none."""
        ends = {day: len(self._lines(day)) for day in self._days()}
        starts = {stream: request.known[stream].offset for stream in grown(request.known, ends)}
        for day in map(str, request.window.days):
            if day in ends:
                starts[day] = request.since[day].offset if day in request.since else 0
        for day, start in sorted(starts.items()):
            lines = [*enumerate(self._lines(day))][start:]
            found = [(n, self._understood(line, request.now)) for n, line in lines]
            rejects = [
                Reject(one, dict(lines)[n], f"{day}.jsonl:{n + 1}", date.fromisoformat(day))
                for n, one in found
                if isinstance(one, str)
            ]
            yield day, ends[day], [(n, one) for n, one in found if not isinstance(one, str)], rejects

    def once_more(self, reject: Reject, now: int) -> dict[str, Any]:
        found = self._understood(reject.raw, now)
        if isinstance(found, str):
            raise SourceError(found)
        return found

    def _understood(self, line: str, now: int) -> dict[str, Any] | str:
        try:
            found: dict[str, Any] = json.loads(line)
        except ValueError:
            return "no JSON; write one object a line"
        return found if found["at"] <= now else "lies in the future"

    def _days(self) -> list[str]:
        return sorted(file.stem for file in self.folder.glob("*.jsonl"))

    def _lines(self, day: str) -> list[str]:
        return (self.folder / f"{day}.jsonl").read_text().splitlines()


class NoteDocuments(NotesJournal):
    """The notes as documents."""

    def read(self, request: Request) -> Documents:
        batches = (
            DocumentBatch(
                COLLECTION, tuple(_document(n, one) for n, one in found), day, Mark(end), tuple(bad)
            )
            for day, end, found, bad in self.notes(request)
        )
        return Documents(batches, {"days": self._days()})

    def again(self, reject: Reject, now: int) -> Documents:
        return Documents(
            iter([DocumentBatch(COLLECTION, (_document(0, self.once_more(reject, now)),), "", Mark(0))])
        )


class NoteReadings(NotesJournal):
    """The levels of the notes as readings."""

    def read(self, request: Request) -> Readings:
        return Readings(
            Batch(MEASUREMENT, _rows(found), day, Mark(end), tuple(bad))
            for day, end, found, bad in self.notes(request)
        )

    def again(self, reject: Reject, now: int) -> Readings:
        return Readings(iter([Batch(MEASUREMENT, _rows([(0, self.once_more(reject, now))]), "", Mark(0))]))


def _document(place: int, one: dict[str, Any]) -> Document:
    body = {key: value for key, value in one.items() if key not in {"at", "id"}}
    return Document(one.get("id") or f"{one['who']} {instant_text(one['at'])}", one["at"], body, place=place)


def _rows(found: Sequence[tuple[int, dict[str, Any]]]) -> pa.RecordBatch:
    columns: list[list[Any]] = [
        [one["at"] for _, one in found],
        [one["who"] for _, one in found],
        [one.get("level") for _, one in found],
        [0 for _ in found],
        [n for n, _ in found],
    ]
    schema = MEASUREMENT.schema
    return pa.RecordBatch.from_arrays(
        [pa.array(values, part.type) for values, part in zip(columns, schema, strict=True)], schema=schema
    )


def feeds(folder: Path, start: date, pruned: Callable[[date], bool] | None = None, **more: Any) -> list[Feed]:
    """The two feeds of a journal."""
    common = {"start": start, "version": "1", "journal": "desk", "pruned": pruned, **more}
    return [
        Feed(DOCUMENTS, COLLECTION, NoteDocuments(folder), documents=True, **common),
        Feed(READINGS, LEVELS, NoteReadings(folder), fields=MEASUREMENT.fields, **common),
    ]


class Notes(FeedComponent, dg.Model, dg.Resolvable):
    """A component that gives both feeds."""

    asset: str
    folder: str
    start: str

    @property
    def place(self) -> str:
        return self.folder

    def feeds(self) -> list[Feed]:
        documents, readings = feeds(Path(self.folder), date.fromisoformat(self.start))
        return [replace(documents, asset=self.asset), replace(readings, asset=f"{self.asset}_levels")]
