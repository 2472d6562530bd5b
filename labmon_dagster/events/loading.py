"""Events from dump files into the journal of their asset, and then into its store.

What the store has already is left alone, so that replaying a file again changes nothing.
"""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date

from labmon_dagster.collector.station import heard_in
from labmon_dagster.events.entries import documented, message_of
from labmon_dagster.events.journal import EventJournal
from labmon_dagster.events.reading import Found, runs_of, text_of
from labmon_dagster.events.seen import Seen
from labmon_dagster.journal import Entry
from labmon_dagster.journal.reader import shown
from labmon_dagster.landing.document_pieces import DocumentPieces
from labmon_dagster.model import Reject
from labmon_dagster.model.documents import Document
from labmon_dagster.sources.cosmic.scan import GARBAGE_BYTES
from labmon_dagster.stores import DocumentStore, LedgerRow, Quarantined
from labmon_dagster.stores.base import SERIALS, read_token


@dataclass(frozen=True, slots=True)
class Target:
    """An asset of events, its journal, and its ``collection`` of documents.

    ``version`` is that of the asset's settings; its documents are searched by ``indexes``.
    """

    asset: str
    collection: str
    version: str
    journal: EventJournal
    indexes: tuple[str, ...] = ()


@dataclass(slots=True)
class Loaded:
    """What became of the events so far: events that were new or there already; what is none, and why.

    ``unstored``: events that are in the journal, and not in the store.
    """

    new: int = 0
    there: int = 0
    refused: int = 0
    unstored: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    def refuse(self, reason: str) -> None:
        """Count what is no event, or cannot be stored."""
        self.refused += 1
        self.reasons[reason] += 1


class DumpLoader:
    """Loads dump files into a store; ``seen`` gets the ids of their events. Memory does not grow."""

    def __init__(self, store: DocumentStore, to: Target, seen: Seen) -> None:
        self.store, self.to, self.seen = store, to, seen
        self.loaded = Loaded()
        self._token = read_token(to.asset, to.version, 1 + secrets.randbelow(SERIALS))
        self._pieces = DocumentPieces(to.asset, to.collection, "", time.time_ns(), by_receipt=True)
        self._known: set[tuple[str, str]] | None = None
        self._noted: set[date] = set()
        for keys in to.indexes:
            store.index(to.collection, keys)

    def take(self, found: Sequence[Found], folder: str, name: str) -> None:
        """Load some pieces of the file ``name`` of a folder. Raises StoreError, OSError.

        They count when the store has them; until then as unstored.
        """
        fresh = self._fresh(found, name)
        runs = list(runs_of(fresh))
        messages = [message_of(text_of(run), folder, name) for run in runs]
        entries = self.to.journal.journal.append_many(messages)
        self.loaded.unstored = _events(fresh)
        unfit = self._store(entries, runs)
        self._note_days(entries)
        self.loaded.unstored = 0
        self._count(found, fresh, unfit)

    def _fresh(self, found: Sequence[Found], name: str) -> list[Found]:
        """Give what neither the store nor quarantine has; of several events with one id the first."""
        ids = [one.id for one in found if one.event]
        there = self.store.there(self.to.collection, ids)
        self.seen.add(ids)
        fresh: list[Found] = []
        for one in found:
            if one.event is None:
                if not self._is_quarantined(one, name):
                    fresh.append(one)
            elif one.id not in there:
                there.add(one.id)
                fresh.append(one)
        return fresh

    def _count(self, found: Sequence[Found], fresh: Sequence[Found], unfit: Sequence[Quarantined]) -> None:
        new, events = _events(fresh), _events(found)
        self.loaded.new += new - len(unfit)
        self.loaded.there += events - new
        for reason in [*(one.why for one in found if one.event is None), *(one.reason for one in unfit)]:
            self.loaded.refuse(reason)

    def _is_quarantined(self, one: Found, name: str) -> bool:
        if self._known is None:
            kept = self.store.quarantined(self.to.asset)
            self._known = {(piece.place.partition(" ")[2], piece.raw) for piece in kept}
        raw = one.piece.raw
        whole = len(raw) <= GARBAGE_BYTES  # of more, quarantine shows the beginning
        return whole and (f"{name}:{one.piece.line}", shown(raw)) in self._known

    def _rejects(self, entries: Sequence[Entry], runs: Sequence[list[Found]]) -> list[Reject]:
        return [
            self.to.journal.rejected(entry, one.piece, one.why)
            for entry, run in zip(entries, runs, strict=True)
            for one in run
            if one.event is None
        ]

    def _made(self, entry: Entry, run: Sequence[Found]) -> Iterator[Document]:
        receipt = self.to.journal.receipt_of(heard_in(entry))
        for number, one in enumerate(run):
            if one.event is not None:
                yield documented(entry, number, one.event, receipt, self.to.journal.decoding)

    def _store(self, entries: Sequence[Entry], runs: Sequence[list[Found]]) -> list[Quarantined]:
        """Store what was journalled; give the events that the store would not have."""
        with self.store.transaction():
            self.store.quarantine(self._pieces.unreadable(self._rejects(entries, runs)))
            return self._write(
                [one for entry, run in zip(entries, runs, strict=True) for one in self._made(entry, run)]
            )

    def _note_days(self, entries: Sequence[Entry]) -> None:
        """Note days that no run has read yet as waiting, so that they are known and read."""
        days = {date.fromisoformat(entry.day) for entry in entries} - self._noted
        if days:
            known = self.store.ledger(self.to.asset)
            self.store.enter(LedgerRow(self.to.asset, day, stale=True) for day in days if day not in known)
            self._noted |= days

    def _write(self, documents: Sequence[Document]) -> list[Quarantined]:
        admitted = self.store.admit(documents, self._token)
        unfit = self._pieces.refused(admitted.refused)
        refused = self.store.write(self.to.collection, admitted.kept)
        unfit += [self._pieces.unwritten(one, refused[one.id]) for one in admitted.kept if one.id in refused]
        self.store.quarantine(unfit)
        return unfit


def _events(found: Sequence[Found]) -> int:
    return sum(one.event is not None for one in found)
