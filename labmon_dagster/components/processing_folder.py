"""The word `ProcessingFolder` in a defs.yaml: a folder into which a processing writes its output."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from labmon_dagster import settings
from labmon_dagster.components.collection import CollectionComponent
from labmon_dagster.components.feed import Feed
from labmon_dagster.components.folder import Directory, NamePattern, absent_folder, folder_of
from labmon_dagster.components.processing.files import FileJournal, ProcessingFiles
from labmon_dagster.journal import Journal
from labmon_dagster.model import Field as ValueField
from labmon_dagster.model import FieldType
from labmon_dagster.records.processing import MADE, NUMBER, STREAM

READER = "1"


class ProcessingFolder(CollectionComponent):
    """Files of processing output: one document for each record; a file is deleted when it is delivered."""

    directory: Directory
    pattern: NamePattern = r".*\.json"
    delete_files: Annotated[bool, Field(description="delete a file when its records are safe")] = True

    @property
    def place(self) -> str:
        """The folder and the pattern."""
        return f"{self.directory}/{self.pattern}"

    @property
    def absent(self) -> tuple[str, str] | None:
        """The folder, where it is not there and none of ours."""
        return absent_folder(self.directory)

    def feed(self) -> Feed:
        """The documents."""
        files = self._files()
        return Feed(
            asset=self.asset,
            measurement=self.collection,
            source=files,
            documents=True,
            journal=self.asset,
            pruned=files.journal.pruned,
            take=files.take,
            landed=files.landed,
            start=self.first_day,
            version=self.version_of(READER, "directory", "pattern", "delete_files"),
            store=self.store,
            patience=self.patience,
            fields=_FIELDS,
            description=self.description,
            owners=tuple(self.owners),
            kinds=("json",),
        )

    def _files(self) -> ProcessingFiles:
        folder = folder_of(self.directory, self.pattern)
        journal = FileJournal(Journal(settings.journal_root(), self.asset), self.first_day, folder)
        index = settings.collector_folder() / "files" / f"{self.asset}.db"
        return ProcessingFiles(
            self.asset, self.collection, journal, folder, index, self.store, self.delete_files
        )


_FIELDS = (
    ValueField(STREAM, FieldType.TEXT, description="Name of the stream"),
    ValueField(MADE, FieldType.TEXT, description="When the processing made the data: an instant"),
    ValueField(NUMBER, FieldType.INTEGER, description="Place of the record in its file, from 0"),
)
