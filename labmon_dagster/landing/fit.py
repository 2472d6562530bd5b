"""Do the values fit the types a store already has for their columns? Those that do not go to quarantine."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from labmon_dagster.model import FieldType

_EXACT = 2**53
WHY = "_why"


def fit(
    rows: pl.DataFrame, fields: Mapping[str, FieldType], stored: Mapping[str, FieldType]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows with each field in the type the store has for it, and the rows where a value does not fit.

    An integer fits a float column while a float can hold it exactly, a whole number fits an integer
    column. The misfits have a column ``_why``.
    """
    why = pl.lit(None, dtype=pl.String)
    casts: list[pl.Expr] = []
    for name, kind in fields.items():
        wanted = stored.get(name, kind)
        if wanted is kind:
            continue
        fits, cast = _conversion(name, kind, wanted)
        text = pl.format("{} in field " + name + f" is {kind}, but the store holds {wanted}", pl.col(name).cast(pl.String))
        why = pl.when(why.is_null() & pl.col(name).is_not_null() & ~fits).then(text).otherwise(why)
        casts.append(cast)
    if not casts:
        return rows, rows.clear().with_columns(why.alias(WHY))
    judged = rows.with_columns(why.alias(WHY))
    return judged.filter(pl.col(WHY).is_null()).drop(WHY).with_columns(casts), judged.filter(pl.col(WHY).is_not_null())


def _conversion(name: str, kind: FieldType, wanted: FieldType) -> tuple[pl.Expr, pl.Expr]:
    """Whether a value of one type is exactly one of another, and the conversion."""
    value = pl.col(name)
    if (kind, wanted) == (FieldType.INTEGER, FieldType.FLOAT):
        return value.abs() <= _EXACT, value.cast(pl.Float64)
    if (kind, wanted) == (FieldType.FLOAT, FieldType.INTEGER):
        return (value == value.round()) & (value.abs() <= _EXACT), value.cast(pl.Int64, strict=False)
    null = pl.lit(None, dtype={FieldType.TEXT: pl.String, FieldType.BOOLEAN: pl.Boolean}.get(wanted, pl.Float64))
    if wanted is FieldType.INTEGER:
        null = null.cast(pl.Int64)
    return pl.lit(False), null.alias(name)
