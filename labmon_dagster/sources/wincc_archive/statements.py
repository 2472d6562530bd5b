"""The SQL that is asked of an archive: standard enough that Oracle and SQLite take nearly the same text.

Names of schema, tables and columns come from YAML and are checked there; everything else is bound.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from labmon_dagster.model import Window
from labmon_dagster.sources.wincc_archive.spec import NAMES, Table

DPID, TIME, READING, ORDER = "DPID", "CHANGE_DATE", "READING", "ORDER_KEY"
DPNAME, DAY, MINUTE, ROWS = "DPNAME", "DAY", "MINUTE_OF_ROWS", "NUMBER_OF_ROWS"
COLUMNS = {DPID, TIME, READING, ORDER, DPNAME, DAY, MINUTE, ROWS, "rows", "in_source", "in_store", "cut"}


class Dialect(StrEnum):
    """The databases an archive may lie in."""

    ORACLE = "oracle"
    SQLITE = "sqlite"


@dataclass(frozen=True, slots=True)
class Instant:
    """A time to be bound: UTC ns. Each database has its own type for it."""

    ns: int


Bind: TypeAlias = Instant | str


@dataclass(frozen=True, slots=True)
class Statement:
    """A query and what is bound in it, by name."""

    text: str
    binds: Mapping[str, Bind]


_IN_WINDOW = "WHERE r.CHANGE_DATE >= :start_time AND r.CHANGE_DATE < :end_time"
_PIECE = re.compile(r"\[(?:!(?:\][^\]]*|[^\]]+)|\][^\]]*|[^]!][^\]]*)\]|.", re.DOTALL)
_FORM = "r.CHANGE_DATE GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9] [0-9][0-9]:[0-9][0-9]:[0-9][0-9]*'"
_NEWEST: Mapping[Dialect, str] = {
    Dialect.ORACLE: "MAX(r.CHANGE_DATE)",
    # Text that is no time may stand there and be the largest of all.
    Dialect.SQLITE: f"MAX(CASE WHEN {_FORM} AND julianday(r.CHANGE_DATE) IS NOT NULL THEN r.CHANGE_DATE END)",
}
_DAY_OF: Mapping[Dialect, str] = {
    Dialect.ORACLE: "TO_CHAR(r.CHANGE_DATE, 'YYYY-MM-DD')",
    Dialect.SQLITE: "substr(r.CHANGE_DATE, 1, 10)",
}
_MINUTE_OF: Mapping[Dialect, str] = {
    Dialect.ORACLE: "TO_CHAR(r.CHANGE_DATE, 'YYYY-MM-DD HH24:MI')",
    Dialect.SQLITE: "substr(r.CHANGE_DATE, 1, 16)",
}


@dataclass(frozen=True, slots=True)
class Statements:
    """The statements about one table of a schema."""

    schema: str
    table: Table
    dialect: Dialect

    def names(self) -> Statement:
        """Ask for all datapoints of the archive: DPID, DPNAME."""
        return Statement(f"SELECT n.ID AS {DPID}, n.DPNAME AS {DPNAME}\nFROM {self.schema}.{NAMES} n", {})

    def rows(self, window: Window) -> Statement:
        """Ask for the rows of all named datapoints in a window, by time."""
        order = f", r.{self.table.order_by} AS {ORDER}" if self.table.order_by else ""
        return Statement(
            f"SELECT r.DPID AS {DPID}, r.CHANGE_DATE AS {TIME}, r.{self.table.value} AS {READING}{order}\n"
            f"{self._in_window()}\n{self._named()}\nORDER BY r.CHANGE_DATE",
            {**_bounds(window), **self._patterns()},
        )

    def newest(self, window: Window) -> Statement:
        """Ask for the latest time of a named datapoint's row in a window; one row, of null if none."""
        return Statement(
            f"SELECT {_NEWEST[self.dialect]} AS {TIME}\n{self._in_window()}\n{self._named()}",
            {**_bounds(window), **self._patterns()},
        )

    def counts(self, window: Window) -> Statement:
        """Ask how many readings (rows of one time are one) each datapoint of the table has on each day.

        Datapoints that nobody named are counted too; DPNAME is null where an ID has no name.
        """
        day = _DAY_OF[self.dialect]
        return Statement(
            f"SELECT n.DPNAME AS {DPNAME}, {day} AS {DAY}, COUNT(DISTINCT r.CHANGE_DATE) AS {ROWS}\n"
            f"FROM {self.schema}.{self.table.name} r\n"
            f"LEFT JOIN {self.schema}.{NAMES} n ON n.ID = r.DPID\n{_IN_WINDOW}\n"
            f"  AND r.{self.table.value} IS NOT NULL\n"
            f"GROUP BY n.DPNAME, {day}",
            _bounds(window),
        )

    def minutes(self, window: Window) -> Statement:
        """Ask how many rows of named datapoints there are in each minute."""
        minute = _MINUTE_OF[self.dialect]
        return Statement(
            f"SELECT {minute} AS {MINUTE}, COUNT(*) AS {ROWS}\n"
            f"{self._in_window()}\n{self._named()}\nGROUP BY {minute}",
            {**_bounds(window), **self._patterns()},
        )

    def undated(self) -> Statement:
        """Ask how many rows of the table have a CHANGE_DATE that no window can hold: only SQLite has such.

        What begins with another digit than a year does is found by an index.
        """
        source = f"{self.schema}.{self.table.name}"
        undated = "r.CHANGE_DATE IS NULL OR r.CHANGE_DATE < '1' OR r.CHANGE_DATE >= '3'"
        return Statement(f"SELECT COUNT(*) AS {ROWS}\nFROM {source} r\nWHERE {undated}", {})

    def census(self, window: Window) -> Statement:
        """Ask how many rows each ID of the table has, whether anybody named it or not."""
        text = f"SELECT r.DPID AS {DPID}, COUNT(*) AS {ROWS}\n{self._in_window()}\nGROUP BY r.DPID"
        return Statement(text, _bounds(window))

    def _in_window(self) -> str:
        return f"FROM {self.schema}.{self.table.name} r\n{_IN_WINDOW}"

    def _named(self) -> str:
        fits = " OR ".join(f"n.DPNAME LIKE :{name} ESCAPE '\\'" for name in self._patterns())
        return f"  AND r.DPID IN (SELECT n.ID FROM {self.schema}.{NAMES} n WHERE {fits})"  # noqa: S608

    def _patterns(self) -> dict[str, Bind]:
        return {f"name_{n}": like for n, like in enumerate(likes(self.table.datapoints), 1)}


def _bounds(window: Window) -> dict[str, Bind]:
    return {"start_time": Instant(window.start), "end_time": Instant(window.end)}


def likes(patterns: Iterable[str]) -> list[str]:
    """Give SQL LIKE patterns (escape: backslash) for at least the names that ``patterns`` fit."""
    return [_like(pattern) for pattern in patterns]


def _like(pattern: str) -> str:
    wild = {"*": "%", "?": "_"}
    pieces = (piece[0] for piece in _PIECE.finditer(pattern))
    return "".join(
        "_" if len(piece) > 1 else wild.get(piece) or re.sub(r"([%_\\])", r"\\\1", piece) for piece in pieces
    )
