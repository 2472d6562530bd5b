"""Which reads wrote something and never came to their end.

A server whose disk is full may show points that it refused, and lose them when it is restarted. So points
of a read that was not acknowledged as a whole are not trusted: they are shown as written under other
settings, and the next read that meets them writes them again.

Each read takes the place of one that ended, so that there are as many notes as reads in doubt, and one.
"""

from __future__ import annotations

import polars as pl

from labmon_dagster.model import TIME
from labmon_dagster.stores.base import READ, VERSION_SHIFT, adopted
from labmon_dagster.stores.influxdb.notes import Form, Notes
from labmon_dagster.stores.influxdb.words import text

_READS = Form("labmon_reads", ("asset",), {"token": pl.String(), "ended": pl.Boolean()})
_OTHER_VERSION = 0xFFFF << VERSION_SHIFT


class Reads:
    """The reads of one database. `begin` is called by each, `wrote` before its first point, `end` at last."""

    def __init__(self, notes: Notes) -> None:
        self.notes = notes
        self._begun: dict[str, object] | None = None
        self._noted = False
        self._doubtful: list[int] = []

    def begin(self, asset: str, token: int) -> None:
        """Note which read this is, and find those of the asset that did not end."""
        own = str(token)
        rows = self.notes.read(_READS, f"WHERE asset = {text(asset)}")
        others = [int(row["token"]) for row in rows if not row["ended"] and row["token"] != own]
        self._doubtful = sorted({*others, *map(adopted, others)})
        place = next((row[TIME] for row in rows if row["ended"] or row["token"] == own), len(rows))
        self._begun = {TIME: place, "asset": asset, "token": own}
        self._noted = False

    def wrote(self) -> None:
        """Note that the read that has begun is about to write."""
        if self._begun is not None and not self._noted:
            self.notes.write(_READS, [{**self._begun, "ended": False}])
            self._noted = True

    def end(self) -> None:
        """Note that all the read has written so far is acknowledged. It may go on."""
        if self._begun is not None and self._noted:
            self.notes.write(_READS, [{**self._begun, "ended": True}])
        self._noted = False

    def distrusted(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Give the rows, those of reads that did not end as if they were of another version."""
        if not self._doubtful:
            return rows
        other = (pl.col(READ).cast(pl.UInt64) ^ _OTHER_VERSION).cast(pl.Int64)
        return rows.with_columns(
            pl.when(pl.col(READ).is_in(self._doubtful)).then(other).otherwise(READ).alias(READ)
        )
