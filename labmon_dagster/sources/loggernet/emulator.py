"""An emulated PC that runs LoggerNet: it writes the table PARCal_2019 of station 46m as TOA5.

What it writes follows from its seed and the time alone, so a second run, or one that goes on after a
crash, writes the same rows. It shares no code with the reader.
"""

from __future__ import annotations

import hashlib
import math
import os
import re
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Literal, NamedTuple

# In the sample file of this station 2021-06-25 10:50:05 -05:00 is RECORD 260623, five seconds apart.
_RECORD_ZERO = 1_624_636_205 - 260_623 * 5
_RECORD_WRAP = 2**32
_LATITUDE, _LONGITUDE = math.radians(45.56), math.radians(-84.71)
_NAN_SHARE = 0.002
_CLOCK_STEP = 12  # rows that a clock set back writes again
_TAIL = 64 * 1024  # bytes; more than the rows that a fault writes
_ROW = re.compile(rb'^"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)",(\d+)[,\r]')


class Fault(StrEnum):
    """What goes wrong with logger tables in the field."""

    TEXT = "text in a number column"
    SHORT = "short row"
    LONG = "long row"
    NULS = "block of NUL bytes"
    YEAR_2099 = "stamp of the year 2099"
    TORN = "torn last line"
    CLOCK_BACK = "clock set back"
    NEW_PROGRAM = "new program"


class _Last(NamedTuple):
    at: int  # s since 1970
    record: int


