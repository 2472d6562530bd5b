"""A folder of processing output as an asset for tests: its runs step by step, and what is then there."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from labmon_dagster import settings
from labmon_dagster.components.feed import Feed
from labmon_dagster.components.processing.entry import Taken
from labmon_dagster.journal import Journal
from labmon_dagster.records.processing import Heads, ProcessingRecords, Version
from labmon_dagster.stores.documents.kept import Kept
from labmon_dagster.stores.ledger import Quarantined
from labmon_dagster_tests.stores.documents.records import everything
from labmon_dagster_tests.system.processing_folder import feed_of, run, tick

ASSET, COLLECTION = "ricochet/processing", "processing"


class ProcessingLab:
    """The asset over ``folder``. ``told`` is what its runs have said."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.told: list[str] = []

    def feed(self, *, delete_files: bool = True) -> Feed:
        return feed_of(self.folder, delete_files=delete_files)

    def run(self, *, delete_files: bool = True, between: Callable[[], object] = lambda: None) -> list[str]:
        """Do a run; ``between``: what happens when files are taken. Give what it said."""
        del self.told[:]
        run(self.feed(delete_files=delete_files), self.told.append, between)
        return list(self.told)

    def news(self, *, delete_files: bool = True) -> bool:
        return tick(self.feed(delete_files=delete_files))[0]

    def journalled(self) -> list[Taken]:
        journal = Journal(settings.journal_root(), ASSET)
        return [Taken.of(entry) for day in journal.days() for entry in journal.read(day)]

    def documents(self) -> list[Kept]:
        with closing(settings.open_documents()) as store:
            return everything(store, COLLECTION)

    def quarantined(self) -> list[Quarantined]:
        with closing(settings.open_documents()) as store:
            return store.quarantined(ASSET)

    def head(self, stream: str = "testStream001") -> Version | None:
        with closing(settings.open_records()) as records:
            return Heads(records, COLLECTION).newest(stream)

    def advance(self, version: Version) -> None:
        with closing(settings.open_records()) as records:
            assert Heads(records, COLLECTION).advance(version)

    def records(self, stream: str = "testStream001") -> list[dict[str, Any]]:
        with closing(settings.open_records()) as records, closing(settings.open_documents()) as store:
            return ProcessingRecords(store, Heads(records, COLLECTION), COLLECTION).records(stream)
