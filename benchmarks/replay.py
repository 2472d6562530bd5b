"""An annotated CSV file into a real influxd: `labmon replay` against the official client and against pandas.

The influxd of the tests has no API of version 2, which the official client speaks. All sides write through
the same translator, in this process.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
from influxdb_client import InfluxDBClient, Point, WritePrecision
from influxdb_client.client.write_api import SYNCHRONOUS, WriteOptions

from benchmarks.pairs import Pair
from labmon_dagster.replay.files import Ways, opened, points
from labmon_dagster.replay.loading import Loaded, Loader
from labmon_dagster.stores import InfluxStore
from labmon_dagster.stores.influxdb import Target
from labmon_dagster_tests.servers.influx import Influxd
from labmon_dagster_tests.servers.translator import Translator

ROWS, FEW = 1_000_000, 100_000
_BUCKET, _TOKEN, _STATIONS = "replay", "bench", 11
_ANNOTATION = "#datatype measurement,tag,long,dateTime:number\n"
_HEADER = "measurement,station,pps_offset,timestamp\n"
_FIRST = 1_617_672_549_204_824_064


def make_file(path: Path, rows: int) -> Path:
    """An annotated CSV as that of the EHT: a tag of 11 texts, an integer, a row every 0.1 s."""
    offsets = np.random.default_rng(7).integers(-99, 99, rows).tolist()
    with path.open("w", newline="") as file:
        file.write(_ANNOTATION + _HEADER)
        file.writelines(
            f"pps,S{n % _STATIONS},{offset},{_FIRST + n * 100_000_000}\n" for n, offset in enumerate(offsets)
        )
    return path


def pairs(folder: Path, server: Influxd) -> Iterator[Pair]:
    """Both comparisons; each round writes into a fresh bucket."""
    large, small = make_file(folder / "large.csv", ROWS), make_file(folder / "small.csv", FEW)
    with Translator(server, token=_TOKEN) as site:
        url = site.url

        def ours() -> float:
            _fresh(server)
            with closing(InfluxStore(Target.parse(f"influxdb+{url}/{_BUCKET}?org=lab", _TOKEN))) as store:
                loader = Loader(store, "replay/large.csv", Loaded(), skip=False)
                with opened(str(large)) as file:
                    for found in points(file, Ways()):
                        loader.take(found)
                loader.settle()
            return _written(server, ROWS)

        def by_points() -> float:
            _fresh(server)
            with _client(url) as client, client.write_api(WriteOptions(batch_size=5000)) as api:
                api.write(_BUCKET, record=_points(small))
            return _written(server, FEW)

        def by_frame() -> float:
            _fresh(server)
            frame = pd.read_csv(small, comment="#").drop(columns="measurement").set_index("timestamp")
            with _client(url) as client, client.write_api(SYNCHRONOUS) as api:
                api.write(
                    _BUCKET,
                    record=frame,
                    data_frame_measurement_name="pps",
                    data_frame_tag_columns=["station"],
                )
            return _written(server, FEW)

        name = "annotated CSV into influxd, rows of a tag and a field"
        yield Pair(name, "csv + Points + batching write_api", ours, by_points, "krows", 10)
        yield Pair(name, "read_csv + DataFrame, synchronous", ours, by_frame, "krows", 1)


@contextmanager
def _client(url: str) -> Iterator[InfluxDBClient]:
    with InfluxDBClient(url=url, token=_TOKEN, org="lab", timeout=60_000) as client:
        yield client


def _points(path: Path) -> Iterator[Point]:
    with path.open(newline="") as file:
        file.readline()
        for row in csv.DictReader(file):
            yield (
                Point(row["measurement"])
                .tag("station", row["station"])
                .field("pps_offset", int(row["pps_offset"]))
                .time(int(row["timestamp"]), WritePrecision.NS)
            )


def _written(server: Influxd, rows: int) -> float:
    """Give the thousands of rows, once they are seen to be all there."""
    (found,) = server.query("SELECT count(pps_offset) FROM pps", db=_BUCKET)
    assert found["count"] == rows, found
    return rows / 1000


def _fresh(server: Influxd) -> None:
    server.query(f"DROP DATABASE {_BUCKET}")
    server.create_database(_BUCKET)
