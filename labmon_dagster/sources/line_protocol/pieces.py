"""Rows of one shape, and how those that can stand in one table are put together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import polars as pl

from labmon_dagster.model import ORDER, PLACE, TIME, Field, FieldType, Measurement
from labmon_dagster.model.points import Points

_TIMES = pl.Datetime("ns", "UTC")


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows of one measurement that have all its ``tags`` and ``fields``.

    ``rows`` has ``time`` (Int64, ns, or null), tags, fields, and ``_place``.
    """

    measurement: str
    tags: tuple[str, ...]
    fields: Mapping[str, FieldType]
    rows: pl.DataFrame


@dataclass(slots=True)
class _Table:
    """Pieces whose columns agree."""

    tags: set[str] = field(default_factory=set)
    fields: dict[str, FieldType] = field(default_factory=dict)
    rows: list[pl.DataFrame] = field(default_factory=list)

    def takes(self, piece: Piece) -> bool:
        """Whether no column of the piece is another kind of column here."""
        return (
            all(self.fields.get(name, kind) is kind for name, kind in piece.fields.items())
            and self.tags.isdisjoint(piece.fields)
            and self.fields.keys().isdisjoint(piece.tags)
        )

    def take(self, piece: Piece) -> None:
        """Add a piece."""
        self.tags.update(piece.tags)
        self.fields.update(piece.fields)
        self.rows.append(piece.rows)

    def points(self, name: str) -> Points:
        """Give all rows in the order of the text."""
        fields = tuple(Field(field, kind) for field, kind in self.fields.items())
        measurement = Measurement(name, tuple(sorted(self.tags)), fields)
        whole = self.rows[0] if len(self.rows) == 1 else pl.concat(self.rows, how="diagonal").sort(PLACE)
        columns = [whole[TIME].cast(_TIMES)]
        columns += [whole[tag].alias("").fill_null("").alias(tag) for tag in measurement.tags]
        columns += [whole[field.name] for field in fields]
        order = pl.zeros(whole.height, pl.Int64(), eager=True).alias(ORDER)
        return Points(measurement, pl.DataFrame([*columns, order, whole[PLACE]]))


def joined(pieces: Iterable[Piece]) -> list[Points]:
    """Put pieces together: of each measurement as few tables as the kinds of its columns allow."""
    tables: dict[str, list[_Table]] = {}
    for piece in pieces:
        there = tables.setdefault(piece.measurement, [])
        table = next((one for one in there if one.takes(piece)), None)
        if table is None:
            table = _Table()
            there.append(table)
        table.take(piece)
    return [table.points(name) for name, there in tables.items() for table in there]
