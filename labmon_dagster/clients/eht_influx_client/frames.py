"""DataFrames as line protocol: few rows one by one, many by columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from labmon_dagster.clients.eht_influx_client.body import Body
from labmon_dagster.clients.eht_influx_client.columns import add_columns
from labmon_dagster.clients.eht_influx_client.frame_times import Times, time_column, times_of
from labmon_dagster.clients.eht_influx_client.options import Options
from labmon_dagster.clients.eht_influx_client.shape import Shape
from labmon_dagster.clients.eht_influx_client.values import fields_text, measured, series_text
from labmon_dagster.station_log.forked import polars_works

if TYPE_CHECKING:
    import pandas as pd

_FEW = 100


def add_frame(body: Body, frame: Any, options: Options) -> None:
    """Add the rows of a pandas (or polars) DataFrame: tags are the tag columns, the rest are fields.

    Raises TypeError without a name for the measurement, ValueError that names the columns for a tag column or
    time that is not there, and for a name, time or value that cannot be kept.
    """
    if options.measurement is None:
        raise TypeError("a DataFrame needs data_frame_measurement_name")
    is_pandas = hasattr(frame, "iloc")
    table: pd.DataFrame = frame if is_pandas else frame.to_pandas(use_pyarrow_extension_array=True)
    names = [str(name) for name in table.columns]
    column = time_column(table, names, options)
    shape = _shape(names, column, options)
    if names != list(table.columns):
        table = table.set_axis(names, axis=1)
    if table.empty:
        return
    times = times_of(table, column, options)
    if len(times) <= _FEW or not polars_works() or not add_columns(body, table, times, shape):
        _add_rows(body, table, times, shape)


def _shape(names: Sequence[str], column: str | None, options: Options) -> Shape:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"the DataFrame has columns of the same name: {_listed(twice)}")
    lacking = [name for name in options.tag_columns if name not in names]
    if lacking:
        raise ValueError(f"data_frame_tag_columns: no column {_listed(lacking)}; there are: {_listed(names)}")
    fields = [name for name in names if name not in {*options.tag_columns, column}]
    if not fields:
        raise ValueError(f"no column of the DataFrame is left to be a field; there are: {_listed(names)}")
    default = {name: text for name, text in options.tags.items() if name not in names}
    tags = [name for name in options.tag_columns if name != column]
    return Shape(measured(options.measurement), tags, fields, default)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names)) or "none"


def _add_rows(body: Body, table: pd.DataFrame, times: Times, shape: Shape) -> None:
    tags = {name: table[name].tolist() for name in shape.tags}
    fields = {name: table[name].tolist() for name in shape.fields}
    for number, time in enumerate(times.tolist()):
        own = {**shape.default, **{name: values[number] for name, values in tags.items()}}
        try:
            told = fields_text(((name, values[number]) for name, values in fields.items()), own, {})
            body.add(series_text(shape.measurement, own), told, time)
        except ValueError as error:
            raise ValueError(f"row {number} of the DataFrame: {error}") from error
