"""Which events were met already: noted on disk, so that memory stays flat however many there are."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

DIGEST = 16  # hex digits at the end of an id, behind a slash; what stands before is detector, run and number
_SHOWN = 20
_REUSED = (
    f"SELECT substr(id, 1, length(id) - {DIGEST + 1}), count(*) FROM seen GROUP BY 1 "  # noqa: S608
    "HAVING count(*) > 1"
)


class Seen:
    """The ids of events (``detector/run/number/digest``) in a file that goes with this object."""

    def __init__(self) -> None:
        # '' is a database in a temporary file of its own. Who reads a source may go on in another thread.
        self._database = sqlite3.connect("", check_same_thread=False)
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("CREATE TABLE seen (id TEXT NOT NULL PRIMARY KEY) WITHOUT ROWID")

    def add(self, ids: Iterable[str]) -> int:
        """Note ids; give how many of them were not known."""
        before = self._database.total_changes
        self._database.executemany("INSERT OR IGNORE INTO seen VALUES (?)", ((one,) for one in ids))
        return self._database.total_changes - before

    def reused(self) -> tuple[int, list[str]]:
        """Count numbers (``detector/run/number``) with more than one content; name the first twenty."""
        found = self._database.execute(f"SELECT count(*) FROM ({_REUSED})").fetchone()  # noqa: S608
        shown = self._database.execute(f"{_REUSED} ORDER BY 1 LIMIT {_SHOWN}")
        return found[0], [name for name, _ in shown]

    def close(self) -> None:
        """Forget everything."""
        self._database.close()
