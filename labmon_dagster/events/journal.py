"""The journal of events: what its entries say, whichever way they came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from labmon_dagster.collector.station import heard_in
from labmon_dagster.events.entries import DUMP, GARBAGE, begin_of, documented, pieces_in
from labmon_dagster.journal import Entry
from labmon_dagster.journal.reader import JournalReader
from labmon_dagster.model import Reject
from labmon_dagster.model.devices import Heard
from labmon_dagster.model.documents import Document
from labmon_dagster.sources.cosmic.decode import Decoding
from labmon_dagster.sources.cosmic.document import Receipt
from labmon_dagster.sources.cosmic.event import read_event
from labmon_dagster.sources.cosmic.scan import Piece
from labmon_dagster.sources.mqtt.topics import detector_in

RETAINED = "retained message"
_FILES = (DUMP, GARBAGE)


@dataclass(frozen=True, slots=True)
class Told:
    """An entry of the journal, its documents, and the pieces of it that are no events."""

    receipt: Receipt
    documents: Sequence[Document]
    rejects: Sequence[Reject]


@dataclass(frozen=True)
class EventJournal(JournalReader[Told]):
    """The journal of events. ``topics``: patterns that say which detector sends to which topic."""

    AT_ONCE: ClassVar[int] = 5000

    decoding: Decoding
    topics: tuple[str, ...] = ()

    def understood(self, entry: Entry) -> Told:
        """Give the events of an entry. Raises ValueError for one that holds none, and never will."""
        heard = heard_in(entry)
        if heard.trouble:
            raise ValueError(heard.trouble)
        receipt = self.receipt_of(heard)
        documents: list[Document] = []
        rejects: list[Reject] = []
        for number, piece in enumerate(pieces_in(entry, heard)):
            try:
                documents.append(self._document(entry, number, piece, receipt))
            except ValueError as error:
                rejects.append(self.rejected(entry, piece, str(error)))
        if not documents and not rejects:
            raise ValueError('there is nothing in it; an event is ["KEY": value, …} or a JSON object')
        return Told(receipt, documents, rejects)

    def whose(self, entry: Entry) -> str:
        """Name the topic, or the file and the line in it."""
        sender = str(entry.meta.get("sender", ""))
        return f"{sender}:{begin_of(entry.meta)[1]}" if entry.meta.get("form") in _FILES else sender

    def receipt_of(self, heard: Heard) -> Receipt:
        """Say how the events of something heard came."""
        if heard.form in _FILES:
            return Receipt(heard.received, "file", heard.sender)
        retained, detector = heard.form == RETAINED, detector_in(heard.sender, self.topics)
        return Receipt(heard.received, "mqtt", heard.sender, retained, detector)

    def _document(self, entry: Entry, number: int, piece: Piece, receipt: Receipt) -> Document:
        if piece.why:
            raise ValueError(piece.why)
        event = read_event(piece.raw, receipt.detector)
        return documented(entry, number, event, receipt, self.decoding)

    def rejected(self, entry: Entry, piece: Piece, reason: str) -> Reject:
        """Reject a piece of an entry, with its own place in the file it is from."""
        found = self.reject(entry, reason, piece.raw)
        if entry.meta.get("form") not in _FILES:
            return found
        whose = self.whose(entry)
        place = f"{found.place.removesuffix(whose)}{whose.rpartition(':')[0]}:{piece.line}"
        return replace(found, place=place)
