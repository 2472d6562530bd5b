"""What the tests of the simulated archive share: a moment, and the rows there are."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

NOON = 1_750_000_000.0  # 2025-06-15 15:06:40 UTC
TABLES = {"MTRSCHANNEL": "ACTUAL_VALUE", "TKPLCREADSENSOR": "VALUE_CONVERTED"}


def ask(path: Path, statement: str, *bound: object) -> list[Any]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        return db.execute(statement, bound).fetchall()


def rows(path: Path) -> list[Any]:
    return [
        row for table in TABLES for row in ask(path, f"SELECT '{table}', * FROM {table} ORDER BY 2, 3, 4")
    ]
