"""The asset of DAQ messages in a test's home, delivered into the lab's database."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from typing import Any

import dagster as dg

from labmon_dagster import settings
from labmon_dagster.components import Feed, Messages
from labmon_dagster.components.message_documents import MessageDocuments
from labmon_dagster.model import Window
from labmon_dagster.model.documents import Document
from labmon_dagster.stores import Counts
from labmon_dagster.stores.documents.kept import Kept
from labmon_dagster_tests.labs import materialize

GIVEN: dict[str, Any] = {
    "asset": "ricochet/daq_messages",
    "collection": "daq_messages",
    "start": "2026-01-01",
}
GOOD = {"topic": "topic1", "timestamp": 1.5}


def feed(**changes: Any) -> Feed:
    return Messages.model_validate({**GIVEN, **changes}).feed()


def days() -> list[date]:
    """Yesterday and today: a test may begin before midnight and end after it."""
    today = datetime.now(UTC).date()
    return [today - timedelta(days=1), today]


def deliver(asset: Feed, instance: dg.DagsterInstance | None = None, **config: Any) -> tuple[Counts, int]:
    """Materialize the asset; give what became of all that was read, and how much the store has of it."""
    first, last = days()
    assert materialize(asset, str(first), str(last), instance=instance, **config).success
    with closing(settings.open_documents()) as store:
        rows = [store.ledger(asset.asset)[day] for day in (first, last)]
    return sum((row.counts for row in rows), Counts()), sum(row.in_store for row in rows)


def stored(asset: Feed) -> list[Kept]:
    """Everything the lab's store has of the asset, by time, without which read wrote it."""
    with closing(settings.open_documents()) as store:
        return [one._replace(read=0) for one in store.fetch(asset.measurement, Window(0, 2**62))]


def documents(asset: Feed) -> list[Document]:
    """Everything the asset's journal gives."""
    assert isinstance(asset.source, MessageDocuments)
    reader = asset.source.journal
    entries = (entry for day in reader.journal.days() for entry in reader.journal.read(day))
    return [one for entry in entries for one in reader.understood(entry)]
