"""What every store of documents must do, whatever database lies behind it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol, runtime_checkable

from labmon_dagster.model import Window
from labmon_dagster.model.documents import Document
from labmon_dagster.stores.base import Store
from labmon_dagster.stores.documents.kept import Admitted, Kept


@runtime_checkable
class DocumentStore(Store, Protocol):
    """A store of documents. ``time`` is UTC ns; see `Kept` for what is kept of each."""

    def clock(self) -> int | None:
        """Give the time by its server's clock (UTC ns); None where it has none of its own."""
        ...

    def collections(self) -> list[str]:
        """Names of all collections."""
        ...

    def admit(self, documents: Iterable[Document], read: int) -> Admitted:
        """Make documents ready to be written by the read of that token; refuse those it cannot carry."""
        ...

    def find(self, collection: str, ids: Iterable[str]) -> dict[str, Kept]:
        """Give those of some documents that are there, by id."""
        ...

    def there(self, collection: str, ids: Iterable[str]) -> set[str]:
        """Give the ids of those of some documents that are there."""
        ...

    def fetch(self, collection: str, window: Window, owner: int | None = ...) -> Iterator[Kept]:
        """Give the documents of a window, of one owner or of all, by time, then id, some at a time."""
        ...

    def write(self, collection: str, documents: Sequence[Kept]) -> dict[str, str]:
        """Insert or replace admitted documents by id; of one id the last. They are safe when it returns.

        Give those the database has refused none the less: id → what it said.
        """
        ...
