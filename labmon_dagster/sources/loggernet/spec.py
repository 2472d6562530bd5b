"""What a LoggerNet table is to become: which columns are fields, tags, or dropped, in which zone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from labmon_dagster.model import FieldType
from labmon_dagster.model.stamps import Zone

Use = Literal["field", "tag", "drop"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the file: the ``field`` (or tag) it becomes; type and unit win over the header's."""

    field: str
    use: Use = "field"
    type: FieldType | None = None
    unit: str | None = None
    description: str = ""


@dataclass(frozen=True, slots=True)
class TableSpec:
    """How to read one table.

    ``start`` is the first instant believed (UTC ns). ``tags`` are fixed texts that may name the header's
    ``{station} {model} {serial} {os} {program} {signature} {table}``. A column not in ``columns`` keeps
    its own name, or is dropped where ``unlisted`` says so. ``names`` are the columns of a file without
    header (``header="none"``).
    """

    measurement: str
    zone: Zone
    start: int
    columns: Mapping[str, Column] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    unlisted: Literal["keep", "drop"] = "keep"
    header: Literal["toa5", "none"] = "toa5"
    names: tuple[str, ...] = ()
    stamp: str = "TIMESTAMP"
    record: str = "RECORD"
    encoding: str = "utf-8"
