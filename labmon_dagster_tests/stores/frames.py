"""Small frames as a store takes them."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from labmon_dagster.model import Field, FieldType, Measurement, Window
from labmon_dagster.stores.base import read_token

EVER = Window(-(2**62), 2**62)
OWNER = "lab/table"
TOKEN = read_token(OWNER, "v1", 1)
_TYPES = {
    float: FieldType.FLOAT,
    int: FieldType.INTEGER,
    bool: FieldType.BOOLEAN,
    str: FieldType.TEXT,
}


def measurement(name: str, tags: Sequence[str], **fields: type) -> Measurement:
    return Measurement(name, tuple(tags), tuple(Field(field, _TYPES[kind]) for field, kind in fields.items()))


def frame(about: Measurement, rows: Sequence[Sequence[object]], token: int = TOKEN) -> pl.DataFrame:
    """Rows of time (ns), tags, fields; order and place count from 0."""
    schema = pl.DataFrame(about.schema.empty_table()).schema
    numbered = [(*row, number, number) for number, row in enumerate(rows)]
    raw = pl.DataFrame(numbered, schema={**schema, "time": pl.Int64}, orient="row")
    return raw.with_columns(pl.col("time").cast(schema["time"]), pl.lit(token).alias("_read"))


def values(found: pl.DataFrame, *names: str) -> list[tuple[object, ...]]:
    """The rows of what was fetched, times as ns."""
    return found.with_columns(pl.col("time").cast(pl.Int64)).select(names).rows()
