"""The files of a folder as documents of an asset: taken into the journal, delivered from it, then deleted."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labmon_dagster import settings
from labmon_dagster.components.feed import Tell
from labmon_dagster.components.journalled_documents import JournalDocuments
from labmon_dagster.components.processing.entry import Taken
from labmon_dagster.components.processing.finishing import Finisher, marks_of
from labmon_dagster.components.processing.index import Index
from labmon_dagster.components.processing.taking import Taker
from labmon_dagster.journal import Entry
from labmon_dagster.journal.reader import JournalReader
from labmon_dagster.model import SECOND, Position
from labmon_dagster.model.documents import Document
from labmon_dagster.records.processing import Heads, ProcessingRecords, documents
from labmon_dagster.sources.processing.folder import Folder
from labmon_dagster.sources.processing.reader import read_output
from labmon_dagster.stores import DocumentStore

PAUSE = 3600 * SECOND  # before it is tried again to read, or to finish, a file
_SHOWN = 20


@dataclass(frozen=True)
class FileTold:
    """A file of the journal and its documents; none if it is outdated."""

    taken: Taken
    documents: Sequence[Document]


@dataclass(frozen=True)
class FileJournal(JournalReader[FileTold]):
    """The journal of a folder's files. What was broken or outdated when it was journalled stays so."""

    folder: Folder

    def understood(self, entry: Entry) -> FileTold:
        """Give the documents of a file. Raises ValueError for a broken one."""
        taken = Taken.of(entry)
        if taken.wrong is not None:
            raise ValueError(taken.wrong)
        if taken.newer is not None:
            return FileTold(taken, ())
        output = read_output(entry.payload)
        made = documents(output.stream, output.made, output.records, entry.received, entry.offset)
        return FileTold(taken, made)

    def whose(self, entry: Entry) -> str:
        """Name the file."""
        return str(self.folder.path / str(entry.meta.get("name", "")))


@dataclass(frozen=True)
class ProcessingFiles(JournalDocuments[FileTold]):
    """The files of a folder. ``index`` is the file in which it is noted what was journalled."""

    folder: Folder
    index: Path
    store: str
    deleting: bool

    def documents_of(self, told: FileTold) -> Sequence[Document]:
        """Give a document for each record."""
        return told.documents

    def note(self, told: FileTold, facts: dict[str, Any]) -> None:
        """Count files and records, and name outdated files."""
        facts["files"] = facts.get("files", 0) + 1
        facts["records"] = facts.get("records", 0) + len(told.documents)
        if told.taken.newer is not None:
            facts["outdated files"] = facts.get("outdated files", 0) + 1
            shown = facts.setdefault("outdated", [])
            shown += [told.taken.about] if len(shown) < _SHOWN else []

    def news(self, known: Position) -> bool:
        """Whether the journal has grown, or the folder has files that are unknown or not finished.

        No file is opened. One that is changing is none yet. Raises SourceError where the folder cannot be
        listed.
        """
        if super().news(known):
            return True
        now = time.time_ns()
        listed = (one for one in self.folder.look() if one.settled(now))
        with Index.at(self.index) as index:
            return (
                index.behind(self.journal.journal)
                or index.has_unfinished(marks_of(known), now - PAUSE, deleting=self.deleting)
                or index.has_unknown(listed, now - PAUSE)
            )

    def take(self, tell: Tell) -> None:
        """Journal the files that are new. Raises StoreError, and OSError where that cannot be done."""
        with closing(settings.open_documents(self.store)) as store:
            marks = self._marks(store)
        with Index.at(self.index) as index, self._heads() as heads:
            index.reopen(marks)
            Taker(self.folder, self.journal.journal, index, heads).take(tell)

    def landed(self, store: DocumentStore, tell: Tell) -> None:
        """Finish the files whose documents are delivered."""
        with Index.at(self.index) as index, self._heads() as heads:
            records = ProcessingRecords(store, heads, self.collection)
            finisher = Finisher(self.folder, self.journal.journal, index, records, self.deleting)
            finisher.finish(self._marks(store), tell)

    def _marks(self, store: DocumentStore) -> dict[str, int]:
        """Say how far each day of the journal is delivered."""
        rows = store.ledger(self.asset)
        own = {self.stream_of(day): row.read_until for day, row in rows.items() if row.was_read}
        return marks_of({stream: read[stream] for stream, read in own.items() if stream in read})

    @contextmanager
    def _heads(self) -> Iterator[Heads]:
        with closing(settings.open_records(self.store)) as opened:
            yield Heads(opened, self.collection)