@dataclass(frozen=True)
class TowerPC:
    """The PC of one tower. All times are seconds since 1970.

    ``interval`` is in whole seconds; ``zone_hours`` is the logger's fixed offset from UTC. ``mode`` is
    LoggerNet's: append to the file, put it aside as .bak, .bak1, … at every collection, or overwrite it
    with the newest ``keep_rows`` rows. The first start writes ``history_hours`` of rows.
    Raises ValueError for an ``interval`` that is not a whole number of seconds.
    """

    folder: Path
    file_name: str = "46m_Test.dat"
    interval: float = 5.0
    mode: Literal["append", "create-new", "overwrite"] = "append"
    keep_rows: int = 60
    zone_hours: float = -5.0
    seed: int = 0
    history_hours: float = 6.0
    _lock: threading.RLock = field(default_factory=threading.RLock, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.interval < 1 or self.interval % 1:
            raise ValueError(f"interval is {self.interval} s: it must be a whole number of seconds")

    @property
    def path(self) -> Path:
        """The file that LoggerNet writes."""
        return self.folder / self.file_name

    def header(self, programs: int = 0) -> bytes:
        """Give the four header lines after ``programs`` new programs, each of which adds a column."""
        version = f"_v{programs + 1}" if programs else ""
        added = [f"PTemp_{n + 1}" for n in range(programs)]
        program = f"CPU:Y21_46M_PARCal{version}.CR5"
        lines = (
            ["TOA5", "46m", "CR5000", "1041", "CR5000.Std.07", program, str(6827 + programs), "PARCal_2019"],
            ["TIMESTAMP", "RECORD", "PPFD", "Total_PPFD", "Diffuse_PPFD", "calPPFD", "Solar_inci", *added],
            ["TS", "RN", "umol/m^2/s", "", "", "", "", *("Deg C" for _ in added)],
            ["", "", "Smp", "Smp", "Smp", "Smp", "Smp", *("Smp" for _ in added)],
        )
        return b"".join(",".join(f'"{name}"' for name in line).encode() + b"\r\n" for line in lines)

    def row(self, at: float) -> bytes:
        """Give the row of the interval that ``at`` lies in, with the RECORD of an undisturbed logger."""
        step = int(self.interval)
        start = int(at // step) * step
        return self._line(start, start // step - _RECORD_ZERO // step, 0, self.seed)

    def catch_up(self, until: float, since: float | None = None) -> int:
        """Write the rows due after the last one up to ``until``, and give their number.

        Where there is no row yet it begins at ``since``, by default ``history_hours`` before ``until``.
        A torn last line is cut off and written again. Raises OSError.
        """
        step = int(self.interval)
        with self._lock:
            self._mend()
            last = self._last()
            if last is None:
                begin = until - self.history_hours * 3600 if since is None else since
                start = math.ceil(begin / step) * step
                last = _Last(start - step, start // step - _RECORD_ZERO // step - 1)
            due = range(last.at + step, math.floor(until) + 1, step)
            programs = self._programs()
            rows = (self._line(t, last.record + n, programs, self.seed) for n, t in enumerate(due, 1))
            if self.mode != "overwrite":
                self._append(rows)
            elif due or not self.path.exists():
                self._overwrite(rows)
            return len(due)

    def collect(self) -> Path | None:
        """Do to the file what a collection in this mode does, without new rows.

        "create-new" puts it aside and starts a new one; the path it now has is given. "overwrite" cuts
        it to the newest rows. Raises OSError.
        """
        with self._lock:
            self._mend()
            if self.mode == "overwrite":
                self._overwrite(())
            if self.mode != "create-new" or not self.path.exists():
                return None
            return self._put_aside(self._programs())

    def run(self, stop: threading.Event) -> None:
        """Write a row every interval until ``stop`` is set; in "create-new" a file per ``keep_rows`` rows."""
        while not stop.is_set():
            if self.mode == "create-new" and len(self._rows()) >= self.keep_rows:
                self.collect()
            self.catch_up(time.time())
            stop.wait(self.interval - time.time() % self.interval)

    def misbehave(self, fault: Fault) -> None:
        """Write ``fault`` now, where the next row belongs; raises FileNotFoundError before the first row."""
        with self._lock:
            self._mend()
            last = self._last()
            if last is None:
                raise FileNotFoundError(f"{self.path} has no row yet: catch_up() writes the first")
            programs = self._programs()
            if fault is Fault.CLOCK_BACK:
                self._append(self._again(last, programs))
            elif fault is Fault.NEW_PROGRAM:
                self._put_aside(programs + 1)
                self._append([self._line(last.at + int(self.interval), 0, programs + 1, self.seed)])
            else:
                row = self._line(last.at + int(self.interval), last.record + 1, programs, self.seed)
                self._append([_spoilt(row, fault)])

    def _again(self, last: _Last, programs: int) -> Iterator[bytes]:
        """Repeat the last stamps with RECORD counting on, and other values."""
        for n in range(1, _CLOCK_STEP + 1):
            at = last.at - (_CLOCK_STEP - n) * int(self.interval)
            yield self._line(at, last.record + n, programs, self.seed + 1)

    def _line(self, at: int, record: int, programs: int, seed: int) -> bytes:
        stamp = datetime.fromtimestamp(at, timezone(timedelta(hours=self.zone_hours)))
        cells = [f'"{stamp:%Y-%m-%d %H:%M:%S}"', str(record % _RECORD_WRAP), *_values(at, seed)]
        cells += [_fp2(12 + 8 * _smooth(seed, at, 7200 + n)) for n in range(programs)]
        return ",".join(cells).encode() + b"\r\n"

    def _last(self) -> _Last | None:
        """Find the last row, in the file put aside last if the present one has none."""
        for path in (self.path, *reversed(self._aside())):
            found = self._last_in(path)
            if found:
                return found
        return None

    def _last_in(self, path: Path) -> _Last | None:
        newest: int | None = None
        for line in reversed(_tail(path)):
            row = _ROW.match(line)
            if not row:
                continue
            stamp, record = datetime.fromisoformat(row[1].decode()), int(row[2])
            newest = record if newest is None else newest
            if stamp.year < 2099:
                local = int(stamp.replace(tzinfo=UTC).timestamp())
                passed = (newest - record) * int(self.interval)  # by rows whose stamps are wild
                return _Last(round(local - self.zone_hours * 3600) + passed, newest)
        return None

    def _programs(self) -> int:
        """Count the new programs so far by the columns of the newest file."""
        for path in (self.path, *reversed(self._aside())):
            header = _head(path)
            if header:
                return header[1].count(b",") - 6
        return 0

    def _aside(self) -> list[Path]:
        """List the files put aside, the oldest first."""
        pattern = re.compile(re.escape(self.path.stem) + r"\.bak(\d*)")
        found = [(int(m[1] or 0), p) for p in self.folder.glob("*") if (m := pattern.fullmatch(p.name))]
        return [path for _, path in sorted(found)]

    def _put_aside(self, programs: int) -> Path:
        aside = self._aside()
        number = int(aside[-1].suffix.removeprefix(".bak") or 0) + 1 if aside else ""
        old = self.path.rename(self.path.with_suffix(f".bak{number}"))
        self.path.write_bytes(self.header(programs))
        return old

    def _append(self, rows: Iterable[bytes]) -> None:
        with self.path.open("ab") as file:
            if file.tell() == 0:
                file.write(self.header(self._programs()))
            file.writelines(rows)

    def _rows(self) -> list[bytes]:
        """Read the lines behind the header."""
        return self.path.read_bytes().splitlines(keepends=True)[4:] if self.path.exists() else []

    def _overwrite(self, rows: Iterable[bytes]) -> None:
        kept = deque((*self._rows(), *rows), maxlen=self.keep_rows)
        header = self.header(self._programs())
        with self.path.open("wb") as file:  # truncated and written in place, as Windows does
            file.write(header)
            file.writelines(kept)

    def _mend(self) -> None:
        """Cut off what a crash has torn: the last line, or all of a file whose header is not whole."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.path.exists() and not _head(self.path):
            os.truncate(self.path, 0)
        torn = _tail(self.path)[-1:]
        if torn and not torn[0].endswith(b"\n"):
            os.truncate(self.path, self.path.stat().st_size - len(torn[0]))


def _head(path: Path) -> list[bytes]:
    """Read the four header lines of a file; none if they are not whole."""
    if not path.exists():
        return []
    with path.open("rb") as file:
        lines = [file.readline() for _ in range(4)]
    return lines if lines[-1].endswith(b"\n") else []


def _tail(path: Path) -> list[bytes]:
    """Read the last lines of a file, the very last of which may be torn."""
    if not path.exists():
        return []
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL))
        return file.read().splitlines(keepends=True)


def _spoilt(row: bytes, fault: Fault) -> bytes:
    cells = row.removesuffix(b"\r\n").split(b",")
    if fault is Fault.NULS:
        return bytes(512) + b"\r\n"
    if fault is Fault.TORN:
        return row[: len(row) // 2]
    if fault is Fault.TEXT:
        cells[2] = b'"Sensor fault"'
    elif fault is Fault.SHORT:
        del cells[4:]
    elif fault is Fault.LONG:
        cells += [b"1.5", b"0"]
    elif fault is Fault.YEAR_2099:
        cells[0] = b'"2099' + cells[0][5:]
    return b",".join(cells) + b"\r\n"


def _values(at: int, seed: int) -> list[str]:
    """Give PPFD, total, diffuse, calibration and solar radiation: a day's curve under passing clouds."""
    cloud = 0.6 * _smooth(seed, at, 1800) + 0.3 * _smooth(seed, at, 300) + 0.1 * _smooth(seed, at, 30)
    dark = 0.1 * _smooth(seed, at, 20) - 0.05
    ppfd = 2100 * max(_height_of_sun(at), 0.0) ** 1.1 * (1 - 0.75 * cloud) + dark
    total = 0.92 * ppfd
    cells = [_ieee4(ppfd), _fp2(total), _fp2(total * (0.35 + 0.6 * cloud)), "7999", _fp2(0.53 * ppfd)]
    chance = _knot(seed, 0, at)
    if chance < _NAN_SHARE:
        cells[(0, 1, 2, 4)[int(chance / _NAN_SHARE * 4)]] = '"NAN"'
    return cells


def _height_of_sun(at: int) -> float:
    """Give the sine of the sun's elevation, within a degree or two."""
    declination = math.radians(-23.44) * math.cos(2 * math.pi * (at / 86_400 + 10) / 365.2425)
    hour = 2 * math.pi * (at % 86_400 / 86_400 - 0.5) + _LONGITUDE
    flat = math.cos(_LATITUDE) * math.cos(declination) * math.cos(hour)
    return math.sin(_LATITUDE) * math.sin(declination) + flat


def _smooth(seed: int, at: int, period: int) -> float:
    """Give noise from 0 to 1 that changes over ``period`` seconds."""
    knot, rest = divmod(at, period)
    left, right = _knot(seed, period, knot), _knot(seed, period, knot + 1)
    share = rest / period
    return left + (right - left) * share * share * (3 - 2 * share)


@lru_cache(maxsize=4096)
def _knot(*key: int) -> float:
    digest = hashlib.blake2b(repr(key).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def _ieee4(value: float) -> str:
    """Write a four-byte float as LoggerNet does: seven digits, no trailing zeros."""
    return f"{round(value, 6) + 0.0:.7G}"


def _fp2(value: float) -> str:
    """Write a two-byte float as LoggerNet does: four digits, three decimals at most."""
    return f"{round(value, 3) + 0.0:.4G}"
