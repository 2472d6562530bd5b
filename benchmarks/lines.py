"""Line protocol from columns, against the official client's two ways: DataFrames and Points."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
from influxdb_client import Point, WritePrecision
from influxdb_client.client.write.dataframe_serializer import DataframeSerializer
from influxdb_client.client.write_api import PointSettings

from benchmarks.pairs import Pair
from labmon_dagster.model import Field, Measurement
from labmon_dagster.stores.influxdb.lines import Encoder

CHUNK = 20_000
MEASUREMENT = Measurement("cms_mtdtf_dcs", ("dim", "location", "sensor", "tray"), (Field("value"),))
_START = datetime(2025, 1, 1, tzinfo=UTC)


def readings(rows: int, first: int = 0) -> list[pl.DataFrame]:
    """Long rows of 22 series, one reading a row, a tenth of a second apart, in chunks."""
    chance = np.random.default_rng(first + 1)
    return [_chunk(first + n, min(CHUNK, rows - n), chance) for n in range(0, rows, CHUNK)]


def _chunk(first: int, rows: int, chance: np.random.Generator) -> pl.DataFrame:
    n = np.arange(first, first + rows)
    start = int(_START.timestamp()) * 10**9
    return pl.DataFrame(
        {
            "time": pl.Series(start + n * 100_000_000).cast(pl.Datetime("ns", "UTC")),
            "dim": np.where(n % 22 < 11, "1", "2"),
            "location": pl.Series(["inlet", "outlet"]).gather(n % 2),
            "sensor": (n % 11).astype(str),
            "tray": pl.Series(["A1"]).gather(n * 0),
            "value": chance.normal(20, 5, rows),
        }
    )


def pairs() -> list[Pair]:
    """Both comparisons, each side over as many rows as takes it some tenths of a second."""
    chunks = readings(1_000_000)
    few = chunks[:5]
    frames = [chunk.to_pandas().set_index("time") for chunk in few]
    rows = [row for chunk in few[:3] for row in chunk.drop("time").rows()]
    times = [_START + timedelta(microseconds=100_000 * n) for n in range(len(rows))]
    tags = list(MEASUREMENT.tags)

    def ours() -> float:
        encoder = Encoder()
        return sum(len(encoder.encode(MEASUREMENT.name, tags, chunk)) for chunk in chunks) / 1000

    def by_frames() -> float:
        done = 0
        for frame in frames:
            serializer = DataframeSerializer(
                frame,
                PointSettings(),
                WritePrecision.NS,
                data_frame_measurement_name=MEASUREMENT.name,
                data_frame_tag_columns=tags,
            )
            done += len("\n".join(serializer.serialize()).encode()) > 0 and len(frame)
        return done / 1000

    def by_points() -> float:
        lines = [
            Point.from_dict(
                {
                    "measurement": MEASUREMENT.name,
                    "tags": dict(zip(tags, row, strict=False)),
                    "fields": {"value": row[-1]},
                    "time": time,
                },
                WritePrecision.NS,
            ).to_line_protocol()
            for row, time in zip(rows, times, strict=True)
        ]
        return len(lines) / 1000

    return [
        Pair("line protocol", "influxdb-client, DataFrame writer", ours, by_frames, "klines", 15),
        Pair("line protocol", "influxdb-client, Points", ours, by_points, "klines", 30),
    ]
