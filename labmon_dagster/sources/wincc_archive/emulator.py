"""A simulated WinCC OA condition archive in SQLite, of the CMS MTD test facility, that grows as the real one.

What it writes follows from its seed and the time alone, so a second run, or one that goes on after a
crash, writes the same rows. It shares no code with the reader.
"""

from __future__ import annotations

import errno
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

Numbers: TypeAlias = npt.NDArray[np.float64]
Whole: TypeAlias = npt.NDArray[np.int64]
Flags: TypeAlias = npt.NDArray[np.bool_]
Signal: TypeAlias = Callable[[int, int, Numbers], Numbers]
Row: TypeAlias = tuple[int | str | float | None, ...]

_SECOND = 1_000_000  # times are microseconds since 1970
_HOUR, _DAY = 3600 * _SECOND, 86_400 * _SECOND
_CHUNK = 6 * _HOUR  # of one transaction
_PATIENCE = 10.0  # seconds that somebody else may hold the file
_OTHER_SHARE = 0.01  # of the looks at a channel find another element changed
_LATE_SHARE, _VERY_LATE_SHARE = 0.03, 0.0001
_REASSIGNED, _REASSIGNED_ID, _REASSIGNED_AFTER = 11_813, 30_000, 5 * _DAY
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


class _Channel(NamedTuple):
    """A datapoint; ``slot`` is the time between two looks at it, ``step`` the resolution."""

    table: str
    dpid: int
    name: str
    alias: str
    slot: int
    step: float
    noise: float
    signal: Signal


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

        Where there is no archive it is made. Raises OSError, also for a full disk, and sqlite3.Error.
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
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_FULL:
                raise
            raise OSError(errno.ENOSPC, "no room to go on with the archive", str(self.path)) from error

    def _catch_up(self, db: sqlite3.Connection, now: float) -> int:
        end, written, until = round(now * _SECOND), 0, None
        while until is None or until < end:
            with db:
                db.execute("BEGIN IMMEDIATE")
                if not db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'SIMULATION'").fetchone():
                    written += self._begin(db, end - round(self.history_hours * _HOUR))
                (since,) = db.execute("SELECT WRITTEN_UNTIL FROM SIMULATION").fetchone()
                until = max(since, min(since + _CHUNK, end))
                written += sum(self._write(db, channel, since, until) for channel in _channels(self.interval))
                written += _release(db, until)
                self._reassign(db, since, until)
                db.execute("UPDATE SIMULATION SET WRITTEN_UNTIL = ?", (until,))
        return written

    def _begin(self, db: sqlite3.Connection, at: int) -> int:
        """Make the tables, and write the last changes of slow channels, which lie before the beginning."""
        for statement in _SCHEMA.split(";"):
            db.execute(statement)
        channels = _channels(self.interval)
        generation = _generations(self.seed, np.array([at]))
        names = [(int(_ids(channel.dpid, generation)[0]), channel.name) for channel in channels]
        db.executemany("INSERT INTO DP_NAME2ID VALUES (?, ?)", names)
        since = _text(np.array([at]))[0]
        db.executemany(
            "INSERT INTO ALIASES VALUES (?, ?, ?)", [(since, f"{c.name}.", c.alias) for c in channels]
        )
        db.execute("INSERT INTO SIMULATION VALUES (?)", (at,))
        slow = [channel for channel in channels if channel.slot >= _HOUR]
        return sum(self._write(db, channel, at - 3 * channel.slot, at) for channel in slow)

    def _reassign(self, db: sqlite3.Connection, since: int, until: int) -> None:
        """Tell of the new ID of the datapoint that gets one now and then."""
        before, now = _ids(_REASSIGNED, _generations(self.seed, np.array([since, until]))).tolist()
        if now != before:
            db.execute(
                "INSERT INTO DP_NAME2ID SELECT DISTINCT ?, DPNAME FROM DP_NAME2ID WHERE ID = ?", (now, before)
            )

    def _write(self, db: sqlite3.Connection, channel: _Channel, since: int, until: int) -> int:
        """Write what has changed behind ``since`` up to ``until``; rows that come late are laid aside."""
        rows, due = self._rows(channel, since, until)
        in_time = [row for row, at in zip(rows, due, strict=True) if at <= until]
        late = [(at, channel.table, *row) for row, at in zip(rows, due, strict=True) if at > until]
        db.executemany(_INSERT[channel.table], in_time)
        db.executemany("INSERT INTO SIMULATION_LATE VALUES (?, ?, ?, ?, ?, ?, ?)", late)
        return len(in_time)

    def _rows(self, channel: _Channel, since: int, until: int) -> tuple[list[Row], list[int]]:
        """Give the rows of a channel, and when each is due."""
        look = np.arange(since // channel.slot - 1, until // channel.slot + 1)  # from the look before
        key = (self.seed, channel.dpid)
        at = look * channel.slot + (_chance(*key, 0, look) * channel.slot / 3).astype(np.int64)
        later = at + channel.slot // 2  # in the same slot
        if not (_within(at, since, until) | _within(later, since, until)).any():
            return [], []
        noise = channel.noise * (_chance(*key, 1, look) + _chance(*key, 2, look) - 1)
        steps = np.rint((channel.signal(*key, at / _SECOND) + noise) / channel.step)
        values = np.round(steps * channel.step, 6)
        ids = _ids(channel.dpid, _generations(self.seed, at))
        moved, changed, luck = _differs(ids), _differs(steps), _chance(*key, 3, look)
        kinds: list[tuple[int, Flags, Whole, Whole, Numbers]] = [
            (0, changed | moved, at, ids, values),
            (0, moved, at, np.roll(ids, 1), values - 3 * channel.step),  # both IDs have a value at once
            (1, luck < _OTHER_SHARE / 2, later, ids, np.rint(1000 * luck)),
            (2, luck > 1 - _OTHER_SHARE / 2, later, ids, np.rint(1e6 * luck) % 2),
        ]
        rows: list[Row] = []
        due: list[int] = []
        for element, some, stamps, dpids, numbers in kinds:
            some = some & _within(stamps, since, until)
            cells: list[list[float | None]] = [[None] * int(some.sum()) for _ in range(3)]
            cells[element] = numbers[some].tolist()
            rows += zip(dpids[some].tolist(), _text(stamps[some]), *cells, strict=True)
            due += (stamps + _delay(*key, look))[some].tolist()
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


@lru_cache
def _channels(interval: float) -> tuple[_Channel, ...]:
    """Give the boards' channels, and those of the PLC."""
    found = []
    for board, chips, pause in ((18, 2, interval), (33, 3, 15 * interval), (34, 3, 15 * interval)):
        for chip, channel in product(range(chips), range(6)):
            name = f"cms_mtdtf_dcs_1:MTRS/MTD_TIF_{board}/Chip_{chip}/Channel_{channel}"
            alias = f"MTD_TIF_{board}_chip{chip}_ch{channel}"
            dpid, slot = 10_000 + board * 100 + chip * 10 + channel, round(pause * _SECOND)
            signal: Signal = _humidity if channel == 5 else _tray
            found.append(_Channel("MTRSCHANNEL", dpid, name, alias, slot, 0.1, 0.03, signal))
    for (module, channel), (seconds, signal) in _PLC.items():
        name = f"cms_mtdtf_dcs_1:TK_PLCS/MTD/crate01/module{module:02d}/channel_read_{channel:02d}"
        alias, dpid = f"MTD_PLC_m{module}_ch{channel}", 20_000 + module * 100 + channel
        found.append(_Channel("TKPLCREADSENSOR", dpid, name, alias, seconds * _SECOND, 0.01, 0.1, signal))
    return tuple(found)


def _tray(seed: int, dpid: int, at: Numbers) -> Numbers:
    """Temperature on a tray of the detector, which is cooled down and warmed up again every eight hours."""
    chip = dpid // 10
    phase = _chance(seed, chip, 4) + 0.1 * _chance(seed, dpid, 4)
    share = (at / 28_800 + phase) % 1
    cold = _ramp((share - 0.3) / 0.1) - _ramp((share - 0.8) / 0.15)
    warm, coldest = 19 + 4 * _chance(seed, dpid, 5), -35 + 5 * _chance(seed, dpid, 6)
    return warm + (coldest - warm) * cold + _smooth(seed, dpid, at, 1200) - 0.5


def _humidity(seed: int, dpid: int, at: Numbers) -> Numbers:
    """Relative humidity of the dry air about the trays, with the day's course of the hall."""
    day = np.cos(2 * np.pi * (at / 86_400 + 0.1 * _chance(seed, dpid, 4)))
    return 14 + 5 * day + 6 * (_smooth(seed, dpid, at, 10_800) - 0.5)


def _room(seed: int, dpid: int, at: Numbers) -> Numbers:
    """Temperature of the hall."""
    day = np.cos(2 * np.pi * (at / 86_400 - 0.6))
    return 21 + 1.5 * day + 2 * _smooth(seed, dpid, at, 7200)


def _coolant(seed: int, dpid: int, at: Numbers) -> Numbers:
    """Temperature of the coolant, which the plant's regulation lets swing a little."""
    return (
        -25 + 4 * _chance(seed, dpid, 4) + 2 * _smooth(seed, dpid, at, 900) + _smooth(seed, dpid, at, 14_400)
    )


def _broken(seed: int, dpid: int, at: Numbers) -> Numbers:
    """A sensor whose wire is loose at times: it then reads anything up to the end of the scale."""
    loose = _chance(seed, dpid, 4, (at // 900).astype(np.int64)) < 0.06
    wild = 76 + 773 * _chance(seed, dpid, 5, (at // 20).astype(np.int64))
    return np.where(loose, wild, _room(seed, dpid, at))


_FAST, _SLOW, _SILENT = 45, 3 * 3600, 28 * 86_400  # seconds between looks
_PLC: dict[tuple[int, int], tuple[int, Signal]] = {
    (1, 1): (_FAST, _coolant),
    (1, 2): (_FAST, _coolant),
    (2, 1): (_FAST, _room),
    (2, 2): (_FAST, _room),
    (2, 3): (_FAST, _broken),
    (2, 4): (_SLOW, _room),
    (3, 1): (_FAST, _coolant),
    (3, 2): (_SLOW, _room),
    (3, 3): (_SLOW, _room),
    (3, 4): (_SILENT, _room),
}


def _ids(dpid: int, generations: Whole) -> Whole:
    """Give the ID of a datapoint in each of the generations: only one gets new ones."""
    return generations + _REASSIGNED_ID if dpid == _REASSIGNED else np.full_like(generations, dpid)


def _generations(seed: int, at: Whole) -> Whole:
    return (at + (_chance(seed, 7) * _REASSIGNED_AFTER).astype(np.int64)) // _REASSIGNED_AFTER


def _delay(seed: int, dpid: int, look: Whole) -> Whole:
    """Give how late the rows are written: most in time, some by minutes, few by an hour to three days."""
    luck, length = _chance(seed, dpid, 8, look), _chance(seed, dpid, 9, look)
    seconds = np.where(luck < _VERY_LATE_SHARE, 3600 * 72**length, 60 + 840 * length)
    return np.where(luck < _LATE_SHARE, seconds * _SECOND, 0).astype(np.int64)


def _within(at: Whole, since: int, until: int) -> Flags:
    return (at > since) & (at <= until)


def _differs(some: Numbers | Whole) -> Flags:
    """Tell which differ from the one before."""
    return np.append(False, some[1:] != some[:-1])


def _ramp(share: Numbers) -> Numbers:
    """Rise smoothly from 0 to 1."""
    share = np.clip(share, 0, 1)
    return share * share * (3 - 2 * share)


def _smooth(seed: int, dpid: int, at: Numbers, period: int) -> Numbers:
    """Give noise from 0 to 1 that changes over ``period`` seconds."""
    knot = (at // period).astype(np.int64)
    left, right = (_chance(seed, dpid, period, knot + n) for n in (0, 1))
    return left + (right - left) * _ramp(at / period - knot)


def _chance(*keys: int | Whole) -> Numbers:
    """Give numbers from 0 to 1 that follow from the keys alone (SplitMix64)."""
    mixed = np.zeros(1, np.uint64)
    for key in keys:
        mixed = (mixed ^ np.asarray(key).astype(np.uint64)) + np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed ^= mixed >> np.uint64(31)
    return mixed / 2.0**64


def _text(at: Whole) -> list[str]:
    """Write times as SQLite has them."""
    stamps: list[str] = np.datetime_as_string(at.astype("datetime64[us]")).tolist()
    return [stamp.replace("T", " ") for stamp in stamps]
