"""Small TOA5 tables for tests, written independently of the reader."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

NAMES = ("TIMESTAMP", "RECORD", "PPFD", "Total_PPFD", "Diffuse_PPFD", "calPPFD", "Solar_inci")


def header(names: Sequence[str] = NAMES, *, station: str = "46m", table: str = "PARCal_2019") -> str:
    """The four header lines of the tower's table."""
    about = ["TOA5", station, "CR5000", "1041", "CR5000.Std.07", "CPU:Y21_46M_PARCal.CR5", "6827", table]
    units = ["TS", "RN", "umol/m^2/s", *[""] * (len(names) - 3)]
    processing = ["", "", *["Smp"] * (len(names) - 2)]
    return "".join(
        ",".join(f'"{cell}"' for cell in row) + "\r\n" for row in (about, names, units, processing)
    )


def row(at: datetime, record: int, *values: object) -> str:
    """One line; ``at`` is the logger's local time."""
    cells = [f'"{at:%Y-%m-%d %H:%M:%S}"', str(record), *map(str, values or (record % 1000, 2, 3, 7999, 5))]
    return ",".join(cells) + "\r\n"


def rows(first: datetime, count: int, *, step: float = 5.0, record: int = 0) -> str:
    """Lines at even steps (s), RECORD counting on."""
    return "".join(row(first + timedelta(seconds=step * n), record + n) for n in range(count))


def write(path: Path, *parts: str | Iterable[str]) -> Path:
    """Write a table from its parts."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("".join(part if isinstance(part, str) else "".join(part) for part in parts).encode())
    return path
