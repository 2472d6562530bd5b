"""The embedded store: readings, ledger and quarantine in one SQLite file."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from labmon_dagster.stores.base import Refusal
from labmon_dagster.stores.sqlite.books import Books
from labmon_dagster.stores.sqlite.database import Database
from labmon_dagster.stores.sqlite.tables import Tables


class SqliteStore(Tables, Books):
    """A `ReadingStore` in one SQLite file. Several processes may use the file at once."""

    def __init__(self, path: Path) -> None:
        super().__init__(Database(path))

    def transaction(self) -> AbstractContextManager[None]:
        """Everything written inside is committed together."""
        return self.database.transaction()

    def settle(self) -> list[Refusal]:
        """Nothing to wait for: what was written is in the file, and none of it was refused."""
        return []

    def begin(self, asset: str, token: int) -> None:
        """Nothing to make good: a transaction is whole or not there."""

    def kept_since(self, now: int) -> int | None:
        """Everything is kept."""
        return None

    def close(self) -> None:
        """Close the connection."""
        self.database.close()
