"""Small documents as a store takes them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from labmon_dagster.model import Window
from labmon_dagster.model.documents import Document
from labmon_dagster.stores.base import read_token
from labmon_dagster.stores.documents.base import DocumentStore
from labmon_dagster.stores.documents.kept import Kept
from labmon_dagster_tests.servers.mongo import Mongod

EVER = Window(-(2**62), 2**62)
OWNER = "lab/runs"
TOKEN = read_token(OWNER, "v1", 1)
OTHER = read_token("lab/other", "v1", 1)


def mongo_url(server: Mongod, database: str) -> str:
    """The URL of a store in one of the server's databases."""
    return server.url.replace("/?", f"/{database}?")


def document(known_by: str, time: int = 0, order: int = 0, place: int = 0, **body: Any) -> Document:
    return Document(known_by, time, body, order, place)


def put(
    store: DocumentStore, collection: str, documents: Iterable[Document], token: int = TOKEN
) -> list[Kept]:
    """Write documents none of which is refused."""
    admitted = store.admit(documents, token)
    assert not admitted.refused
    assert store.write(collection, admitted.kept) == {}
    return admitted.kept


def everything(store: DocumentStore, collection: str = "runs") -> list[Kept]:
    return list(store.fetch(collection, EVER))


def bodies(store: DocumentStore, collection: str = "runs") -> dict[str, dict[str, Any]]:
    return {one.id: one.body for one in everything(store, collection)}
