"""Documents as tuples, batches of them, and the growing source of `growing` as a source of documents."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from labmon_dagster.landing import Delivery
from labmon_dagster.landing.documents import DocumentLanding
from labmon_dagster.model import Batch, Mark, Readings, Reject, Window
from labmon_dagster.model.documents import Document, DocumentBatch, Documents
from labmon_dagster.stores import LedgerRow
from labmon_dagster.stores.documents.base import DocumentStore
from labmon_dagster.stores.documents.kept import Kept
from labmon_dagster.stores.documents.sqlite import SqliteDocuments
from labmon_dagster_tests.landing.growing import DiedError, World
from labmon_dagster_tests.landing.rows import LATER, NAME, START

EVER = Window(-(2**62), 2**62)


class Doc(NamedTuple):
    """A document; ``time`` in ns after `START`."""

    id: str
    time: int = 0
    body: dict[str, Any] = {}  # noqa: RUF012
    order: int = 0
    place: int = 0

    @property
    def document(self) -> Document:
        return Document(self.id, START + self.time, self.body, self.order, self.place)


def batch(
    docs: Iterable[Doc],
    mark: int = 1,
    stream: str = "s",
    rejects: Iterable[Reject] = (),
    collection: str = NAME,
) -> DocumentBatch:
    return DocumentBatch(collection, tuple(one.document for one in docs), stream, Mark(mark), tuple(rejects))


def land(
    store: DocumentStore,
    delivered: Delivery,
    batches: Iterable[DocumentBatch],
    now: int = LATER,
    trouble: Iterable[str] = (),
) -> dict[date, LedgerRow]:
    return DocumentLanding(store, delivered, now).land(Documents(iter(batches), trouble=list(trouble)))


def stored(store: DocumentStore, collection: str = NAME) -> list[Kept]:
    return list(store.fetch(collection, EVER))


@contextmanager
def new_store() -> Iterator[SqliteDocuments]:
    with TemporaryDirectory() as folder:
        store = SqliteDocuments(Path(folder) / "documents.db")
        store.database.connection.execute("PRAGMA synchronous=OFF")
        try:
            yield store
        finally:
            store.close()


class DocumentWorld(World):
    """A growing source of documents in place of rows; see `World`."""

    def __init__(self, store: DocumentStore, source: Any) -> None:
        super().__init__(store, source)  # type: ignore[arg-type]
        self.documents = store

    def deliver(
        self, first: int, last: int, whole: bool, away: str = "", fails_after: int = -1, **more: bool
    ) -> None:
        request, delivered, now = self.begin(first, last, whole, **more)
        readings = self.source.read(request, away, fails_after)
        with suppress(DiedError):
            DocumentLanding(self.documents, delivered, now).land(as_documents(readings))

    @property
    def rows(self) -> Sequence[str]:
        return [f"{one.body['site']}{one.place % 1_000_000}" for one in stored(self.documents)]


def as_documents(readings: Readings) -> Documents:
    return Documents(map(_converted, readings.batches), trouble=readings.trouble)


def _converted(given: Batch) -> DocumentBatch:
    rows = given.rows.to_pylist() if given.rows.num_rows else []
    documents = tuple(
        Document(f"{row['site']} {row['_place']}", row["time"].value, {"site": row["site"]}, 0, row["_place"])
        for row in rows
    )
    return DocumentBatch(NAME, documents, given.stream, given.mark, given.rejects)
