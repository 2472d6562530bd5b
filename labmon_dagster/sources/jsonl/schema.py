"""What the lines of a file look like: the point, and the schema line in front of a measurement's points."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import polars as pl
import pyarrow as pa

from labmon_dagster.model import ORDER, PLACE, TIME, FieldType
from labmon_dagster.sources.line_protocol.pieces import Piece

FORMAT, VERSION = "labmon-points", 1
_TAKEN = (TIME, ORDER, PLACE)


class Head(msgspec.Struct, forbid_unknown_fields=True):
    """A schema line: the tags and fields (name → type) of the points of a measurement that follow."""

    format: str
    version: int
    measurement: str
    tags: list[str]
    fields: dict[str, FieldType]


class Line(msgspec.Struct, forbid_unknown_fields=True):
    """A point: ``time`` is RFC 3339 text, or ns since 1970; null members are as good as absent."""

    measurement: str
    fields: dict[str, int | float | bool | str | None]
    time: int | str | None = None
    tags: dict[str, str | None] = {}


class UnknownFormatError(ValueError):
    """A file of another format, or of a later version: what follows may mean something else."""


@dataclass(frozen=True, slots=True)
class Schema:
    """The columns that points of a measurement may have; ``line`` is where they were declared."""

    tags: frozenset[str]
    fields: dict[str, FieldType]
    line: int

    @classmethod
    def of(cls, head: Head, line: int) -> Schema:
        """Take what a schema line says. Raises UnknownFormatError, or ValueError for names that clash."""
        if (head.format, head.version) != (FORMAT, VERSION):
            raise UnknownFormatError(
                f"line {line}: format {head.format!r} version {head.version}; "
                f"this labmon reads {FORMAT!r} version {VERSION}"
            )
        twice = sorted(set(head.tags) & set(head.fields))
        if twice:
            raise ValueError(f"{', '.join(map(repr, twice))}: a tag and a field cannot have one name")
        for name in (*head.tags, *head.fields):
            check_name(name)
        return cls(frozenset(head.tags), head.fields, line)

    def piece(self, measurement: str) -> Piece:
        """Give no rows, with all the columns."""
        columns = [
            pa.field(TIME, pa.int64()),
            *(pa.field(tag, pa.string()) for tag in self.tags),
            *(pa.field(name, kind.arrow) for name, kind in self.fields.items()),
            pa.field(PLACE, pa.int64()),
        ]
        rows = pl.DataFrame(pa.schema(columns).empty_table())
        return Piece(measurement, tuple(sorted(self.tags)), self.fields, rows)


def check_name(name: str) -> None:
    """Raise ValueError for a name that no tag or field can have."""
    if not name or name in _TAKEN:
        raise ValueError(f"no tag or field may be called {name!r}; {', '.join(_TAKEN)} are labmon's own")


def head_of(measurement: str, tags: list[str], fields: dict[str, FieldType]) -> bytes:
    """Write a schema line, with its newline."""
    return msgspec.json.encode(Head(FORMAT, VERSION, measurement, tags, fields)) + b"\n"
