"""CHANGE_DATE as it comes: Arrow timestamps of any unit from Oracle, ISO text from SQLite; always UTC."""

from __future__ import annotations

import polars as pl
import pyarrow as pa

_UTC_NS = pl.Datetime("ns", "UTC")
_FORM = r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,9})?$"


def instants(column: pl.Series) -> pl.Series:
    """Give times as Datetime ns UTC; null where a text is no time."""
    if column.dtype == pl.String:
        column = _understood(column)
    if not isinstance(column.dtype, pl.Datetime):
        return pl.Series(column.name, [None] * len(column), dtype=_UTC_NS)
    naive = column if column.dtype.time_zone is None else column.dt.convert_time_zone("UTC")
    return naive.dt.replace_time_zone(None).cast(pl.Datetime("ns")).dt.replace_time_zone("UTC")


def nanoseconds(column: pl.Series) -> list[int | None]:
    """Give times as ns since 1970."""
    return instants(column).cast(pl.Int64).to_list()


def _understood(texts: pl.Series) -> pl.Series:
    """Read texts of the one form that sorts as time does; each for itself, slower, where one is no time."""
    formed = texts.set(~texts.str.contains(_FORM).fill_null(False), None)
    try:
        return pl.Series(texts.name, formed.to_arrow().cast(pa.timestamp("ns")))
    except pa.ArrowInvalid:
        return formed.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="ns", strict=False)
