"""Rows that tell some fields of a point, beside others that told the rest of it: they complete each other.

Programs write the fields of a point as they have them, in one line or in several, as InfluxDB allows.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from labmon_dagster.landing.merge import Merged, merge
from labmon_dagster.model import ORDER, PLACE, TIME
from labmon_dagster.stores.base import READ

_HELD = "held:"


def of_fields(held: pl.DataFrame, tags: Sequence[str], fields: Sequence[str]) -> pl.DataFrame:
    """Give what the rows a store has tell of some fields."""
    there = [name for name in fields if name in held.columns]
    return held.select(TIME, *tags, *there, ORDER, PLACE, READ)


def _telling(held: pl.DataFrame, fields: Sequence[str]) -> pl.DataFrame:
    """Leave out rows without any of some fields."""
    return held.filter(pl.any_horizontal(pl.lit(False), *(pl.col(name).is_not_null() for name in fields)))


def merged_beside(
    rows: pl.DataFrame, held: pl.DataFrame, tags: Sequence[str], fields: Sequence[str]
) -> Merged:
    """Merge rows that say nothing of other fields than theirs."""
    adding, written = _adding(rows, held, tags, fields)
    others = rows.join(adding, on=[TIME, *tags], how="anti", maintain_order="left") if adding.height else rows
    return merge(others, _telling(held, fields), tags, fields).with_stored(adding, written)


def _adding(
    rows: pl.DataFrame, held: pl.DataFrame, tags: Sequence[str], fields: Sequence[str]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Find the rows that agree with what is held of them, and tell fields of which nothing is.

    Give them as they are, and as they are to be written: under the later order of both.
    """
    key = [TIME, *tags]
    beside = held.select(*key, *(pl.col(name).alias(f"{_HELD}{name}") for name in (*fields, ORDER, PLACE)))
    pairs = rows.filter(pl.struct(key).is_unique()).join(beside, on=key, how="inner", maintain_order="left")
    unsaid = [pl.col(f"{_HELD}{name}").is_null() for name in fields]
    agrees = [(pl.col(name) == pl.col(f"{_HELD}{name}")).fill_null(True) for name in fields]
    found = pairs.filter(pl.any_horizontal(unsaid) & pl.all_horizontal(agrees))
    order, place = (pl.col(f"{_HELD}{name}") for name in (ORDER, PLACE))
    later = (order > pl.col(ORDER)) | ((order == pl.col(ORDER)) & (place > pl.col(PLACE)))
    orders = [
        pl.when(later).then(pl.col(f"{_HELD}{name}")).otherwise(name).alias(name) for name in (ORDER, PLACE)
    ]
    return found.select(rows.columns), found.with_columns(orders).select(rows.columns)
