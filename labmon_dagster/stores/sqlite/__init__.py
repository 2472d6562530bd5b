"""The embedded store: readings, ledger and quarantine in one SQLite file."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

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

    def close(self) -> None:
        """Close the connection."""
        self.database.close()
