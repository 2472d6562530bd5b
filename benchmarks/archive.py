"""An archive into a real influxd: labmon's way, and the way of the program it replaces."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pandas as pd
from influxdb import InfluxDBClient

from benchmarks.pairs import Pair
from labmon_dagster.landing import Delivery, Landing, ask, time_boxed
from labmon_dagster.model.window import days_between
from labmon_dagster.sources.wincc_archive.reader import ArchiveReadings
from labmon_dagster.stores import InfluxStore
from labmon_dagster.stores.influxdb import Target
from labmon_dagster_tests.servers.influx import Influxd
from labmon_dagster_tests.sources.wincc_archive.archives import FIRST, SPEC, START
from labmon_dagster_tests.sources.wincc_archive.large import Large, large

ROWS, DAYS = 200_000, 2
BATCH = 20_000
DATABASE = "archive"
_LATER = START + 40 * 86_400 * 10**9
_QUERY = """SELECT CHANGE_DATE, {value} AS VALUE FROM {table} JOIN DP_NAME2ID ON DPID = ID
WHERE DPNAME = ? AND CHANGE_DATE > ? ORDER BY CHANGE_DATE"""


def pairs(folder: Path, server: Influxd) -> list[Pair]:
    """Two days of 22 datapoints, 200,000 rows; each round writes into a fresh database."""
    archive = large(folder / "bench_archive.db", ROWS, DAYS)
    archive.fill()
    source = archive.archive.source(size=50_000)

    def ours() -> float:
        _fresh(server)
        land(source, server)
        return ROWS / 1000

    def theirs() -> float:
        _fresh(server)
        original(archive, source, server)
        return ROWS / 1000

    name = "archive to influxd"
    peer = "read_sql_query per datapoint, iterrows, dictionaries, influxdb 5.3"
    return [Pair(name, peer, ours, theirs, "krows", 10)]


def land(source: ArchiveReadings, server: Influxd) -> None:
    """Read and land all days, as a run does."""
    days = tuple(days_between(FIRST, FIRST + timedelta(days=DAYS - 1)))
    with closing(InfluxStore(Target.parse(f"influxdb1+{server.url}/{DATABASE}"))) as store:
        request = ask(source, store.ledger("bench/archive"), days, _LATER, whole=True)
        readings = time_boxed(source.read(request), 300, "bench")
        rows = Landing(store, Delivery("bench/archive", SPEC.measurement, days), _LATER).land(readings)
    assert all(row.proven for row in rows.values())


def original(archive: Large, source: ArchiveReadings, server: Influxd) -> None:
    """One query a datapoint, its rows walked one by one, dictionaries in batches of 20,000."""
    columns = {"mtrs": ("MTRSCHANNEL", "ACTUAL_VALUE"), "plc": ("TKPLCREADSENSOR", "VALUE_CONVERTED")}
    with (
        closing(sqlite3.connect(archive.archive.path)) as db,
        closing(InfluxDBClient("127.0.0.1", server.port, database=DATABASE)) as client,
    ):
        points: list[dict[str, object]] = []
        for name, tags in source.datapoints().items():
            table, value = columns[tags["source"]]
            query = _QUERY.format(table=table, value=value)
            rows = pd.read_sql_query(query, db, params=(name, ""), parse_dates=["CHANGE_DATE"])
            for _, row in rows.iterrows():
                if pd.isna(row["VALUE"]):
                    continue
                fields = {"value": float(row["VALUE"])}
                time_of = row["CHANGE_DATE"].isoformat()
                points.append(
                    {"measurement": SPEC.measurement, "tags": tags, "time": time_of, "fields": fields}
                )
                if len(points) == BATCH:
                    assert client.write_points(points)
                    points = []
        assert not points or client.write_points(points)


def _fresh(server: Influxd) -> None:
    server.query(f"DROP DATABASE {DATABASE}")
    server.create_database(DATABASE)
