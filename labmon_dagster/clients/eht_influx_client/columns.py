"""Many rows of a DataFrame at once: columns as the stores' encoder takes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa

from labmon_dagster.clients.eht_influx_client.body import Body
from labmon_dagster.clients.eht_influx_client.frame_times import Times
from labmon_dagster.clients.eht_influx_client.shape import Shape
from labmon_dagster.clients.eht_influx_client.values import named
from labmon_dagster.model import TIME
from labmon_dagster.stores import StoreError
from labmon_dagster.stores.influxdb.lines import Encoder

if TYPE_CHECKING:
    import pandas as pd

_LARGEST = 2**63 - 1


def add_columns(body: Body, table: pd.DataFrame, times: Times, shape: Shape) -> bool:
    """Add all rows at once. False, and nothing added, where a column mixes types, or its tags are no texts.

    Raises ValueError for a name or value that cannot be kept.
    """
    columns = {name: _series(table[name]) for name in (*shape.tags, *shape.fields)}
    found = {name: series for name, series in columns.items() if series is not None}
    if len(found) < len(columns) or not all(_could_be_tag(found[name]) for name in shape.tags):
        return False
    for name in columns:
        named(name)
    fields = {name: _kept(name, found[name]) for name in shape.fields}
    tags = {name: found[name].cast(pl.String()).fill_null("") for name in shape.tags}
    rows = pl.DataFrame({TIME: pl.Series(times), **tags, **fields})
    rows = rows.with_columns(pl.lit(text).alias(named(name)) for name, text in shape.default.items())
    valued = rows.filter(~pl.all_horizontal(pl.col(list(fields)).is_null()))
    body.skipped += rows.height - valued.height
    _encode(body, valued, shape)
    return True


def _encode(body: Body, rows: pl.DataFrame, shape: Shape) -> None:
    try:
        lines = Encoder().encode(shape.measurement, [*shape.tags, *shape.default], rows)
    except StoreError as error:
        raise ValueError(f"the DataFrame: {error}") from error
    body.add_lines(bytes(lines.body), len(lines))


def _series(values: pd.Series) -> pl.Series | None:
    """Give a column with one plain type; None for any other."""
    from pandas.api.types import infer_dtype

    if values.dtype == object and infer_dtype(values, skipna=True) not in {"string", "empty"}:
        return None
    try:
        array = pa.array(values, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
        return None
    if pa.types.is_dictionary(array.type):
        array = array.cast(array.type.value_type)
    series = pl.Series(values=array)
    plain = series.dtype.is_integer() or series.dtype.is_float() or series.dtype in {pl.Boolean, pl.String}
    return series if plain else None


def _could_be_tag(series: pl.Series) -> bool:
    return series.dtype == pl.String or series.dtype.is_integer()


def _kept(name: str, series: pl.Series) -> pl.Series:
    """Give a field whose values databases keep: NaN is null. Raises ValueError for any that they do not."""
    if series.dtype == pl.UInt64:
        _refuse(name, series, (series > _LARGEST).fill_null(False), f"does not fit; allowed: to {_LARGEST}")
    if not series.dtype.is_float():
        return series
    numbers = series.cast(pl.Float64())
    _refuse(name, numbers, numbers.is_infinite().fill_null(False), "is no number that a database can keep")
    return numbers.fill_nan(None)


def _refuse(name: str, series: pl.Series, wrong: pl.Series, why: str) -> None:
    if wrong.any():
        row = wrong.arg_max() or 0
        raise ValueError(f"row {row} of the DataFrame: field {name}: {series[row]!r} {why}")
