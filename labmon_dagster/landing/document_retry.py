"""A quarantined piece read once more as documents: they join the store where no other has their id."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from labmon_dagster.landing.documents import DocumentLanding
from labmon_dagster.landing.lander import Delivery
from labmon_dagster.landing.merge import COLLIDED, FATE
from labmon_dagster.landing.retry import RefusedError, Retried, noted
from labmon_dagster.model.documents import Document, DocumentBatch
from labmon_dagster.stores.documents.base import DocumentStore
from labmon_dagster.stores.ledger import Counts, Quarantined

_TAKEN = "the store holds another document of that id; read the whole day to judge between them"


def retry_documents(
    store: DocumentStore,
    piece: Quarantined,
    batches: Sequence[DocumentBatch],
    *,
    collection: str,
    version: str,
    by_receipt: bool = False,
    by_content: bool = False,
) -> Retried:
    """Store the documents that ``batches``, read from ``piece``, hold, and release it, or do neither.

    ``by_receipt`` and ``by_content`` are as in `Delivery`. No position in the ledger moves: the source was
    read past the piece long ago.
    """
    refusals = [reject.reason for batch in batches for reject in batch.rejects]
    if refusals:
        return Retried(piece, False, refusals[0])
    found = [one for batch in batches for one in batch.documents]
    if not found:
        return Retried(piece, False, "it holds no document")
    days = (piece.day,)
    delivery = Delivery(
        piece.asset,
        collection,
        days,
        whole=False,
        version=version,
        by_receipt=by_receipt,
        by_content=by_content,
    )
    try:
        with store.transaction():
            counts = _Again(store, delivery).take(found)
            store.release([piece.id])
    except RefusedError as refused:
        return Retried(piece, False, str(refused))
    return Retried(piece, True, _said(counts))


def _said(counts: Counts) -> str:
    if counts.stored:
        return "stored"
    return "the store has this document already" if counts.repeated else "an empty document, nothing to store"


class _Again(DocumentLanding):
    """Lands documents without a read of the source."""

    def take(self, documents: Sequence[Document]) -> Counts:
        """Store documents and note them in the ledger of their days.

        Raises RefusedError if the store cannot carry one, or holds another of its id, before anything is
        written; and if the database will not have one.
        """
        admitted = self.store.admit(documents, self._token)
        for refused in admitted.refused:
            raise RefusedError(refused.reason)
        judged = self._judged(admitted.kept)
        lost = judged.merged.judged.filter(pl.col(FATE) == COLLIDED)
        if not (lost.is_empty() and judged.merged.displaced.is_empty()):
            raise RefusedError(_TAKEN)
        for reason in self.store.write(self.delivery.measurement, judged.writes).values():
            raise RefusedError(reason)
        self._count(judged)
        days = set(map(self._day, documents))
        rows = noted(self._book, self._tallies, days, self._in_store)
        # Who counts documents by their own time looks at the days written since.
        self.store.enter(replace(row, written=self.now) if self.delivery.by_receipt else row for row in rows)
        return sum((self._tallies[day].counts for day in days), Counts())
