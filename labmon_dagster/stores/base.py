"""What every store of readings must do, whatever database lies behind it."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from typing import Protocol, runtime_checkable

import polars as pl

from labmon_dagster.model import FieldType, Measurement, Window
from labmon_dagster.stores.ledger import LedgerRow, Quarantined

READ, WHY = "_read", "_why"
SERIALS, ADOPTED, OWNERS = 0x3FFFFF, 1 << 22, 1 << 24
OWNER_SHIFT, VERSION_SHIFT = 23, 47
OWNER_MASK = (OWNERS - 1) << OWNER_SHIFT


@dataclass(frozen=True, slots=True)
class Refusal:
    """Rows of a measurement that the database would not have, and what it said."""

    measurement: str
    rows: pl.DataFrame
    reason: str


class StoreError(Exception):
    """A store cannot do what was asked; the text says why and what is allowed."""


class Store(Protocol):
    """What every store has beside its data: a ledger, a quarantine, and writing that is acknowledged."""

    def transaction(self) -> AbstractContextManager[None]:
        """Make what is written inside visible together, or not at all, where the database can do that."""
        ...

    def ledger(self, asset: str) -> dict[date, LedgerRow]:
        """All rows of an asset's ledger."""
        ...

    def assets(self) -> list[str]:
        """Every asset the ledger knows."""
        ...

    def enter(self, rows: Iterable[LedgerRow]) -> None:
        """Write rows of the ledger, once all data written before are acknowledged."""
        ...

    def quarantine(self, pieces: Iterable[Quarantined]) -> None:
        """Keep pieces; one that is there already keeps its first ``met`` and ``run``."""
        ...

    def quarantined(self, asset: str | None = ..., days: Iterable[date] | None = ...) -> list[Quarantined]:
        """Give the pieces kept, oldest first."""
        ...

    def release(self, ids: Iterable[str]) -> None:
        """Remove pieces from quarantine."""
        ...

    def delete(self, owner: int, window: Window) -> None:
        """Remove what an asset wrote, in every measurement or collection."""
        ...

    def count(self, name: str, /, window: Window, bucket: int, owner: int | None = ...) -> dict[int, int]:
        """Readings or documents per ``bucket`` ns: start of the bucket (ns) → number.

        ``name``: of the measurement or collection. ``owner``: of that asset's, or of all.
        """
        ...

    def close(self) -> None:
        """Give back the connection."""
        ...


@runtime_checkable
class ReadingStore(Store, Protocol):
    """A store of readings.

    Frames have the columns of `Measurement.schema` (``time`` as Datetime ns UTC), the flags
    ``<field>_qc`` (Int8) and ``_read`` (Int64, which read wrote the row).
    """

    def measurements(self) -> list[str]:
        """Names of all measurements."""
        ...

    def columns(self, measurement: str) -> tuple[tuple[str, ...], dict[str, FieldType]]:
        """Tags and fields (flags included) of a measurement; empty if it does not exist."""
        ...

    def fetch(self, measurement: str, window: Window, tags: Mapping[str, str] = ...) -> pl.DataFrame:
        """Give the rows of a window, by time, then tags."""
        ...

    def admit(self, measurement: Measurement, rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Give the rows as the store can keep them, and those it cannot keep with the reason in ``_why``."""
        ...

    def write(self, measurement: Measurement, rows: pl.DataFrame, held: pl.DataFrame | None = ...) -> None:
        """Insert or replace rows by identity. New tags and fields are added.

        ``held``: what `fetch` gave of the same series around them, if it is known. The rows may still be
        under way when this returns; every other method sees them, and `settle` waits for them.
        """
        ...

    def settle(self) -> list[Refusal]:
        """Wait until everything written is safe; give the rows the database refused since the last time."""
        ...

    def begin(self, asset: str, token: int) -> None:
        """A read of the asset begins: make good what a killed one left half done.

        No other read of the asset may be under way. `enter` ends the read.
        """
        ...

    def count_received(self, window: Window, owner: int, day: int) -> int:
        """Count an asset's rows, of all measurements, with the ``_order`` ``day`` and a time in a window.

        Assets whose rows are filed under the day of receipt keep it in ``_order`` (days since 1970).
        """
        ...

    def delete_received(self, owner: int, window: Window, day: int) -> None:
        """Remove the rows that `count_received` counts."""
        ...

    def kept_since(self, now: int) -> int | None:
        """Earliest time (ns) the store still keeps; None where it keeps everything."""
        ...

    def count_series(
        self, measurement: str, window: Window, bucket: int, tags: Sequence[str], owner: int | None = ...
    ) -> pl.DataFrame:
        """Rows per ``bucket`` ns and series: ``time`` (its start, Datetime ns UTC), ``tags``, ``rows``.

        Sorted by time, then tags; buckets and series without rows do not appear. ``tags`` the measurement
        does not have are ''; tags not asked for are summed over. ``owner``: of that asset's rows, or of all.
        """
        ...


def owner_of(asset: str) -> int:
    """Give the number of an asset, kept in the rows it wrote (24 bits)."""
    return zlib.crc32(asset.encode()) % OWNERS


def owner_in(token: int) -> int:
    """Give the number of the asset whose read has this token."""
    return token >> OWNER_SHIFT & (OWNERS - 1)


def owned_by(owner: int) -> pl.Expr:
    """Whether a row of a frame was written by the asset of that number."""
    return pl.col(READ) // (1 << OWNER_SHIFT) % OWNERS == owner


def read_token(asset: str, version: str, serial: int) -> int:
    """One number for a read: the code version (16 bits, never 0), its asset (24), which read it was (22).

    One bit more is for rows that the read only adopted. A row that no read of labmon wrote has 0.
    """
    return (
        (zlib.crc32(version.encode()) & 0xFFFF or 1) << VERSION_SHIFT
        | owner_of(asset) << OWNER_SHIFT
        | serial & SERIALS
    )


def adopted(token: int) -> int:
    """Give the token for rows met again under the version of ``token`` but stored by an earlier read."""
    return token | ADOPTED
