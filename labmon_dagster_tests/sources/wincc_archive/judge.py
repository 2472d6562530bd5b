"""An independent judge: what an SQLite store should hold of an archive, in plain SQL over both files."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

# Of the rows of one datapoint and time that of the larger DPID counts, then that of the larger value.
_WANTED = """
CREATE TEMP TABLE WANTED AS
WITH ROWS_OF_ALL AS (
    SELECT n.DPNAME AS NAME, r.DPID, r.CHANGE_DATE AS AT, r.ACTUAL_VALUE AS VALUE
    FROM ARCHIVE.MTRSCHANNEL r JOIN ARCHIVE.DP_NAME2ID n ON n.ID = r.DPID
    WHERE n.DPNAME GLOB 'cms_mtdtf_dcs_1:MTRS/MTD_TIF_18/Chip_[01]/Channel_[0-5]'
    UNION ALL
    SELECT n.DPNAME, r.DPID, r.CHANGE_DATE, r.VALUE_CONVERTED
    FROM ARCHIVE.TKPLCREADSENSOR r JOIN ARCHIVE.DP_NAME2ID n ON n.ID = r.DPID
    WHERE n.DPNAME GLOB 'cms_mtdtf_dcs_1:TK_PLCS/MTD/crate01/module0[1-3]/channel_read_0[1-4]'
)
SELECT NAME, CAST(strftime('%s', substr(AT, 1, 19)) AS INTEGER) * 1000000000
    + CAST(substr(AT, 21, 6) AS INTEGER) * 1000 AS TIME, VALUE
FROM (SELECT *, row_number() OVER (PARTITION BY NAME, AT ORDER BY DPID DESC, VALUE DESC) AS PLACE
      FROM ROWS_OF_ALL WHERE VALUE IS NOT NULL)
WHERE PLACE = 1
"""
_STORED = """
CREATE TEMP TABLE STORED AS
SELECT CASE source
    WHEN 'mtrs' THEN printf('cms_mtdtf_dcs_1:MTRS/MTD_TIF_18/Chip_%s/Channel_%s', chip, channel)
    WHEN 'plc' THEN 'cms_mtdtf_dcs_1:TK_PLCS/MTD/crate01/'
        || printf('module%02d/channel_read_%02d', module, channel)
    END AS NAME, time AS TIME, value AS VALUE
FROM STORE.cms_mtdtf_dcs
"""


class Verdict(NamedTuple):
    """Count and sum on both sides, and the readings (name, time, value) that only one side has."""

    wanted: int
    stored: int
    sum_wanted: float
    sum_stored: float
    missing: int
    invented: int

    @property
    def right(self) -> bool:
        """Whether both sides are the same."""
        same = self.wanted == self.stored and self.sum_wanted == self.sum_stored
        return same and not self.missing and not self.invented


def judged(archive: Path, store: Path) -> Verdict:
    """Compare an archive with a store."""
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute("ATTACH DATABASE ? AS ARCHIVE", (str(archive),))
        db.execute("ATTACH DATABASE ? AS STORE", (str(store),))
        db.execute(_WANTED)
        db.execute(_STORED)
        wanted, stored = (_one(db, f"SELECT count(*) FROM {name}") for name in ("WANTED", "STORED"))
        sums = [_one(db, f"SELECT total(VALUE) FROM {name}") for name in ("WANTED", "STORED")]
        missing = _one(db, "SELECT count(*) FROM (SELECT * FROM WANTED EXCEPT SELECT * FROM STORED)")
        invented = _one(db, "SELECT count(*) FROM (SELECT * FROM STORED EXCEPT SELECT * FROM WANTED)")
    return Verdict(int(wanted), int(stored), *sums, int(missing), int(invented))


def _one(db: sqlite3.Connection, query: str) -> float:
    (found,) = db.execute(query).fetchone()
    assert isinstance(found, int | float)
    return found
