"""Readings for notebooks: `read` gives pandas, `read_arrow` Arrow. Nothing here needs Dagster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, date, datetime
from typing import Any, TypeAlias

import pandas as pd
import polars as pl
import pyarrow as pa

from labmon_dagster.lookup import EARLIEST, LATEST, check_known, columns_of, existing_store, instant
from labmon_dagster.model import TIME, Window
from labmon_dagster.quality import FLAG_SUFFIX, Flag, nanoseconds
from labmon_dagster.records.spans import run_window
from labmon_dagster.settings import DOCUMENTS, TIMESERIES

When: TypeAlias = str | date | datetime | pd.Timestamp | None
_MILDEST_FIRST = (Flag.MISSING, Flag.NOT_EVALUATED, Flag.PASS, Flag.SUSPECT, Flag.FAIL)


def read(
    measurement: str,
    start: When = None,
    end: When = None,
    tags: Mapping[str, str] | None = None,
    fields: Sequence[str] | None = None,
    resample: str | None = None,
    store: str = TIMESERIES,
    run: str | None = None,
    records: str = DOCUMENTS,
) -> pd.DataFrame:
    """Read a measurement from ``start`` to before ``end``, indexed by time (UTC, ns).

    Times without a zone are UTC; texts may be relative to now: "-2d", "-6h". ``tags`` selects series,
    ``fields`` columns: by default all, with their flags (``<field>_qc``). Tags become categories,
    floats float64, integers int64 (Int64 where values are missing), booleans boolean, texts str and
    flags Int8.

    ``resample`` ("1min", "2h") gives, for each series and each interval that has readings, the mean of
    the numbers and the worst of the flags (fail, suspect, pass, not evaluated, missing). Texts and
    booleans are left out. Values count whatever their flags say: to average good ones only, read
    without it and select by flag first.

    ``run`` reads what was measured during a run instead, from its start to its stop, both included; until
    now where it is still running. ``records`` names the store of documents that has the runs.

    ``store`` names the store to read from: LABMON_<NAME>_URL says where it is.

    Raises ValueError for a measurement, tag, field or run that is not there, naming those that are, and for
    times together with a run; StoreError for a store that is away.
    """
    window = _window(start, end, run, records)
    rows, known_tags = _rows(measurement, window, tags, fields, store)
    if resample is not None:
        rows = _resampled(rows, known_tags, nanoseconds(resample))
    return _pandas(rows, known_tags)


def read_arrow(
    measurement: str,
    start: When = None,
    end: When = None,
    tags: Mapping[str, str] | None = None,
    fields: Sequence[str] | None = None,
    store: str = TIMESERIES,
    run: str | None = None,
    records: str = DOCUMENTS,
) -> pa.Table:
    """Read a measurement as `read` does, as an Arrow table: ``time`` (timestamp[ns, UTC]), tags, fields."""
    rows, _ = _rows(measurement, _window(start, end, run, records), tags, fields, store)
    return rows.to_arrow(compat_level=pl.CompatLevel.oldest())


def _window(start: When, end: When, run: str | None, records: str) -> Window:
    if run is None:
        return Window(_instant(start, EARLIEST), _instant(end, LATEST))
    if start is not None or end is not None:
        raise ValueError(f"run={run!r} says from when to when: give neither start nor end with it")
    return run_window(run, records)


def _rows(
    measurement: str,
    window: Window,
    tags: Mapping[str, str] | None,
    fields: Sequence[str] | None,
    store: str,
) -> tuple[pl.DataFrame, list[str]]:
    """Fetch time, tags and fields; give also which are the tags."""
    with closing(existing_store(store)) as source:
        known_tags, known_fields = columns_of(source, measurement)
        check_known("tag", tags or {}, known_tags)
        check_known("field", fields or (), known_fields)
        rows = source.fetch(measurement, window, tags or {})
    names = sorted(known_fields) if fields is None else list(fields)
    return rows.select(TIME, *sorted(known_tags), *names), sorted(known_tags)


def _instant(when: When, otherwise: int) -> int:
    if when is None:
        return otherwise
    if isinstance(when, str):
        return instant(when)
    stamp = pd.Timestamp(when)
    if not isinstance(stamp, pd.Timestamp):
        raise ValueError(f"{when!r} is no time")
    aware = stamp.tz_localize(UTC) if stamp.tzinfo is None else stamp
    return int(aware.as_unit("ns").value)


def _resampled(rows: pl.DataFrame, tags: list[str], interval: int) -> pl.DataFrame:
    begins = (pl.col(TIME).cast(pl.Int64) // interval * interval).cast(pl.Datetime("ns", "UTC"))
    values = [name for name in rows.columns if name not in {TIME, *tags}]
    flags = [name for name in values if name.endswith(FLAG_SUFFIX) and rows.schema[name] == pl.Int8]
    numbers = [name for name in values if rows.schema[name].is_numeric() and name not in flags]
    rank = {flag.value: n for n, flag in enumerate(_MILDEST_FIRST)}
    worst = [
        pl.col(flag).sort_by(pl.col(flag).replace_strict(rank, default=None, return_dtype=pl.Int8)).last()
        for flag in flags
    ]
    means = [pl.col(name).mean() for name in numbers]
    kept = [name for name in values if name in {*numbers, *flags}]
    grouped = rows.group_by(begins.alias(TIME), *tags).agg(*means, *worst)
    return grouped.sort(TIME, *tags).select(TIME, *tags, *kept)


def _pandas(rows: pl.DataFrame, tags: Sequence[str]) -> pd.DataFrame:
    index = pd.DatetimeIndex(rows[TIME].cast(pl.Datetime("ns")).to_numpy(), name=TIME).tz_localize("UTC")
    columns: dict[str, Any] = {name: pd.Categorical(rows[name].to_list()) for name in sorted(tags)}
    columns |= {name: _column(rows[name]) for name in rows.columns if name not in {TIME, *tags}}
    return pd.DataFrame(columns, index=index)


def _column(values: pl.Series) -> Any:
    missing = values.is_null().to_numpy()
    if values.dtype == pl.String:
        return pd.array(values.to_list(), dtype="str")
    if values.dtype == pl.Boolean:
        return pd.arrays.BooleanArray(values.fill_null(False).to_numpy().copy(), missing.copy())
    if values.dtype.is_integer() and (missing.any() or values.name.endswith(FLAG_SUFFIX)):
        return pd.arrays.IntegerArray(values.fill_null(0).to_numpy().copy(), missing.copy())
    return values.to_numpy()
