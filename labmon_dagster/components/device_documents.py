"""What devices said, as documents: one for each poll and device, or message pushed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from labmon_dagster.collector.station import DATABASE
from labmon_dagster.components.device_journal import Told
from labmon_dagster.components.journalled_documents import JournalDocuments
from labmon_dagster.model.devices import record_of
from labmon_dagster.model.documents import Document


@dataclass(frozen=True)
class DeviceDocuments(JournalDocuments[Told]):
    """The documents of an asset's devices. ``by_database``: their timestamps go by the database's clock.

    Its offset was noted when the device was asked, so that a document is the same whenever it is made.
    """

    by_database: bool = False

    def documents_of(self, told: Told) -> Iterator[Document]:
        """Give the document of an answer."""
        yield self._document(told)

    def note(self, told: Told, facts: dict[str, Any]) -> None:
        """Count the answers of each device."""
        devices = facts.setdefault("devices", {})
        devices[told.settings.name] = devices.get(told.settings.name, 0) + 1

    def _document(self, told: Told) -> Document:
        entry, settings, said = told
        timestamp = pd.Timestamp(entry.received + self._ahead(told), unit="ns", tz="UTC")
        body = record_of(settings, str(entry.meta["address"]), said, timestamp)
        known_by = f"{self.asset}/{settings.name}/{entry.received}"
        return Document(known_by, entry.received, body, place=entry.offset)

    def _ahead(self, told: Told) -> int:
        offset = told.entry.meta.get(DATABASE)
        return offset if self.by_database and isinstance(offset, int) else 0
