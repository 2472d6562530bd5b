"""Quarantined pieces read once more by the source of their asset, and landed in the store they belong to."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from labmon_dagster.cli.common import AnyStore, feeds
from labmon_dagster.landing.document_retry import retry_documents
from labmon_dagster.landing.retry import Retried, retry
from labmon_dagster.model import Readings, Reject, SourceError
from labmon_dagster.model.documents import Documents
from labmon_dagster.settings import StoreKey
from labmon_dagster.stores import DocumentStore, Quarantined, ReadingStore

if TYPE_CHECKING:
    from labmon_dagster.components.feed import Feed

_HOPELESS = {
    "unfit": "it does not fit into the store: change the field's type, or what makes the document, then read "
    "the day anew",
    "collided": "another one holds its place: both are kept, and only a person can say which is right",
}


def outcomes(stores: Mapping[StoreKey, AnyStore], pieces: Sequence[Quarantined]) -> Iterator[Retried]:
    """Try pieces again one after the other; ``stores``: those that were looked into."""
    there: dict[str, Feed] = {}
    if any(one.kind not in _HOPELESS for one in pieces):
        there = {feed.asset: feed for feed in feeds()}
    for piece in pieces:
        if piece.kind in _HOPELESS:
            yield Retried(piece, False, _HOPELESS[piece.kind])
        elif piece.asset not in there:
            yield Retried(piece, False, f"the lab has no asset {piece.asset!r} any more")
        elif (own := there[piece.asset].store_key) not in stores:
            names = " or ".join(repr(key.name) for key in stores)
            said = f"its asset is landed in store {own.name!r} now, and this is {names}"
            yield Retried(piece, False, said)
        else:
            yield _again(stores[own], piece, there[piece.asset])


def _again(store: AnyStore, piece: Quarantined, feed: Feed) -> Retried:
    reject = Reject(piece.reason, piece.raw, piece.place, piece.day, piece.context)
    try:
        given = feed.source.again(reject, time.time_ns())
        if isinstance(given, Documents) and isinstance(store, DocumentStore):
            documents = list(given.batches)
            return retry_documents(
                store,
                piece,
                documents,
                collection=feed.measurement,
                version=feed.version,
                by_receipt=feed.by_receipt,
                by_content=feed.by_content,
            )
        if isinstance(given, Readings) and isinstance(store, ReadingStore):
            rows = list(given.batches)
            return retry(
                store,
                piece,
                rows,
                measurement=feed.measurement,
                recipe=feed.recipe,
                version=feed.version,
                by_receipt=feed.by_receipt,
            )
    except (SourceError, ValueError) as error:
        return Retried(piece, False, str(error))
    raise TypeError(f"{feed.asset}: its source gives {type(given).__name__}, but its feed says otherwise")
