"""Asset ⇄ store of documents. What an asset hands over is landed; a downstream asset gets a list of dicts."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import dagster as dg

from labmon_dagster.io_managers import partition_window, show_landed, upstream_metadata
from labmon_dagster.landing import Delivery, DocumentLanding
from labmon_dagster.lookup import EARLIEST, LATEST
from labmon_dagster.model import Window
from labmon_dagster.model.documents import Documents
from labmon_dagster.model.window import day_number
from labmon_dagster.settings import DOCUMENTS, open_documents
from labmon_dagster.stores import DocumentStore, owner_of
from labmon_dagster.stores.documents.kept import Kept
from labmon_dagster.stores.documents.plain import date_of

BY_RECEIPT = "labmon/by_receipt"
CLOCK_OFFSET = "store clock offset"


class DocumentStores(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The stores of documents, by name; ``LABMON_<NAME>_URL`` says where each is."""

    @contextmanager
    def opened(self, name: str = DOCUMENTS) -> Iterator[DocumentStore]:
        """One of them, closed afterwards."""
        with closing(open_documents(name)) as store:
            yield store


@dataclass(frozen=True, slots=True)
class HandedDocuments:
    """What an asset hands to its IO manager: the documents, and how, as what and where to land them.

    ``landed`` is done afterwards, with the store and what takes lines for the run's log.
    """

    delivery: Delivery
    documents: Documents
    now: int
    context: dg.AssetExecutionContext
    store: str = DOCUMENTS
    landed: Callable[[DocumentStore, Callable[[str], object]], None] | None = None


class DocumentsIOManager(dg.ConfigurableIOManager):
    """Lands documents in the store their asset names; gives back those of a partition."""

    documents: dg.ResourceDependency[DocumentStores]

    def handle_output(self, context: dg.OutputContext, obj: HandedDocuments) -> None:
        """Land ``obj``, show the ledger's figures on each partition. Raises LedgerError if they are off."""
        with self.documents.opened(obj.store) as store:
            landing = DocumentLanding(store, obj.delivery, obj.now)
            if (offset := clock_offset(store)) is not None:
                obj.documents.facts[CLOCK_OFFSET] = offset
            rows = landing.land(obj.documents)
            show_landed(obj.context, obj.documents, rows)
            if obj.landed:
                obj.landed(store, obj.context.log.info)

    def load_input(self, context: dg.InputContext) -> list[dict[str, Any]]:
        """The documents the upstream asset wrote for its partitions, by time: as they lie in MongoDB."""
        metadata, window = upstream_metadata(context), partition_window(context)
        owner = owner_of(context.asset_key.to_user_string())
        with self.documents.opened(metadata["labmon/store"]) as store:
            name, by_receipt = metadata["labmon/collection"], bool(metadata.get(BY_RECEIPT))
            return [_shown(one) for one in _fetched(store, name, window, owner, by_receipt=by_receipt)]


def _fetched(
    store: DocumentStore, collection: str, window: Window, owner: int, *, by_receipt: bool
) -> Iterator[Kept]:
    """Give the documents of some days, as the days of their asset go: by their time, or by receipt."""
    if not by_receipt:
        yield from store.fetch(collection, window, owner)
        return
    for day in window.days:
        yield from store.fetch(collection, Window(EARLIEST, LATEST), owner, day_number(day))


def clock_offset(store: DocumentStore) -> float | None:
    """How far the clock of a store's server is ahead of ours (ms); None where it has none of its own.

    The connection is best there already: how long it takes to be made would count as half an offset.
    """
    asked = time.time_ns()
    theirs = store.clock()
    ours = (asked + time.time_ns()) // 2
    return None if theirs is None else (theirs - ours) / 1e6


def _shown(kept: Kept) -> dict[str, Any]:
    return {"_id": kept.id, "time": date_of(kept.time), "time_ns": kept.time, **kept.body}
