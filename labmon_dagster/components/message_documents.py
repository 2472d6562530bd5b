"""DAQ messages, read back from the journal of the programs that inserted them: a document for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from labmon_dagster.components.journalled_documents import JournalDocuments
from labmon_dagster.journal import Entry
from labmon_dagster.journal.reader import JournalReader
from labmon_dagster.model.documents import Document
from labmon_dagster.records.messages import TOPIC, documents_in

_NAMED, _OTHERS = 50, "(others)"


@dataclass(frozen=True)
class MessageJournal(JournalReader[Sequence[Document]]):
    """The journal of inserted messages. An entry is one insert, and says all of its messages or none."""

    def understood(self, entry: Entry) -> Sequence[Document]:
        """Give the messages of an insert. Raises ValueError."""
        return documents_in(self.journal.source, entry)


@dataclass(frozen=True)
class MessageDocuments(JournalDocuments[Sequence[Document]]):
    """The messages as documents: their own fields, under the time at which they were inserted."""

    def documents_of(self, told: Sequence[Document]) -> Sequence[Document]:
        """Give the messages of an insert."""
        return told

    def note(self, told: Sequence[Document], facts: dict[str, Any]) -> None:
        """Count the messages of each topic; of the first fifty by name."""
        topics = facts.setdefault("topics", {})
        for one in told:
            topic = str(one.body.get(TOPIC, ""))
            name = topic if topic in topics or len(topics) < _NAMED else _OTHERS
            topics[name] = topics.get(name, 0) + 1
