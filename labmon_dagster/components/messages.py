"""The word `Messages` in a defs.yaml: DAQ messages that programs insert into the asset's journal."""

from __future__ import annotations

from labmon_dagster import settings
from labmon_dagster.components.collection import CollectionComponent
from labmon_dagster.components.feed import Feed
from labmon_dagster.components.message_documents import MessageDocuments, MessageJournal
from labmon_dagster.journal import Journal
from labmon_dagster.model import Field as ValueField
from labmon_dagster.model import FieldType
from labmon_dagster.records.messages import TIMESTAMP, TOPIC

READER = "1"


class Messages(CollectionComponent):
    """What `DaqLogger` inserts on this host: one document for each message."""

    @property
    def place(self) -> str:
        """The journal."""
        return f"journal {self.asset}"

    def feed(self) -> Feed:
        """The documents."""
        journal = MessageJournal(Journal(settings.journal_root(), self.asset), self.first_day)
        return Feed(
            asset=self.asset,
            measurement=self.collection,
            source=MessageDocuments(self.asset, self.collection, journal),
            documents=True,
            journal=self.asset,
            pruned=journal.pruned,
            start=self.first_day,
            version=self.version_of(READER),
            store=self.store,
            patience=self.patience,
            fields=_FIELDS,
            description=self.description,
            owners=tuple(self.owners),
            kinds=("daq",),
        )


_FIELDS = (
    ValueField(TOPIC, FieldType.TEXT, description="What the message is about"),
    ValueField(TIMESTAMP, description="When it was made, as the program says: s since 1970, or an instant"),
)
