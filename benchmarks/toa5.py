"""A tower's table: reading it, and bringing it into SQLite, against pandas."""

from __future__ import annotations

import random
import sqlite3
import time
from datetime import date, datetime, timedelta
from pathlib import Path

import pandas as pd

from benchmarks.pairs import Pair
from labmon_dagster.components import LoggerNetTable
from labmon_dagster.components.feed import Feed
from labmon_dagster.landing import Delivery, Landing, time_boxed
from labmon_dagster.model import NOWHERE, Request, Window
from labmon_dagster.model.window import days_between
from labmon_dagster.stores import SqliteStore

ROWS = 1_000_000
_NAMES = ("TIMESTAMP", "RECORD", "PPFD", "Total_PPFD", "Diffuse_PPFD", "calPPFD", "Solar_inci")
_HEADER = (
    '"TOA5","46m","CR5000","1041","CR5000.Std.07","CPU:Y21_46M_PARCal.CR5","6827","PARCal_2019"\r\n'
    + ",".join(f'"{name}"' for name in _NAMES)
    + '\r\n"TS","RN","umol/m^2/s","","","",""\r\n"","","Smp","Smp","Smp","Smp","Smp"\r\n'
)


def make_table(path: Path, rows: int = ROWS) -> Path:
    """A TOA5 table of the tower, a row every 5 s from 2025-01-01, with an "NAN" now and then."""
    chance = random.Random(46)
    first = datetime(2025, 1, 1)
    with path.open("w", newline="") as file:
        file.write(_HEADER)
        for n in range(rows):
            cells = [f"{chance.random() * 900:.7g}" for _ in range(4)]
            if chance.random() < 0.01:
                cells[n % 4] = '"NAN"'
            stamp = first + timedelta(seconds=5 * n)
            file.write(f'"{stamp}",{n},{cells[0]},{cells[1]},{cells[2]},7999,{cells[3]}\r\n')
    return path


def tower(path: Path) -> Feed:
    """The tower's feed over one file, as its YAML describes it."""
    return LoggerNetTable.model_validate(
        {
            "asset": "bench/tower",
            "directory": str(path.parent),
            "files": [path.name],
            "measurement": "Fastdata",
            "zone": "UTC-05:00",
            "start": "2021-06-01",
            "tags": {"station": "{station}", "table": "{table}"},
            "fields": {"RECORD": {"type": "integer"}},
        }
    ).feed()


def pairs(folder: Path) -> list[Pair]:
    """The two comparisons over one table of a million rows."""
    path = make_table(folder / "46m_Bench.dat")
    megabytes = path.stat().st_size / 1e6
    feed = tower(path)

    def read_ours() -> float:
        request = Request(Window(0, 1), NOWHERE, NOWHERE, time.time_ns())
        assert sum(batch.rows.num_rows for batch in feed.source.read(request).batches) == ROWS
        return megabytes

    def read_theirs() -> float:
        assert len(_read_csv(path)) == ROWS
        return megabytes

    def store_ours() -> float:
        database = _fresh(folder / "ours.db")
        days = tuple(days_between(date(2025, 1, 1), date(2025, 3, 1)))
        delivery = Delivery(feed.asset, feed.measurement, days, feed.recipe)
        store = SqliteStore(database)
        request = Request(delivery.window, NOWHERE, NOWHERE, time.time_ns())
        readings = time_boxed(feed.source.read(request), feed.patience, feed.asset)
        landed = Landing(store, delivery).land(readings)
        store.close()
        assert sum(row.counts.stored for row in landed.values()) == ROWS
        return ROWS / 1000

    def store_theirs() -> float:
        with sqlite3.connect(_fresh(folder / "theirs.db")) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            _read_csv(path).to_sql("Fastdata", connection, index=False)
        connection.close()
        return ROWS / 1000

    return [
        Pair("read TOA5", "pandas.read_csv, C engine", read_ours, read_theirs, "MB", 2.0),
        Pair(
            "TOA5 file to SQLite, upserting",
            "read_csv + to_sql, appending",
            store_ours,
            store_theirs,
            "krows",
            1.0,
        ),
    ]


def _read_csv(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, skiprows=[0, 2, 3], na_values=["NAN"], parse_dates=["TIMESTAMP"])


def _fresh(path: Path) -> Path:
    for suffix in ("", "-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    return path
