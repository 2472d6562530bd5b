"""Readings into a real influxd: against ready-made bodies, and against the old client's dictionaries."""

from __future__ import annotations

from contextlib import closing

import polars as pl
import urllib3
from influxdb import InfluxDBClient

from benchmarks.lines import CHUNK, MEASUREMENT, readings
from benchmarks.pairs import Pair
from labmon_dagster.stores import InfluxStore
from labmon_dagster.stores.base import READ, read_token
from labmon_dagster.stores.influxdb import Target
from labmon_dagster.stores.influxdb.lines import Encoder
from labmon_dagster_tests.servers.influx import Influxd

ROWS = 1_000_000
_DATABASE = "bench"


def pairs(server: Influxd) -> list[Pair]:
    """Both comparisons; each round writes into a fresh database."""
    token = pl.lit(read_token("bench/dcs", "1", 1)).alias(READ)
    chunks = [chunk.with_columns(token) for chunk in readings(ROWS)]
    bodies = [bytes(Encoder().encode(MEASUREMENT.name, MEASUREMENT.tags, chunk).body) for chunk in chunks]
    few = [chunk.with_columns(pl.col("time").cast(pl.Int64)).drop(READ) for chunk in chunks[:5]]
    http = urllib3.PoolManager(retries=False)

    def ours() -> float:
        _fresh(server)
        with closing(InfluxStore(Target.parse(f"influxdb1+{server.url}/{_DATABASE}"))) as store:
            for chunk in chunks:
                store.write(MEASUREMENT, chunk, held=chunk.clear())
            assert not store.settle()
        return ROWS / 1000

    def replay() -> float:
        _fresh(server)
        for body in bodies:
            reply = http.request("POST", f"{server.url}/write?db={_DATABASE}&precision=ns", body=body)
            assert reply.status == 204
        return ROWS / 1000

    def dictionaries() -> float:
        _fresh(server)
        with closing(InfluxDBClient("127.0.0.1", server.port, database=_DATABASE)) as client:
            for chunk in few:
                assert client.write_points([_point(row) for row in chunk.iter_rows(named=True)])
        return len(few) * CHUNK / 1000

    return [
        Pair("into influxd, acknowledged", "replaying ready-made bodies", ours, replay, "krows", 0.8),
        Pair(
            "into influxd, acknowledged",
            "influxdb 5.3, dictionaries",
            ours,
            dictionaries,
            "krows",
            4,
            cpu=0.1,
        ),
    ]


def _point(row: dict[str, object]) -> dict[str, object]:
    tags = {tag: row[tag] for tag in MEASUREMENT.tags}
    value = {"value": row["value"]}
    return {"measurement": MEASUREMENT.name, "time": row["time"], "tags": tags, "fields": value}


def _fresh(server: Influxd) -> None:
    server.query(f"DROP DATABASE {_DATABASE}")
    server.create_database(_DATABASE)
