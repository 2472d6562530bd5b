"""The events of a journal as documents, and what people are told of a read of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from labmon_dagster.components.journalled_documents import JournalDocuments
from labmon_dagster.events.journal import Told
from labmon_dagster.events.seen import Seen
from labmon_dagster.journal.reader import Portion
from labmon_dagster.model import Reject
from labmon_dagster.model.documents import Document, DocumentBatch, Documents

_NAMED, _OTHERS = 50, "(others)"
_EVENTS, _AGAIN, _REUSED = "events", "told again", "numbers with several contents"
_RECEIVED, _UNDECODABLE, _RETAINED = "received", "undecodable", "retained messages"
_OTHER = "topics that say another detector"


@dataclass(frozen=True)
class CosmicDocuments(JournalDocuments[Told]):
    """One document for each event, under the day it was received; its time is that of the event."""

    def documents_of(self, told: Told) -> Sequence[Document]:
        """Give the documents of an entry."""
        return told.documents

    def note(self, told: Told, facts: dict[str, Any]) -> None:
        """Count the events of each detector and run, and what is odd about their receipt."""
        for one in told.documents:
            _count(facts.setdefault(_EVENTS, {}), f"detector {one.body['detector']} run {one.body['run']}")
            if one.body["receipt"].get("detector") is not None:
                _count(facts.setdefault(_OTHER, {}), told.receipt.source)
        _add(facts, _RETAINED, int(told.receipt.retained))

    def again(self, reject: Reject, now: int) -> Documents:
        """Read a rejected piece again, beside the others of its entry, whose rejects stay as they are."""
        read = super().again(reject, now)
        return Documents(_only(read.batches, reject.raw), read.facts, read.trouble)

    def _batches(self, portions: Iterator[Portion[Told]], facts: dict[str, Any]) -> Iterator[DocumentBatch]:
        with closing(Seen()) as seen:
            for portion in portions:
                rejects = [*portion.rejects, *(one for told in portion.told for one in told.rejects)]
                documents = [one for told in portion.told for one in self.documents_of(told)]
                for told in portion.told:
                    self.note(told, facts)
                _add(facts, _UNDECODABLE, len(rejects))
                _add(facts, _AGAIN, len(documents) - seen.add(one.id for one in documents))
                mark = portion.mark
                yield DocumentBatch(self.collection, tuple(documents), portion.stream, mark, tuple(rejects))
            number, names = seen.reused()
            if number:
                facts[_REUSED] = {"number": number, "for example": names}


def _only(batches: Iterator[DocumentBatch], raw: str) -> Iterator[DocumentBatch]:
    for one in batches:
        rejects = tuple(reject for reject in one.rejects if reject.raw == raw)
        yield DocumentBatch(one.collection, one.documents, one.stream, one.mark, rejects)


def _count(counts: dict[str, int], told: str) -> None:
    """Count something; of the first fifty by name."""
    name = told if told in counts or len(counts) < _NAMED else _OTHERS
    counts[name] = counts.get(name, 0) + 1


def _add(facts: dict[str, Any], name: str, number: int) -> None:
    if number:
        counts = facts.setdefault(_RECEIVED, {})
        counts[name] = counts.get(name, 0) + number
