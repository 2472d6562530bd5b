"""The readings that a journal's entries become."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, Generic

from labmon_dagster.journal.reader import JournalReader, Portion, T
from labmon_dagster.model import Batch, Position, Readings, Reject, Request


@dataclass(frozen=True)
class JournalReadings(ABC, Generic[T]):
    """The readings of an asset's journal; `batches_of` says what some entries become."""

    journal: JournalReader[T]

    @abstractmethod
    def batches_of(self, portion: Portion[T], facts: dict[str, Any]) -> Iterator[Batch]:
        """Give the readings of some entries; the last batch has the portion's mark.

        ``facts``: what people are shown of a read.
        """

    def stream_of(self, day: date) -> str:
        """Give the stream in which all of a day lies."""
        return self.journal.stream_of(day)

    def news(self, known: Position) -> bool:
        """Whether anything was journalled behind the marks of ``known``."""
        return self.journal.news(known)

    def read(self, request: Request) -> Readings:
        """Read what was journalled behind ``request.since``."""
        facts: dict[str, Any] = {}
        trouble: list[str] = []
        return Readings(self._batches(self.journal.portions(request, trouble), facts), facts, trouble)

    def again(self, reject: Reject, now: int) -> Readings:
        """Read a rejected entry of the journal again."""
        facts: dict[str, Any] = {}
        return Readings(self._batches(iter([self.journal.again(reject)]), facts), facts)

    def _batches(self, portions: Iterator[Portion[T]], facts: dict[str, Any]) -> Iterator[Batch]:
        for portion in portions:
            yield from self.batches_of(portion, facts)
