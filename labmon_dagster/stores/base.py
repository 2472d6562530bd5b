"""What every store of readings must do, whatever database lies behind it."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from datetime import date
from typing import Protocol

import polars as pl

from labmon_dagster.model import FieldType, Measurement, Window
from labmon_dagster.stores.ledger import LedgerRow, Quarantined

READ = "_read"
SERIALS, OWNERS = 0x7FFFFF, 1 << 24
OWNER_SHIFT, VERSION_SHIFT = 23, 47


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

    def close(self) -> None:
        """Give back the connection."""
        ...


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

    def write(self, measurement: Measurement, rows: pl.DataFrame) -> None:
        """Insert or replace rows by identity. New tags and fields are added."""
        ...

    def delete(self, owner: int, window: Window) -> None:
        """Remove the rows an asset wrote, in every measurement."""
        ...

    def count(self, measurement: str, window: Window, bucket: int, owner: int | None = ...) -> dict[int, int]:
        """Rows per ``bucket`` ns: start of the bucket (ns) → number."""
        ...


def owner_of(asset: str) -> int:
    """Give the number of an asset, kept in the rows it wrote (24 bits)."""
    return zlib.crc32(asset.encode()) % OWNERS


def owned_by(owner: int) -> pl.Expr:
    """Whether a row of a frame was written by the asset of that number."""
    return pl.col(READ) // (1 << OWNER_SHIFT) % OWNERS == owner


def read_token(asset: str, version: str, serial: int) -> int:
    """One number for a read: the code version (16 bits), its asset (24), which read it was (23)."""
    return (
        (zlib.crc32(version.encode()) & 0xFFFF) << VERSION_SHIFT
        | owner_of(asset) << OWNER_SHIFT
        | serial & SERIALS
    )


def adopted(token: int) -> int:
    """Give the token for rows met again under the version of ``token`` but stored by an earlier read."""
    return token & ~SERIALS
