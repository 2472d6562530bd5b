"""What devices said, as documents: one for each poll and device, or message pushed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd

from labmon_dagster.collector.station import DATABASE
from labmon_dagster.components.journalled import DeviceJournal, Portion, Told
from labmon_dagster.model import Position, Reject, Request
from labmon_dagster.model.documents import Document, DocumentBatch, Documents


@dataclass(frozen=True)
class DeviceDocuments:
    """The documents of an asset's devices. ``by_database``: their timestamps go by the database's clock.

    Its offset was noted when the device was asked, so that a document is the same whenever it is made.
    """

    asset: str
    collection: str
    journal: DeviceJournal
    by_database: bool = False

    def stream_of(self, day: date) -> str:
        """Give the stream in which all of a day lies."""
        return self.journal.stream_of(day)

    def news(self, known: Position) -> bool:
        """Whether anything was journalled behind the marks of ``known``."""
        return self.journal.news(known)

    def read(self, request: Request) -> Documents:
        """Read what was journalled behind ``request.since``."""
        facts: dict[str, object] = {}
        trouble: list[str] = []
        return Documents(self._batches(self.journal.portions(request, trouble), facts), facts, trouble)

    def again(self, reject: Reject, now: int) -> Documents:
        """Read a rejected entry of the journal again."""
        facts: dict[str, object] = {}
        return Documents(self._batches(iter([self.journal.again(reject)]), facts), facts)

    def _batches(self, portions: Iterator[Portion], facts: dict[str, object]) -> Iterator[DocumentBatch]:
        devices: dict[str, int] = {}
        facts["devices"] = devices
        for one in portions:
            for told in one.told:
                devices[told.settings.name] = devices.get(told.settings.name, 0) + 1
            documents = tuple(map(self._document, one.told))
            yield DocumentBatch(self.collection, documents, one.stream, one.mark, one.rejects)

    def _document(self, told: Told) -> Document:
        entry, settings, said = told
        body: dict[str, Any] = {
            "timestamp": pd.Timestamp(entry.received + self._ahead(told), unit="ns", tz="UTC"),
            "device": settings.name,
            "type": settings.type,
            "address": str(entry.meta["address"]),
            "values": {**said.values, **said.details},
            "units": dict(said.units),
        }
        if said.missing:
            body["missing"] = dict(said.missing)
        known_by = f"{self.asset}/{settings.name}/{entry.received}"
        return Document(known_by, entry.received, body, place=entry.offset)

    def _ahead(self, told: Told) -> int:
        offset = told.entry.meta.get(DATABASE)
        return offset if self.by_database and isinstance(offset, int) else 0
