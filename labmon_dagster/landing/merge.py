"""New rows beside those a store holds: which are new, which repeat, which are in dispute.

Nearly all rows are alone, or are met just as they are held; the others go to the `contest`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import polars as pl

from labmon_dagster.landing.contest import COLLIDED, FATE, LOST, REPEATED, STORED, contest
from labmon_dagster.model import ORDER, PLACE, TIME
from labmon_dagster.quality import FLAG_SUFFIX, Flag
from labmon_dagster.stores.base import READ, VERSION_SHIFT

__all__ = ["COLLIDED", "EMPTY", "FATE", "LOST", "REPEATED", "STORED", "Merged", "merge"]

EMPTY = "empty"
_OPEN = "in dispute"


@dataclass(frozen=True, slots=True)
class Merged:
    """``judged``: the new rows with their fate. ``writes``: the rows that are to be written.

    ``displaced``: held rows that lost their place, with their fate. ``events``: rows that lost or won a
    place (``_lost``: which), one after the other.
    """

    judged: pl.DataFrame
    writes: pl.DataFrame
    displaced: pl.DataFrame
    events: pl.DataFrame

    def with_stored(self, rows: pl.DataFrame, written: pl.DataFrame) -> Merged:
        """Give the same with further rows, which are to be ``written`` beside what is held of them."""
        if rows.is_empty():
            return self
        judged = pl.concat([self.judged, rows.with_columns(pl.lit(STORED).alias(FATE))], how="diagonal")
        return replace(self, judged=judged, writes=pl.concat([self.writes, written], how="diagonal"))


def merge(
    new: pl.DataFrame,
    held: pl.DataFrame,
    tags: Sequence[str],
    fields: Sequence[str],
    omits: Sequence[str] = (),
    *,
    timed: bool = True,
    ranked_by: Sequence[str] = (),
) -> Merged:
    """Judge each of ``new`` against the others and against the rows ``held``.

    Their identity is time and ``tags``, or, unless it is ``timed``, the tags alone.
    Rows are alike when ``fields`` are, and when the same of ``omits`` (fields with a flag) were left
    out. A row without any value is empty: it takes no part. ``ranked_by``: see `Measurement`.
    """
    key, marks = [TIME, *tags] if timed else [*tags], [_mark(field) for field in omits]
    marked, rivals = new.with_columns(map(_omitted, omits)), held.with_columns(map(_omitted, omits))
    absent = [pl.col(field).is_null() for field in fields] + [~pl.col(mark) for mark in marks]
    empty = pl.all_horizontal(pl.lit(True), *absent)
    judged = _at_first_sight(marked.with_columns(empty.alias(EMPTY)), rivals, key, [*fields, *marks])
    settled = judged.filter(pl.col(FATE) != _OPEN)
    alone = settled.filter(pl.col(FATE) == STORED).drop(FATE)
    disputed = judged.filter(pl.col(FATE) == _OPEN).drop(FATE)
    if disputed.is_empty():
        nobody = rivals.clear().with_columns(pl.lit("").alias(FATE), pl.lit(False).alias(LOST))
        frames = (settled, alone, nobody.drop(LOST), nobody)
    else:
        rivals = rivals.join(disputed, on=key, how="semi", maintain_order="left")
        verdict = contest(disputed, rivals, key, [*fields, *marks], ranked_by)
        judged, writes = pl.concat([settled, verdict.judged]), pl.concat([alone, verdict.writes])
        frames = (judged, writes, verdict.displaced, verdict.events)
    return Merged(*(frame.drop(marks) for frame in frames))


def _at_first_sight(new: pl.DataFrame, held: pl.DataFrame, key: list[str], values: list[str]) -> pl.DataFrame:
    """Give rows that have no rival their fate, and mark the others as in dispute."""
    single = pl.lit(True) if _all_single(new, key) else pl.struct(key).is_unique()
    if held.is_empty():
        fate = pl.when(EMPTY).then(pl.lit(EMPTY)).when(single).then(pl.lit(STORED)).otherwise(pl.lit(_OPEN))
        return new.with_columns(fate.alias(FATE)).drop(EMPTY)
    names = [*values, ORDER, PLACE, READ]
    beside = held.select(*key, *(pl.col(name).alias(_held(name)) for name in names))
    pairs = new.join(beside, on=key, how="left", maintain_order="left")
    alone = pl.col(_held(READ)).is_null()
    twins = [pl.col(name).eq_missing(pl.col(_held(name))) for name in (*values, ORDER, PLACE)]
    twins.append(pl.col(READ) // (1 << VERSION_SHIFT) == pl.col(_held(READ)) // (1 << VERSION_SHIFT))
    fate = (
        pl.when(EMPTY)
        .then(pl.lit(EMPTY))
        .when(single & alone)
        .then(pl.lit(STORED))
        .when(single & pl.all_horizontal(twins))
        .then(pl.lit(REPEATED))
        .otherwise(pl.lit(_OPEN))
    )
    return pairs.with_columns(fate.alias(FATE)).select(*(n for n in new.columns if n != EMPTY), FATE)


def _all_single(rows: pl.DataFrame, key: list[str]) -> bool:
    """Whether no two rows have one identity; times that only grow show it at once."""
    steps = rows[TIME].cast(pl.Int64).diff() if TIME in key else pl.Series([0])
    return bool((steps.drop_nulls() > 0).all()) or bool(rows.select(key).is_unique().all())


def _omitted(field: str) -> pl.Expr:
    """Whether a value was left out: no value, and yet the flag of a wrong one."""
    flag = pl.col(f"{field}{FLAG_SUFFIX}")
    return (pl.col(field).is_null() & (flag == Flag.FAIL).fill_null(False)).alias(_mark(field))


def _mark(field: str) -> str:
    return f"omitted:{field}"


def _held(name: str) -> str:
    return f"held:{name}"
