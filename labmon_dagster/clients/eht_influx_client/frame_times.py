"""The times of a DataFrame's rows: which column or index they are in, in which unit, exactly as ns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from labmon_dagster.clients.eht_influx_client.instants import PLAUSIBLE, time_ns, unit_of, wrong_unit
from labmon_dagster.clients.eht_influx_client.options import Options
from labmon_dagster.model.window import UNITS

if TYPE_CHECKING:
    import pandas as pd

TIMESTAMP = "timestamp"
Times: TypeAlias = np.ndarray[tuple[int], np.dtype[np.int64]]


def time_column(table: pd.DataFrame, names: Sequence[str], options: Options) -> str | None:
    """Name the column of the times; None: the index has them.

    Raises ValueError, which names the columns, where there is none.
    """
    wanted = options.time_column or (TIMESTAMP if TIMESTAMP in names else None)
    if wanted in names:
        return wanted
    if wanted is None and _is_time_index(table.index):
        return None
    columns = ", ".join(map(repr, names)) or "none"
    missing = f"no column {wanted!r}" if wanted else "no times"
    raise ValueError(
        f"the DataFrame has {missing}; its columns: {columns}. Name the column with "
        f"data_frame_timestamp_column, call it {TIMESTAMP!r}, or give the DataFrame a DatetimeIndex"
    )


def times_of(table: pd.DataFrame, column: str | None, options: Options) -> Times:
    """Give the time of every row in ns since 1970.

    Whole numbers count in ``options.precision``, and lie in the years 2000 to 2100: others are refused as of
    another unit. Datetimes without a zone are in ``options.timezone``, or UTC. Raises ValueError that names
    the row, the value, and the unit it looks like.
    """
    values = table.index if column is None else table[column]
    what = "the index" if column is None else f"column {column!r}"
    missing = values.isna()
    if missing.any():
        raise ValueError(f"row {int(np.argmax(missing))} of the DataFrame has no time in {what}")
    try:
        return _times(values, options)
    except (ValueError, TypeError, OverflowError) as error:
        raise ValueError(f"the DataFrame, {what}: {error}") from error


def _is_time_index(index: Any) -> bool:
    return type(index).__name__ in {"DatetimeIndex", "PeriodIndex"}


def _times(values: Any, options: Options) -> Times:
    import pandas as pd

    kind = values.dtype
    if pd.api.types.is_integer_dtype(kind):
        return _numbers(values.to_numpy(), options.precision)
    if isinstance(kind, pd.PeriodDtype):
        values = pd.PeriodIndex(values).to_timestamp()
    elif pd.api.types.is_float_dtype(kind):
        raise ValueError(_about_floats(float(values.iloc[0])))
    elif not pd.api.types.is_datetime64_any_dtype(kind):
        if not options.timezone:
            return np.array([time_ns(one, options.precision) for one in values.tolist()], dtype=np.int64)
        values = pd.to_datetime(values)
    index = pd.DatetimeIndex(values)
    if options.timezone:
        index = index.tz_localize(options.timezone)
    return np.asarray(index.as_unit("ns"), dtype="datetime64[ns]").astype(np.int64)


def _numbers(values: Any, precision: str) -> Times:
    unit = UNITS[precision]
    low, high = (bound // unit for bound in PLAUSIBLE)
    wrong = (values < low) | (values >= high)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ValueError(f"row {row}: {wrong_unit(int(values[row]), unit_of(int(values[row])), precision)}")
    return np.asarray(values, dtype=np.int64) * unit


def _about_floats(first: float) -> str:
    seems = unit_of(int(first)) or "s"
    return (
        f"{first!r} is a float, which cannot hold ns; make datetimes of them, "
        f"as in pd.to_datetime(…, unit={seems!r}), or whole numbers"
    )
