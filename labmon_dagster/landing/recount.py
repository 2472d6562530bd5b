"""Days counted on both sides: those where the source has more readings than the store are opened again.

An archive may deliver rows days after their time. No position shows that; a count does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import polars as pl

from labmon_dagster.landing.close import NOT_KEPT
from labmon_dagster.landing.compare import compared
from labmon_dagster.model import DAY, NOWHERE, TIME, TimedSource, Window
from labmon_dagster.model.window import day_number, day_of
from labmon_dagster.stores.base import ReadingStore, owner_of
from labmon_dagster.stores.ledger import LedgerRow


@dataclass(frozen=True, slots=True)
class Recount:
    """What counting found.

    ``differing``: time (day), tags, in_source, in_store. ``reopened``: days to be read again → how many
    readings each lacks.
    """

    in_source: int
    in_store: int
    differing: pl.DataFrame
    reopened: Mapping[date, int]


def recount(
    store: ReadingStore, source: TimedSource, asset: str, measurement: str, days: Sequence[date], now: int
) -> Recount:
    """Count ``days`` (in a row) per series on both sides, and open those again where the store lacks any.

    Readings that wait in quarantine as unreadable or unfit are not lacking.
    """
    window = Window.of_days(days[0], days[-1])
    in_source = source.count_series(window)
    tags = [name for name in in_source.columns if name not in {TIME, "rows"}]
    in_store = store.count_series(measurement, window, DAY, tags, owner_of(asset))
    both = compared(in_source, in_store, tags)
    differing = both.filter(pl.col("in_source") != pl.col("in_store"))
    reopened = _reopened(store, asset, differing, store.kept_since(now))
    store.enter(reopened.values())
    lacking = {day: _lack(differing, day) for day in reopened}
    return Recount(int(both["in_source"].sum()), int(both["in_store"].sum()), differing, lacking)


def _reopened(
    store: ReadingStore, asset: str, differing: pl.DataFrame, kept_since: int | None
) -> dict[date, LedgerRow]:
    """Give the ledger rows of days that were read and yet lack readings: they are read from the beginning."""
    lacking = differing.filter(pl.col("in_source") > pl.col("in_store"))
    days = [day_of(time) for time in lacking[TIME].cast(pl.Int64).unique().sort()]
    waiting = Counter(p.day for p in store.quarantined(asset, days) if p.kind != "collided") if days else {}
    ledger = store.ledger(asset)
    found: dict[date, LedgerRow] = {}
    for day in days:
        row, lack = ledger.get(day), _lack(lacking, day)
        kept = kept_since is None or day_number(day) * DAY >= kept_since
        if (
            row is None
            or not row.was_read
            or row.verdict == NOT_KEPT
            or not kept
            or lack <= waiting.get(day, 0)
        ):
            continue
        said = f"the source has {lack} readings more than the store"
        found[day] = replace(row.seen(), read_until=NOWHERE, trouble=said)
    return found


def _lack(differing: pl.DataFrame, day: date) -> int:
    here = differing.filter(pl.col(TIME).cast(pl.Int64) == day_number(day) * DAY)
    return int((here["in_source"] - here["in_store"]).clip(0).sum())
