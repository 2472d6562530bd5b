"""Flags of rows that are new, and of those beside them that have got or lost a neighbour."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from labmon_dagster.landing.judge import within
from labmon_dagster.landing.recipe import Recipe
from labmon_dagster.model import TIME, Window

_NEW = "_new"


def flagged(
    recipe: Recipe, writes: pl.DataFrame, held: pl.DataFrame, tags: Sequence[str], span: Window
) -> pl.DataFrame:
    """Give the rows to write with their flags, and those of ``held`` whose flags are no longer right.

    ``span`` holds all rows that have come or gone; ``held`` reaches twice as far around it as one row
    can change the flags of another. Flags that the recipe does not give become null.
    """
    flags = recipe.flags
    others = [name for name, kind in held.schema.items() if kind == pl.Int8 and name not in flags]
    writes = writes.with_columns(pl.lit(None, dtype=pl.Int8).alias(name) for name in others)
    if not recipe.reach or held.is_empty():
        return recipe.flag(writes, tags)
    rest = held.join(writes, on=[TIME, *tags], how="anti", maintain_order="left")
    new = pl.lit(True).alias(_NEW)
    both = pl.concat([rest.with_columns(~new), writes.with_columns(new)], how="diagonal_relaxed")
    both = both.with_columns(
        pl.lit(None, dtype=pl.Int8).alias(flag) for flag in flags if flag not in both.columns
    )
    old = [pl.col(flag).alias(f"old:{flag}") for flag in flags]
    after = recipe.flag(both.with_columns(old), tags)
    changed = pl.any_horizontal(pl.lit(False), *(pl.col(f).ne_missing(pl.col(f"old:{f}")) for f in flags))
    wanted = pl.col(_NEW) | (within(span.widened(recipe.reach)) & changed)
    return after.filter(wanted).drop(_NEW, *(f"old:{flag}" for flag in flags))
