"""Small condition archives in SQLite for tests, and the specification that reads them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TypeAlias

from labmon_dagster.model import NOWHERE, Batch, Field, Position, Request, Window
from labmon_dagster.model.window import DAY, day_number
from labmon_dagster.sources.wincc_archive.reader import ArchiveReadings
from labmon_dagster.sources.wincc_archive.spec import ArchiveSpec, Table, TagRule
from labmon_dagster.sources.wincc_archive.sqlite import SqliteArchive

SCHEMA = "CMS_MTDTF_DCS_PVSS_COND"
FIRST = date(2025, 6, 1)
START = day_number(FIRST) * DAY
NOON = datetime(2025, 6, 1, 12)
MTRS_NAME = "cms_mtdtf_dcs_1:MTRS/MTD_TIF_18/Chip_{}/Channel_{}"
PLC_NAME = "cms_mtdtf_dcs_1:TK_PLCS/MTD/crate01/module{:02d}/channel_read_{:02d}"
MTRS = Table(
    "MTRSCHANNEL",
    "ACTUAL_VALUE",
    (MTRS_NAME.format("[01]", "[0-5]"),),
    (TagRule(r".*/Chip_(?P<chip>\d+)/Channel_(?P<channel>\d+)", {"source": "mtrs"}),),
)
PLC = Table(
    "TKPLCREADSENSOR",
    "VALUE_CONVERTED",
    (
        "cms_mtdtf_dcs_1:TK_PLCS/MTD/crate01/module01/channel_read_0[12]",
        "cms_mtdtf_dcs_1:TK_PLCS/MTD/crate01/module0[23]/channel_read_0[1-4]",
    ),
    (TagRule(r".*/module(?P<module>\d+)/channel_read_(?P<channel>\d+)", {"source": "plc"}),),
)
SPEC = ArchiveSpec(SCHEMA, "cms_mtdtf_dcs", Field("value"), (MTRS, PLC), START)

Row: TypeAlias = tuple[int, datetime | str, object]


def text(at: datetime | str) -> str:
    """A time as the archive writes it."""
    return at if isinstance(at, str) else f"{at:%Y-%m-%d %H:%M:%S.%f}"


def after(seconds: float) -> datetime:
    """A time on the first day, counted from its noon."""
    return NOON + timedelta(seconds=seconds)


class Archive:
    """An archive file that tests write to."""

    def __init__(self, path: Path, *, order: str = "") -> None:
        self.path = path
        extra = f", {order} INTEGER" if order else ""
        with closing(sqlite3.connect(path)) as db:
            db.executescript(
                f"""PRAGMA journal_mode=WAL;
                PRAGMA synchronous=OFF;
                CREATE TABLE DP_NAME2ID (ID INTEGER, DPNAME TEXT);
                CREATE TABLE MTRSCHANNEL (DPID INTEGER, CHANGE_DATE TEXT, ACTUAL_VALUE NUMBER{extra});
                CREATE TABLE TKPLCREADSENSOR (DPID INTEGER, CHANGE_DATE TEXT, VALUE_CONVERTED NUMBER{extra});
                CREATE INDEX MTRS_TIME ON MTRSCHANNEL (CHANGE_DATE);
                CREATE INDEX PLC_TIME ON TKPLCREADSENSOR (CHANGE_DATE);"""
            )

    def name(self, *names: tuple[int, str]) -> Archive:
        """Give IDs names."""
        self._insert("DP_NAME2ID", names)
        return self

    def mtrs(self, *rows: tuple[object, ...]) -> Archive:
        """Add rows: DPID, CHANGE_DATE, value (and order key)."""
        self._insert("MTRSCHANNEL", ((row[0], text(row[1]), *row[2:]) for row in rows))  # type: ignore[arg-type]
        return self

    def plc(self, *rows: tuple[object, ...]) -> Archive:
        """Add rows: DPID, CHANGE_DATE, value (and order key)."""
        self._insert("TKPLCREADSENSOR", ((row[0], text(row[1]), *row[2:]) for row in rows))  # type: ignore[arg-type]
        return self

    def _insert(self, table: str, rows: Iterable[tuple[object, ...]]) -> None:
        listed = list(rows)
        marks = ",".join("?" * len(listed[0]))
        with closing(sqlite3.connect(self.path, timeout=60)) as db, db:
            db.execute("PRAGMA synchronous=OFF")
            db.executemany(f"INSERT INTO {table} VALUES ({marks})", listed)

    def sql(self, query: str) -> list[tuple[object, ...]]:
        """Ask the file in plain SQL."""
        with closing(sqlite3.connect(self.path)) as db:
            return db.execute(query).fetchall()

    def source(self, spec: ArchiveSpec = SPEC, size: int = 1000) -> ArchiveReadings:
        """The reader of this archive."""
        return source_at(self.path, spec, size)


def source_at(path: Path, spec: ArchiveSpec = SPEC, size: int = 1000) -> ArchiveReadings:
    """The reader of an archive file; its clock stands 40 days after `START`."""
    return ArchiveReadings(SqliteArchive(path, SCHEMA), spec, size, clock=lambda: START + 40 * DAY)


def small(path: Path, *, order: str = "") -> Archive:
    """An archive with the 22 datapoints (MTRS 101 to 112, PLC 201 to 210), and no rows."""
    chips = [MTRS_NAME.format(chip, channel) for chip in range(2) for channel in range(6)]
    modules = [PLC_NAME.format(m, c) for m, count in ((1, 2), (2, 4), (3, 4)) for c in range(1, count + 1)]
    return Archive(path, order=order).name(*enumerate(chips, 101), *enumerate(modules, 201))


def request(
    first: int = 0,
    last: int = 0,
    since: Position = NOWHERE,
    known: Position | None = None,
    now: int = START + 40 * DAY,
) -> Request:
    """Ask for days, counted from the first."""
    window = Window(START + first * DAY, START + (last + 1) * DAY)
    return Request(window, since, since if known is None else known, now)


def read(source: ArchiveReadings, asked: Request | None = None) -> list[Batch]:
    """Everything a source gives."""
    return list(source.read(asked or request()).batches)
