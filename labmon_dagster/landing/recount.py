"""Days counted on both sides: those of which the store lacks readings are opened again.

An archive may deliver rows days after their time. No position shows that; a count does.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import polars as pl

from labmon_dagster.landing.close import NOT_KEPT, newest_position
from labmon_dagster.landing.compare import IN_SOURCE, IN_STORE, compared, source_times, store_times
from labmon_dagster.lookup import instant
from labmon_dagster.model import DAY, NOWHERE, TIME, Readings, Request, TimedSource, Window
from labmon_dagster.model.window import day_of
from labmon_dagster.stores.base import ReadingStore, owner_of
from labmon_dagster.stores.ledger import LedgerRow, Quarantined


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
    """Count ``days`` (in a row) per series on both sides, and open those again of which the store lacks any.

    Where the counts differ the exact times decide: what cannot be a reading, and what the database has
    refused, is counted by the source and yet not lacking.
    """
    window = _kept(Window.of_days(days[0], days[-1]), store.kept_since(now))
    tags = [*source.tags, *(tag for tag in store.columns(measurement)[0] if tag not in source.tags)]
    absent = [pl.lit("").alias(tag) for tag in tags if tag not in source.tags]
    in_source = source.count_series(window).with_columns(absent)
    in_store = store.count_series(measurement, window, DAY, tags, owner_of(asset))
    both = compared(in_source, in_store, tags)
    differing = both.filter(pl.col(IN_SOURCE) != pl.col(IN_STORE))
    more = differing.filter(pl.col(IN_SOURCE) > pl.col(IN_STORE))[TIME].cast(pl.Int64).unique().sort()
    ledger = store.ledger(asset)
    rows, known = _to_be_judged(ledger, [day_of(time) for time in more]), newest_position(ledger.values())
    asked = {day: Request(Window.of_days(day, day), NOWHERE, known, now) for day in rows}
    lacking = {
        day: _lacking(store, source.read(one), asset, measurement, day, tags) for day, one in asked.items()
    }
    found = {day: number for day, number in lacking.items() if number}
    store.enter(_opened(rows[day], number) for day, number in found.items())
    return Recount(int(both[IN_SOURCE].sum()), int(both[IN_STORE].sum()), differing, found)


def _kept(window: Window, kept_since: int | None) -> Window:
    """Give the whole days of a window that the store keeps."""
    if kept_since is None:
        return window
    return Window(min(max(window.start, -(-kept_since // DAY) * DAY), window.end), window.end)


def _to_be_judged(ledger: Mapping[date, LedgerRow], days: Sequence[date]) -> dict[date, LedgerRow]:
    """Give the ledger rows of those days that were read."""
    found = {day: ledger[day] for day in days if day in ledger}
    return {day: row for day, row in found.items() if row.was_read and row.verdict != NOT_KEPT}


def _lacking(
    store: ReadingStore, readings: Readings, asset: str, measurement: str, day: date, tags: Sequence[str]
) -> int:
    """Count the readings of a day that neither the store nor quarantine has."""
    here, _ = source_times(readings, tags)
    there = store_times(store, measurement, Window.of_days(day, day), tags)
    refused = _identities(store.quarantined(asset, [day]), tags)
    key = [TIME, *tags]
    return here.join(there, on=key, how="anti").join(refused, on=key, how="anti").height


def _identities(pieces: Sequence[Quarantined], tags: Sequence[str]) -> pl.DataFrame:
    """Give time and tags of the readings that the database has refused."""
    known = [json.loads(piece.identity) for piece in pieces if piece.kind == "unfit" and piece.identity]
    rows = [(instant(one[TIME]), *(one.get(tag, "") for tag in tags)) for one in known]
    schema = {TIME: pl.Int64(), **dict.fromkeys(tags, pl.String())}
    return pl.DataFrame(rows, schema=schema, orient="row").cast({TIME: pl.Datetime("ns", "UTC")})


def _opened(row: LedgerRow, lacking: int) -> LedgerRow:
    said = f"the source has {lacking} readings that the store lacks"
    return replace(row.seen(), read_until=NOWHERE, trouble=said)
