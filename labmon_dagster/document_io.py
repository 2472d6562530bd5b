"""Asset ⇄ store of documents. What an asset hands over is landed; a downstream asset gets a list of dicts."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import dagster as dg

from labmon_dagster.io_managers import partition_window, show_landed, upstream_metadata
from labmon_dagster.landing import Delivery, DocumentLanding
from labmon_dagster.model.documents import Documents
from labmon_dagster.settings import DOCUMENTS, open_documents
from labmon_dagster.stores import DocumentStore, owner_of
from labmon_dagster.stores.documents.kept import Kept
from labmon_dagster.stores.documents.plain import date_of


class DocumentStores(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The stores of documents, by name; ``LABMON_<NAME>_URL`` says where each is."""

    @contextmanager
    def opened(self, name: str = DOCUMENTS) -> Iterator[DocumentStore]:
        """One of them, closed afterwards."""
        with closing(open_documents(name)) as store:
            yield store


@dataclass(frozen=True, slots=True)
class HandedDocuments:
    """What an asset hands to its IO manager: the documents, and how, as what and where to land them."""

    delivery: Delivery
    documents: Documents
    now: int
    context: dg.AssetExecutionContext
    store: str = DOCUMENTS


class DocumentsIOManager(dg.ConfigurableIOManager):
    """Lands documents in the store their asset names; gives back those of a partition."""

    documents: dg.ResourceDependency[DocumentStores]

    def handle_output(self, context: dg.OutputContext, obj: HandedDocuments) -> None:
        """Land ``obj``, show the ledger's figures on each partition. Raises LedgerError if they are off."""
        with self.documents.opened(obj.store) as store:
            rows = DocumentLanding(store, obj.delivery, obj.now).land(obj.documents)
        show_landed(obj.context, obj.documents, rows)

    def load_input(self, context: dg.InputContext) -> list[dict[str, Any]]:
        """The documents the upstream asset wrote for its partitions, by time: as they lie in MongoDB."""
        metadata, window = upstream_metadata(context), partition_window(context)
        owner = owner_of(context.asset_key.to_user_string())
        with self.documents.opened(metadata["labmon/store"]) as store:
            return [_shown(one) for one in store.fetch(metadata["labmon/collection"], window, owner)]


def _shown(kept: Kept) -> dict[str, Any]:
    return {"_id": kept.id, "time": date_of(kept.time), "time_ns": kept.time, **kept.body}
