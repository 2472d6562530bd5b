"""New rows beside those a store holds: which are new, which repeat, and who wins where two collide.

Two rows collide when they have one identity and different values. The one later in the source's own
order (``_order``, then ``_place``) wins. A row from the same place in the source, or read by another
version of the settings, is no rival but a correction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from labmon_dagster.model import ORDER, PLACE, TIME
from labmon_dagster.stores.base import READ

FATE = "_fate"
STORED, REPEATED, COLLIDED, EMPTY = "stored", "repeated", "collided", "empty"
_VERSION_SHIFT = 47


@dataclass(frozen=True, slots=True)
class Merged:
    """``judged``: the new rows with their fate. ``displaced``: rows that lost their place to one of them."""

    judged: pl.DataFrame
    displaced: pl.DataFrame


def merge(new: pl.DataFrame, held: pl.DataFrame, tags: Sequence[str], fields: Sequence[str]) -> Merged:
    """Judge each of ``new`` against the others and against the rows ``held`` (same identity columns)."""
    key = [TIME, *tags]
    new = new.with_columns(pl.lit(STORED).alias(FATE))
    empty = pl.all_horizontal(pl.col(field).is_null() for field in fields) if fields else pl.lit(True)
    new = new.with_columns(pl.when(empty).then(pl.lit(EMPTY)).otherwise(FATE).alias(FATE))
    new = _among_themselves(new, key, fields)
    if held.is_empty():
        return Merged(new, held)
    return _against_held(new, held, key, fields)


def _among_themselves(new: pl.DataFrame, key: list[str], fields: Sequence[str]) -> pl.DataFrame:
    filled = new.filter(pl.col(FATE) == STORED)
    if filled.select(key).is_unique().all():
        return new
    ranked = filled.sort(ORDER, PLACE, maintain_order=True)
    same = pl.all_horizontal(pl.col(field).eq_missing(pl.col(field).last().over(key)) for field in fields)
    last = pl.int_range(pl.len()).over(key) == pl.len().over(key) - 1
    fate = pl.when(last).then(pl.lit(STORED)).when(same).then(pl.lit(REPEATED)).otherwise(pl.lit(COLLIDED))
    return pl.concat([ranked.with_columns(fate.alias(FATE)), new.filter(pl.col(FATE) != STORED)])


def _against_held(new: pl.DataFrame, held: pl.DataFrame, key: list[str], fields: Sequence[str]) -> Merged:
    complete = held.with_columns(
        pl.lit(None, dtype=new.schema[field]).alias(field) for field in fields if field not in held.columns
    )
    names = [*fields, ORDER, PLACE, READ]
    rivals = complete.select(*key, *(pl.col(name).alias(_held(name)) for name in names))
    pairs = new.join(rivals, on=key, how="left", maintain_order="left")
    met = pl.col(_held(READ)).is_not_null() & (pl.col(FATE) == STORED)
    same = pl.all_horizontal(pl.col(field).eq_missing(pl.col(_held(field))) for field in fields)
    order, place = pl.col(ORDER) - pl.col(_held(ORDER)), pl.col(PLACE) - pl.col(_held(PLACE))
    other_version = _version(READ) != _version(_held(READ))
    rival = met & ~same & ~other_version & ((order != 0) | (place != 0))
    later = (order > 0) | ((order == 0) & (place > 0))
    fate = pl.when(met & same).then(pl.lit(REPEATED)).when(rival & ~later).then(pl.lit(COLLIDED)).otherwise(FATE)
    pairs = pairs.with_columns((rival & later).alias("_wins"), fate.alias(FATE))
    displaced = held.join(pairs.filter("_wins").select(key), on=key, how="semi")
    return Merged(pairs.select(new.columns), displaced)


def _held(name: str) -> str:
    return f"held:{name}"


def _version(token: str) -> pl.Expr:
    return pl.col(token) // (1 << _VERSION_SHIFT)
