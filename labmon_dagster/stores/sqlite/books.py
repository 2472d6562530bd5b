"""Ledger and quarantine in SQLite."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import fields
from datetime import date

from labmon_dagster.stores.entries import entry_of, row_of
from labmon_dagster.stores.ledger import Counts, LedgerRow, Quarantined
from labmon_dagster.stores.sqlite.database import Database

_COUNTS = [field.name for field in fields(Counts)]
_COLUMNS = [
    "asset", "day", "read_until", "covered", *_COUNTS, "first", "last", "in_store", "stale", "proven",
    "verdict", "tries", "trouble", "run", "version", "written",
]  # fmt: skip
_PIECE = [field.name for field in fields(Quarantined)]


class Books:
    """The ledger and quarantine tables of one database."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def ledger(self, asset: str) -> dict[date, LedgerRow]:
        """All rows of an asset's ledger, by day."""
        rows = self.database.connection.execute(
            f"SELECT {', '.join(_COLUMNS)} FROM labmon_ledger WHERE asset = ? ORDER BY day",  # noqa: S608
            (asset,),
        )
        found = [row_of(dict(zip(_COLUMNS, row, strict=True))) for row in rows]
        return {row.day: row for row in found}

    def assets(self) -> list[str]:
        """Every asset the ledger knows."""
        rows = self.database.connection.execute("SELECT DISTINCT asset FROM labmon_ledger ORDER BY 1")
        return [asset for (asset,) in rows]

    def enter(self, rows: Iterable[LedgerRow]) -> None:
        """Write ledger rows, each in place of what was there for its asset and day."""
        entries = [[entry[name] for name in _COLUMNS] for entry in map(entry_of, rows)]
        marks = ", ".join("?" * len(_COLUMNS))
        with self.database.transaction():
            self.database.connection.executemany(
                f"INSERT OR REPLACE INTO labmon_ledger ({', '.join(_COLUMNS)}) VALUES ({marks})",  # noqa: S608
                entries,
            )

    def quarantine(self, pieces: Iterable[Quarantined]) -> None:
        """Keep pieces; one that is there already keeps the time and run it was first met in."""
        entries = [[_plain(getattr(piece, name)) for name in _PIECE] for piece in pieces]
        marks = ", ".join("?" * len(_PIECE))
        with self.database.transaction():
            self.database.connection.executemany(
                f"INSERT INTO labmon_quarantine ({', '.join(_PIECE)}) VALUES ({marks}) "  # noqa: S608
                "ON CONFLICT (id) DO UPDATE SET reason = excluded.reason, place = excluded.place",
                entries,
            )

    def quarantined(self, asset: str | None = None, days: Iterable[date] | None = None) -> list[Quarantined]:
        """Give the pieces of an asset (or all) filed under some days (or all), by day and time met."""
        wanted = None if days is None else json.dumps([day.isoformat() for day in days])
        rows = self.database.connection.execute(
            f"SELECT {', '.join(_PIECE)} FROM labmon_quarantine "  # noqa: S608
            "WHERE (?1 IS NULL OR asset = ?1) AND (?2 IS NULL OR day IN (SELECT value FROM json_each(?2))) "
            "ORDER BY asset, day, met, place, id",
            (asset, wanted),
        )
        return [Quarantined(row[0], row[1], date.fromisoformat(row[2]), *row[3:]) for row in rows]

    def release(self, ids: Iterable[str]) -> None:
        """Remove pieces from quarantine."""
        with self.database.transaction():
            self.database.connection.executemany(
                "DELETE FROM labmon_quarantine WHERE id = ?", [(one,) for one in ids]
            )


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, date) else value
