"""A source beside a store: counts per day and series, and, where these say too little, the exact times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from labmon_dagster.model import TIME, Readings, Window
from labmon_dagster.stores.base import ReadingStore

IN_SOURCE, IN_STORE, ROWS, CUT = "in_source", "in_store", "rows", "cut"
UNITS: Mapping[str, int] = {"us": 1_000, "ms": 1_000_000}
_UTC_NS = pl.Datetime("ns", "UTC")


def compared(in_source: pl.DataFrame, in_store: pl.DataFrame, tags: Sequence[str]) -> pl.DataFrame:
    """Put counts (time, tags, ``rows``) beside each other: time, tags, ``in_source``, ``in_store``.

    Sorted by time, then tags. What one side does not name it has 0 of. Rows without a time are left out:
    no store has such.
    """
    sides = [_summed(in_source, tags, IN_SOURCE), _summed(in_store, tags, IN_STORE)]
    both = sides[0].join(sides[1], on=[TIME, *tags], how="full", coalesce=True)
    return both.with_columns(pl.col(IN_SOURCE, IN_STORE).fill_null(0)).sort(TIME, *tags)


def times_compared(in_source: pl.DataFrame, in_store: pl.DataFrame, tags: Sequence[str]) -> pl.DataFrame:
    """Put times (time, tags) beside each other: time, tags, whether ``in_source``, ``in_store``; ``cut``.

    ``cut`` is us or ms where the source alone has the time, and the store alone has it cut to that; else ''.
    """
    key = [TIME, *tags]
    sides = [
        side.select(key).unique().with_columns(pl.lit(True).alias(name))
        for side, name in ((in_source, IN_SOURCE), (in_store, IN_STORE))
    ]
    both = sides[0].join(sides[1], on=key, how="full", coalesce=True)
    both = both.with_columns(pl.col(IN_SOURCE, IN_STORE).fill_null(False), pl.lit("").alias(CUT))
    alone = both.filter(~pl.col(IN_SOURCE)).select(key)
    if not alone.is_empty():
        for unit, ns in UNITS.items():
            both = _marked(both, alone, tags, unit, ns)
    return both.sort(key)


def source_times(readings: Readings, tags: Sequence[str]) -> tuple[pl.DataFrame, int]:
    """Give the times (time, tags) at which there is a value, and how many pieces cannot be readings."""
    parts, refused = [_nothing(tags)], 0
    for batch in readings.batches:
        values = pl.col([field.name for field in batch.measurement.fields])
        rows = pl.DataFrame(batch.rows).with_columns(pl.col(pl.Float64).fill_nan(None))
        there = rows.filter(pl.any_horizontal(values.is_not_null()))
        parts.append(_named(there, tags))
        refused += len(batch.rejects)
    return pl.concat(parts).unique(), refused


def store_times(store: ReadingStore, measurement: str, window: Window, tags: Sequence[str]) -> pl.DataFrame:
    """Give the times (time, tags) of the points a store has in a window, whoever wrote them."""
    return _named(store.fetch(measurement, window), tags)


def _summed(counts: pl.DataFrame, tags: Sequence[str], name: str) -> pl.DataFrame:
    typed = counts.with_columns(pl.col(TIME).cast(_UTC_NS), pl.col(tags).cast(pl.String))
    there = typed.filter(pl.col(TIME).is_not_null())
    return there.group_by(TIME, *tags).agg(pl.col(ROWS).sum().cast(pl.Int64).alias(name))


def _marked(both: pl.DataFrame, alone: pl.DataFrame, tags: Sequence[str], unit: str, ns: int) -> pl.DataFrame:
    """Mark the times of the source that, cut to a unit, are among those the store ``alone`` has."""
    uncut = pl.col(TIME).cast(pl.Int64)
    short = (uncut // ns * ns).cast(_UTC_NS)
    twins = alone.with_columns(pl.lit(True).alias("_twin")).rename({TIME: "_short"})
    found = both.with_columns(short.alias("_short")).join(twins, on=["_short", *tags], how="left")
    differs = (pl.col(CUT) == "") & ~pl.col(IN_STORE) & pl.col("_twin").fill_null(False)
    return found.with_columns(pl.when(differs).then(pl.lit(unit)).otherwise(CUT).alias(CUT)).drop(
        "_short", "_twin"
    )


def _named(rows: pl.DataFrame, tags: Sequence[str]) -> pl.DataFrame:
    absent = [pl.lit("").alias(tag) for tag in tags if tag not in rows.columns]
    return rows.with_columns(absent).select(pl.col(TIME).cast(_UTC_NS), *tags)


def _nothing(tags: Sequence[str]) -> pl.DataFrame:
    return pl.DataFrame(schema={TIME: _UTC_NS, **dict.fromkeys(tags, pl.String)})
