"""Ledger and quarantine in InfluxDB. Nothing is deleted: a piece that is released is marked so.

A piece lies within its day, at a nanosecond and in one of 256 parts that follow from its id. A series for
each piece would soon be more than a server allows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import fields, replace
from datetime import date
from typing import Any

import polars as pl

from labmon_dagster.model import DAY, TIME
from labmon_dagster.model.window import day_number, day_of
from labmon_dagster.stores.entries import entry_of, row_of
from labmon_dagster.stores.influxdb.notes import Form, Notes
from labmon_dagster.stores.influxdb.words import text
from labmon_dagster.stores.ledger import Counts, LedgerRow, Quarantined

_NEVER = -(2**63) + 2
_COUNTS = [field.name for field in fields(Counts)]
_TIMES = ("first", "last")
_TRUTHS = ("stale", "proven")
_NUMBERS = (*_COUNTS, *_TIMES, "in_store", "tries", "written")
_TEXTS = ("read_until", "covered", "verdict", "trouble", "run", "version")
LEDGER = Form(
    "labmon_ledger",
    ("asset",),
    {
        **dict.fromkeys(_NUMBERS, pl.Int64()),
        **dict.fromkeys(_TRUTHS, pl.Boolean()),
        **dict.fromkeys(_TEXTS, pl.String()),
    },
    long=("read_until", "trouble"),
)
QUARANTINE = Form(
    "labmon_quarantine",
    ("asset", "part"),
    {
        **dict.fromkeys(("id", "kind", "reason", "raw", "place", "context", "identity", "run"), pl.String()),
        "met": pl.Int64(),
        "released": pl.Boolean(),
    },
    long=("reason", "raw", "place", "context", "identity"),
)


class Books:
    """The ledger and quarantine of one database."""

    def __init__(self, notes: Notes) -> None:
        self.notes = notes

    def ledger(self, asset: str) -> dict[date, LedgerRow]:
        """All rows of an asset's ledger, by day."""
        rows = self.notes.read(LEDGER, f"WHERE asset = {text(asset)}")
        return {row.day: row for row in map(_row, rows)}

    def assets(self) -> list[str]:
        """Every asset the ledger knows."""
        (found,) = self.notes.answers.ask(f'SHOW TAG VALUES FROM "{LEDGER.name}" WITH KEY = "asset"')
        return sorted(str(row[1]) for series in found for row in series.rows())

    def enter(self, rows: Iterable[LedgerRow]) -> None:
        """Write ledger rows, each in place of what was there for its asset and day."""
        self.notes.write(LEDGER, map(_entry, rows))

    def quarantine(self, pieces: Iterable[Quarantined]) -> None:
        """Keep pieces; one that is there already keeps the time and run it was first met in."""
        given = {piece.id: piece for piece in pieces}
        if not given:
            return
        assets = {piece.asset for piece in given.values()}
        days = {piece.day for piece in given.values()}
        held = {piece.id: piece for asset in assets for piece in self.quarantined(asset, days)}
        kept = (
            replace(piece, run=held[known].run, met=held[known].met) if known in held else piece
            for known, piece in given.items()
        )
        self.notes.write(QUARANTINE, map(_kept, kept))

    def quarantined(self, asset: str | None = None, days: Iterable[date] | None = None) -> list[Quarantined]:
        """Give the pieces of an asset (or all) filed under some days (or all), by day and time met."""
        wanted = None if days is None else set(days)
        if wanted is not None and not wanted:
            return []
        conditions = ["released = false"]
        if asset is not None:
            conditions.append(f"asset = {text(asset)}")
        if wanted:
            numbers = [day_number(day) for day in wanted]
            conditions.append(f"time >= {min(numbers) * DAY} AND time < {(max(numbers) + 1) * DAY}")
        rows = self.notes.read(QUARANTINE, f"WHERE {' AND '.join(conditions)}")
        pieces = [_piece(row) for row in rows]
        found = [piece for piece in pieces if wanted is None or piece.day in wanted]
        return sorted(found, key=lambda piece: (piece.asset, piece.day, piece.met, piece.place, piece.id))

    def release(self, ids: Iterable[str]) -> None:
        """Remove pieces from quarantine."""
        wanted = set(ids)
        if wanted:
            parts = sorted({_address(known)[0] for known in wanted})
            among = " OR ".join(f"part = '{part}'" for part in parts)
            rows = self.notes.read(QUARANTINE, f"WHERE released = false AND ({among})")
            self.notes.write(QUARANTINE, ({**row, "released": True} for row in rows if row["id"] in wanted))


def _entry(row: LedgerRow) -> dict[str, Any]:
    entry = entry_of(row)
    del entry["day"]
    times = {name: _NEVER if entry[name] is None else entry[name] for name in _TIMES}
    return {**entry, **times, TIME: day_number(row.day) * DAY}


def _row(values: dict[str, Any]) -> LedgerRow:
    day = day_of(values.pop(TIME)).isoformat()
    times = {name: None if values[name] == _NEVER else values[name] for name in _TIMES}
    return row_of({**values, **times, "day": day})


def _kept(piece: Quarantined) -> dict[str, Any]:
    values = {field.name: getattr(piece, field.name) for field in fields(piece)}
    part, moment = _address(piece.id)
    time = day_number(values.pop("day")) * DAY + moment
    return {**values, TIME: time, "part": part, "released": False}


def _address(known_by: str) -> tuple[str, int]:
    """Give the part and the nanosecond of the day that a piece has by its id."""
    digest = hashlib.blake2b(known_by.encode(), digest_size=9).digest()
    return digest[:1].hex(), int.from_bytes(digest[1:]) % DAY


def _piece(values: dict[str, Any]) -> Quarantined:
    told = {name: value for name, value in values.items() if name not in {TIME, "part", "released"}}
    return Quarantined(day=day_of(values[TIME]), **told)
