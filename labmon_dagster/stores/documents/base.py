"""What every store of documents must do, whatever database lies behind it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol, runtime_checkable

import polars as pl

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

    def find(self, collection: str, ids: Iterable[str], *, bodies: bool = ...) -> dict[str, Kept]:
        """Give those of some documents that are there, by id; without ``bodies`` these are empty."""
        ...

    def there(self, collection: str, ids: Iterable[str]) -> set[str]:
        """Give the ids of those of some documents that are there."""
        ...

    def fetch(
        self, collection: str, window: Window, owner: int | None = ..., received: int | None = ...
    ) -> Iterator[Kept]:
        """Give the documents of a window, of one owner or of all, by time, then id, some at a time.

        ``received``: only those whose order says that they were received on this day (since 1970).
        """
        ...

    def index(self, collection: str, keys: str) -> None:
        """See that a collection can be searched by some keys (words) of its documents; `time` is one."""
        ...

    def count_received(self, collection: str, owner: int, day: int) -> int:
        """Count an asset's documents whose order says that they were received on a day (since 1970)."""
        ...

    def delete_received(self, owner: int, day: int) -> None:
        """Remove an asset's documents that were received on a day, in every collection."""
        ...

    def tally(
        self, collection: str, keys: Sequence[str], window: Window | None = ..., bucket: int = ...
    ) -> pl.DataFrame:
        """Count the documents of a window, or all, by the values of some keys, and by ``bucket`` ns of time.

        Gives the columns ``time`` (start of the bucket, ns; without buckets there is none), the ``keys``
        (their values must be integers or null) and ``count``, in no order.
        """
        ...

    def numbers(self, collection: str, key: str, where: Mapping[str, int]) -> pl.Series:
        """Give the integers a key has in the documents of which others have some values, in order."""
        ...

    def write(self, collection: str, documents: Sequence[Kept]) -> dict[str, str]:
        """Insert or replace admitted documents by id; of one id the last. They are safe when it returns.

        Give those the database has refused none the less: id → what it said.
        """
        ...
