"""What a table of readings is called and what its columns mean."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import pyarrow as pa

TIME = "time"
ORDER = "_order"
PLACE = "_place"
TIME_TYPE = pa.timestamp("ns", tz="UTC")


class FieldType(StrEnum):
    """The four kinds of value every store can keep exactly."""

    FLOAT = "float"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    TEXT = "text"

    @property
    def arrow(self) -> pa.DataType:
        """The Arrow type of a column of this kind."""
        return _ARROW[self]


_ARROW = {
    FieldType.FLOAT: pa.float64(),
    FieldType.INTEGER: pa.int64(),
    FieldType.BOOLEAN: pa.bool_(),
    FieldType.TEXT: pa.string(),
}


@dataclass(frozen=True, slots=True)
class Field:
    """A value column: its name, kind, unit as the instrument states it, and meaning."""

    name: str
    type: FieldType = FieldType.FLOAT
    unit: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Measurement:
    """A named table of readings. A reading's identity is measurement + tags + time.

    ``tags`` are text columns, absent ones '' (never null); ``fields`` are the values. Where rows of one
    identity stand equal in the source's order, the fields ``ranked_by`` decide: the larger value wins.
    """

    name: str
    tags: tuple[str, ...] = ()
    fields: tuple[Field, ...] = ()
    ranked_by: tuple[str, ...] = ()

    @property
    def schema(self) -> pa.Schema:
        """Columns of a batch: time, tags, fields, then the source's own order of the rows."""
        return pa.schema(
            [
                pa.field(TIME, TIME_TYPE, nullable=False),
                *(pa.field(tag, pa.string(), nullable=False) for tag in self.tags),
                *(pa.field(field.name, field.type.arrow) for field in self.fields),
                pa.field(ORDER, pa.int64(), nullable=False),
                pa.field(PLACE, pa.int64(), nullable=False),
            ]
        )
