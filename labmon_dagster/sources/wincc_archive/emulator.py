"""A simulated WinCC OA condition archive in SQLite, of the CMS MTD test facility, that grows as the real one.

What it writes follows from its seed and the time alone, so a second run, or one that goes on after a
crash, writes the same rows. It shares no code with the reader.
"""

from __future__ import annotations

import errno
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from labmon_dagster.sources.wincc_archive.simulation import (
    REASSIGNED,
    SECOND,
    Channel,
    Numbers,
    Whole,
    chance,
    channels,
    delay,
    generations,
    ids,
)

Flags: TypeAlias = npt.NDArray[np.bool_]
Row: TypeAlias = tuple[int | str | float | None, ...]

_HOUR = 3600 * SECOND
_CHUNK = 6 * _HOUR  # of one transaction
_PATIENCE = 10.0  # seconds that somebody else may hold the file
_OTHER_SHARE = 0.01  # of the looks at a channel find another element changed
_SCHEMA = """
CREATE TABLE MTRSCHANNEL (
    DPID INTEGER, CHANGE_DATE TEXT, ACTUAL_VALUE REAL, SETTINGS_OFFSET REAL, STATUS INTEGER);
CREATE TABLE TKPLCREADSENSOR (
    DPID INTEGER, CHANGE_DATE TEXT, VALUE_CONVERTED REAL, VALUE_RAW INTEGER, STATUS INTEGER);
CREATE INDEX MTRSCHANNEL_DATE ON MTRSCHANNEL (CHANGE_DATE);
CREATE INDEX MTRSCHANNEL_DPID ON MTRSCHANNEL (DPID, CHANGE_DATE);
CREATE INDEX TKPLCREADSENSOR_DATE ON TKPLCREADSENSOR (CHANGE_DATE);
CREATE INDEX TKPLCREADSENSOR_DPID ON TKPLCREADSENSOR (DPID, CHANGE_DATE);
CREATE TABLE DP_NAME2ID (ID INTEGER, DPNAME TEXT);
CREATE TABLE ALIASES (SINCE TEXT, DPE_NAME TEXT, ALIAS TEXT);
CREATE TABLE SIMULATION_LATE (
    DUE INTEGER, TYPE TEXT, DPID INTEGER, CHANGE_DATE TEXT, VALUE REAL, OTHER REAL, STATUS INTEGER);
CREATE INDEX SIMULATION_LATE_DUE ON SIMULATION_LATE (DUE);
CREATE TABLE SIMULATION (WRITTEN_UNTIL INTEGER)"""
_INSERT = {
    "MTRSCHANNEL": "INSERT INTO MTRSCHANNEL VALUES (?, ?, ?, ?, ?)",
    "TKPLCREADSENSOR": "INSERT INTO TKPLCREADSENSOR VALUES (?, ?, ?, ?, ?)",
}


