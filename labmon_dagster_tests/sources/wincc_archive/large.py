"""A large archive: late rows, NULLs, double IDs and collisions, the same for one seed.

Values are multiples of 1/8, so that sums are exact in whatever order they are made.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from labmon_dagster.model.window import DAY
from labmon_dagster_tests.sources.wincc_archive.archives import START, Archive, small

_CHUNK = 200_000
_EVERY = 1000  # one row in so many is there twice, with other values
_SECOND_ID = 999


@dataclass(frozen=True)
class Large:
    """``rows`` rows (and a few more, in dispute) of the 22 datapoints over ``days`` days from `START`."""

    archive: Archive
    rows: int
    days: int = 30
    seed: int = 1

    def fill(self, first: int = 0, last: int | None = None) -> None:
        """Write rows ``first`` to before ``last``, but for those that come late."""
        self._write(first, self.rows if last is None else last, late=False)

    def fill_late(self, first: int = 0, last: int | None = None) -> None:
        """Write the late ones among these rows."""
        self._write(first, self.rows if last is None else last, late=True)

    def _write(self, first: int, last: int, *, late: bool) -> None:
        with closing(sqlite3.connect(self.archive.path)) as db:
            db.execute("PRAGMA synchronous=OFF")
            for begin in range(first, last, _CHUNK):
                frame = self.frame(begin, min(begin + _CHUNK, last))
                frame = frame.filter(pl.col("late") == late)
                for table, part in (("MTRSCHANNEL", "mtrs"), ("TKPLCREADSENSOR", "plc")):
                    rows = frame.filter(pl.col("table") == part).select("id", "at", "value")
                    with db:
                        db.executemany(f"INSERT INTO {table} VALUES (?, ?, ?)", rows.iter_rows())

    def frame(self, first: int, last: int) -> pl.DataFrame:
        """Rows as they are to stand in the archive: table, id, at (text), value, late."""
        n = np.arange(first, last)
        chance = np.random.default_rng([self.seed, first]).random((3, len(n)))
        channel = n % 22
        ids = np.where(channel < 12, 101 + channel, 189 + channel)
        ids = np.where((channel == 0) & (n > self.rows // 2), _SECOND_ID, ids)
        micros = n * (self.days * DAY // 1000 // self.rows) + (chance[0] * 50).astype(np.int64)
        frame = pl.DataFrame(
            {
                "table": np.where(channel < 12, "mtrs", "plc"),
                "id": ids,
                "at": START // 1000 + micros,
                "value": np.round(chance[1] * 8000) / 8 - 500,
                "null": chance[1] < 0.03,
                "late": chance[2] < 0.002,
            }
        )
        again = frame.gather_every(_EVERY)
        rival = again.with_columns(
            pl.col("value") + 0.5, id=pl.when(pl.col("id") == _SECOND_ID).then(101).otherwise("id")
        )
        text = pl.col("at").cast(pl.Datetime("us")).dt.to_string("%Y-%m-%d %H:%M:%S%.6f")
        value = pl.when(~pl.col("null")).then("value")
        return pl.concat([frame, rival, again.gather_every(3)]).with_columns(text, value.alias("value"))


def large(path: Path, rows: int, days: int = 30, seed: int = 1) -> Large:
    """An archive that is still empty."""
    archive = small(path).name((_SECOND_ID, "cms_mtdtf_dcs_1:MTRS/MTD_TIF_18/Chip_0/Channel_0"))
    return Large(archive, rows, days, seed)
