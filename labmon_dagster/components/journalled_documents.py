"""The documents that a journal's entries become."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, Generic

from labmon_dagster.journal.reader import JournalReader, Portion, T
from labmon_dagster.model import Position, Reject, Request
from labmon_dagster.model.documents import Document, DocumentBatch, Documents


@dataclass(frozen=True)
class JournalDocuments(ABC, Generic[T]):
    """The documents of an asset's journal; `documents_of` says what an entry becomes."""

    asset: str
    collection: str
    journal: JournalReader[T]

    @abstractmethod
    def documents_of(self, told: T) -> Iterable[Document]:
        """Give the documents of one entry."""

    @abstractmethod
    def note(self, told: T, facts: dict[str, Any]) -> None:
        """Count an entry in the facts that people are shown of a read."""

    def stream_of(self, day: date) -> str:
        """Give the stream in which all of a day lies."""
        return self.journal.stream_of(day)

    def news(self, known: Position) -> bool:
        """Whether anything was journalled behind the marks of ``known``."""
        return self.journal.news(known)

    def read(self, request: Request) -> Documents:
        """Read what was journalled behind ``request.since``."""
        facts: dict[str, Any] = {}
        trouble: list[str] = []
        return Documents(self._batches(self.journal.portions(request, trouble), facts), facts, trouble)

    def again(self, reject: Reject, now: int) -> Documents:
        """Read a rejected entry of the journal again."""
        facts: dict[str, Any] = {}
        return Documents(self._batches(iter([self.journal.again(reject)]), facts), facts)

    def _batches(self, portions: Iterator[Portion[T]], facts: dict[str, Any]) -> Iterator[DocumentBatch]:
        for one in portions:
            documents: list[Document] = []
            for told in one.told:
                self.note(told, facts)
                documents.extend(self.documents_of(told))
            yield DocumentBatch(self.collection, tuple(documents), one.stream, one.mark, one.rejects)
