"""Do the values fit the types a store already has for their columns? Those that do not go to quarantine."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from labmon_dagster.model import FieldType
from labmon_dagster.stores.base import WHY

_DTYPES = {
    FieldType.FLOAT: pl.Float64,
    FieldType.INTEGER: pl.Int64,
    FieldType.BOOLEAN: pl.Boolean,
    FieldType.TEXT: pl.String,
}


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
        about = pl.lit(f" in field {name} is {kind}, but the store holds {wanted}")
        text = pl.concat_str(pl.col(name).cast(pl.String), about)
        why = pl.when(why.is_null() & pl.col(name).is_not_null() & ~fits).then(text).otherwise(why)
        casts.append(cast)
    judged = rows.with_columns(why.alias(WHY))
    misfits = judged.filter(pl.col(WHY).is_not_null())
    return judged.filter(pl.col(WHY).is_null()).drop(WHY).with_columns(casts) if casts else rows, misfits


def _conversion(name: str, kind: FieldType, wanted: FieldType) -> tuple[pl.Expr, pl.Expr]:
    """Whether a value of one type is exactly one of another, and the conversion."""
    dtype = _DTYPES[wanted]
    value, numbers = pl.col(name), {FieldType.INTEGER, FieldType.FLOAT}
    if {kind, wanted} == numbers:
        there = value.cast(dtype, strict=False)
        back = there.cast(_DTYPES[kind], strict=False)
        return (back == value).fill_null(False), there
    return pl.lit(False), pl.lit(None, dtype=dtype).alias(name)
