"""Counting points by bucket and series, one question each."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from labmon_dagster.model import TIME
from labmon_dagster.stores.base import OWNER_MASK, OWNER_SHIFT, READ
from labmon_dagster.stores.influxdb.answers import Answers
from labmon_dagster.stores.influxdb.words import listed, quoted

ROWS = "rows"


def counted(
    data: Answers, measurement: str, where: str, bucket: int, tags: Sequence[str], owner: int | None
) -> pl.DataFrame:
    """Give the number of points per bucket of ``bucket`` ns and series, of one owner or of all.

    Points that others than labmon wrote have no ``_read``: what counts is the field that most of a series'
    points have.
    """
    what, series, owned = "*", "*", ""
    if owner is not None:
        what, series = quoted(READ), listed(tags)
        owned = f" AND {what} & {OWNER_MASK} = {owner << OWNER_SHIFT}"
    by = ", ".join(filter(None, [f"time({bucket}ns)", series]))
    query = f"SELECT count({what}) FROM {quoted(measurement)} {where}{owned} GROUP BY {by} fill(none)"
    (found,) = data.ask(query)
    rows = [
        (start, *(one.tags.get(tag, "") for tag in tags), max(number or 0 for number in counts))
        for one in found
        for start, *counts in one.rows()
    ]
    schema = {TIME: pl.Int64(), **dict.fromkeys(tags, pl.String()), ROWS: pl.Int64()}
    each = pl.DataFrame(rows, schema=schema, orient="row").filter(pl.col(ROWS) > 0)
    summed = each.group_by(TIME, *tags).agg(pl.col(ROWS).sum()).sort(TIME, *tags)
    return summed.with_columns(pl.col(TIME).cast(pl.Datetime("ns", "UTC")))