@dataclass(frozen=True)
class SimulatedArchive:
    """The archive in the file ``path``. All times are seconds since 1970.

    The channels of the boards are looked at every ``interval`` seconds, and archived when they have
    changed. The first start writes ``history_hours`` of rows.
    Raises ValueError for an ``interval`` below 0.1.
    """

    path: Path
    seed: int = 0
    interval: float = 5.0
    history_hours: float = 48.0

    def __post_init__(self) -> None:
        if self.interval < 0.1:
            raise ValueError(f"interval is {self.interval} s: it must be at least 0.1 s")

    def catch_up(self, now: float) -> int:
        """Write the rows due up to ``now`` that are not there yet, and give their number.

        Where there is no archive it is made. Raises OSError, also for what SQLite says.
        """
        with self._opened() as db:
            return self._catch_up(db, now)

    def run(self, stop: threading.Event) -> None:
        """Write what is due about every second until ``stop`` is set; raises as `catch_up` does.

        A file that somebody else has locked is tried again.
        """
        with self._opened() as db:
            while not stop.is_set():
                try:
                    self._catch_up(db, time.time())
                except sqlite3.OperationalError as error:
                    if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                        raise
                stop.wait(1.0)

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with closing(sqlite3.connect(self.path, timeout=_PATIENCE, isolation_level=None)) as db:
                db.execute("PRAGMA journal_mode = WAL")  # readers may read at any time
                db.execute("PRAGMA synchronous = NORMAL")
                yield db
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL:
                raise OSError(errno.ENOSPC, "no room to go on with the archive", str(self.path)) from error
            raise OSError(f"{self.path}: {error}") from error

    def _catch_up(self, db: sqlite3.Connection, now: float) -> int:
        end, written, until = round(now * SECOND), 0, None
        while until is None or until < end:
            with db:
                db.execute("BEGIN IMMEDIATE")
                if not db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'SIMULATION'").fetchone():
                    written += self._begin(db, end - round(self.history_hours * _HOUR))
                (since,) = db.execute("SELECT WRITTEN_UNTIL FROM SIMULATION").fetchone()
                until = max(since, min(since + _CHUNK, end))
                written += sum(self._write(db, channel, since, until) for channel in channels(self.interval))
                written += _release(db, until)
                self._reassign(db, since, until)
                db.execute("UPDATE SIMULATION SET WRITTEN_UNTIL = ?", (until,))
        return written

    def _begin(self, db: sqlite3.Connection, at: int) -> int:
        """Make the tables, and write the last changes of slow channels, which lie before the beginning."""
        for statement in _SCHEMA.split(";"):
            db.execute(statement)
        every = channels(self.interval)
        generation = generations(self.seed, np.array([at]))
        names = [(int(ids(channel.dpid, generation)[0]), channel.name) for channel in every]
        db.executemany("INSERT INTO DP_NAME2ID VALUES (?, ?)", names)
        since = _text(np.array([at]))[0]
        db.executemany(
            "INSERT INTO ALIASES VALUES (?, ?, ?)", [(since, f"{c.name}.", c.alias) for c in every]
        )
        db.execute("INSERT INTO SIMULATION VALUES (?)", (at,))
        slow = [channel for channel in every if channel.slot >= _HOUR]
        return sum(self._write(db, channel, at - 3 * channel.slot, at) for channel in slow)

    def _reassign(self, db: sqlite3.Connection, since: int, until: int) -> None:
        """Tell of the new ID of the datapoint that gets one now and then."""
        before, now = ids(REASSIGNED, generations(self.seed, np.array([since, until]))).tolist()
        if now != before:
            db.execute(
                "INSERT INTO DP_NAME2ID SELECT DISTINCT ?, DPNAME FROM DP_NAME2ID WHERE ID = ?", (now, before)
            )

    def _write(self, db: sqlite3.Connection, channel: Channel, since: int, until: int) -> int:
        """Write what has changed behind ``since`` up to ``until``; rows that come late are laid aside."""
        rows, due = self._rows(channel, since, until)
        in_time = [row for row, at in zip(rows, due, strict=True) if at <= until]
        late = [(at, channel.table, *row) for row, at in zip(rows, due, strict=True) if at > until]
        db.executemany(_INSERT[channel.table], in_time)
        db.executemany("INSERT INTO SIMULATION_LATE VALUES (?, ?, ?, ?, ?, ?, ?)", late)
        return len(in_time)

    def _rows(self, channel: Channel, since: int, until: int) -> tuple[list[Row], list[int]]:
        """Give the rows of a channel, and when each is due."""
        look = np.arange(since // channel.slot - 1, until // channel.slot + 1)  # from the look before
        key = (self.seed, channel.dpid)
        at = look * channel.slot + (chance(*key, 0, look) * channel.slot / 3).astype(np.int64)
        later = at + channel.slot // 2  # in the same slot
        if not (_within(at, since, until) | _within(later, since, until)).any():
            return [], []
        noise = channel.noise * (chance(*key, 1, look) + chance(*key, 2, look) - 1)
        steps = np.rint((channel.signal(*key, at / SECOND) + noise) / channel.step)
        values = np.round(steps * channel.step, 6)
        own = ids(channel.dpid, generations(self.seed, at))
        moved, changed, luck = _differs(own), _differs(steps), chance(*key, 3, look)
        kinds: list[tuple[int, Flags, Whole, Whole, Numbers]] = [
            (0, changed | moved, at, own, values),
            (0, moved, at, np.roll(own, 1), values - 3 * channel.step),  # both IDs have a value at once
            (1, luck < _OTHER_SHARE / 2, later, own, np.rint(1000 * luck)),
            (2, luck > 1 - _OTHER_SHARE / 2, later, own, np.rint(1e6 * luck) % 2),
        ]
        rows: list[Row] = []
        due: list[int] = []
        for element, some, stamps, dpids, numbers in kinds:
            some = some & _within(stamps, since, until)
            cells: list[list[float | None]] = [[None] * int(some.sum()) for _ in range(3)]
            cells[element] = numbers[some].tolist()
            rows += zip(dpids[some].tolist(), _text(stamps[some]), *cells, strict=True)
            due += (stamps + delay(*key, look))[some].tolist()
        return rows, due


def _release(db: sqlite3.Connection, until: int) -> int:
    """Write the rows that come late and are due now."""
    written = 0
    for table, insert in _INSERT.items():
        due = db.execute(
            "SELECT DPID, CHANGE_DATE, VALUE, OTHER, STATUS FROM SIMULATION_LATE WHERE DUE <= ? AND TYPE = ?",
            (until, table),
        ).fetchall()
        db.executemany(insert, due)
        written += len(due)
    db.execute("DELETE FROM SIMULATION_LATE WHERE DUE <= ?", (until,))
    return written


def _within(at: Whole, since: int, until: int) -> Flags:
    return (at > since) & (at <= until)


def _differs(some: Numbers | Whole) -> Flags:
    """Tell which differ from the one before."""
    return np.append(False, some[1:] != some[:-1])


def _text(at: Whole) -> list[str]:
    """Write times as SQLite has them."""
    stamps: list[str] = np.datetime_as_string(at.astype("datetime64[us]")).tolist()
    return [stamp.replace("T", " ") for stamp in stamps]
