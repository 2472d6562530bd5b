"""Peak memory of landing a million readings and ten million: `python -m benchmarks.memory ROWS URL`."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing

import polars as pl

from benchmarks.lines import CHUNK, MEASUREMENT, readings
from labmon_dagster.landing import Delivery, Landing
from labmon_dagster.model import ORDER, PLACE, Batch, Mark, Readings
from labmon_dagster.model.window import day_of, days_between
from labmon_dagster.stores import InfluxStore
from labmon_dagster.stores.influxdb import Target
from labmon_dagster_tests.peak import peak_kib

_START = 1_735_689_600_000_000_000
_STEP = 100_000_000


def peak(rows: int, url: str) -> int:
    """MiB a fresh process needs at most to land so many readings."""
    command = [sys.executable, "-m", "benchmarks.memory", str(rows), url]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _batches(rows: int) -> Iterator[Batch]:
    hidden = [pl.lit(0, dtype=pl.Int64).alias(name) for name in (ORDER, PLACE)]
    for first in range(0, rows, CHUNK):
        (chunk,) = readings(CHUNK, first)
        table = chunk.with_columns(hidden).to_arrow().cast(MEASUREMENT.schema)
        yield Batch(MEASUREMENT, table.combine_chunks().to_batches()[0], "bench", Mark(first + CHUNK))


def main() -> None:
    """Land, and print the peak."""
    rows, url = int(sys.argv[1]), sys.argv[2]
    days = tuple(days_between(day_of(_START), day_of(_START + (rows - 1) * _STEP)))
    with closing(InfluxStore(Target.parse(url))) as store:
        landed = Landing(store, Delivery("bench/dcs", MEASUREMENT.name, days)).land(Readings(_batches(rows)))
    assert sum(row.counts.stored for row in landed.values()) == rows
    print(peak_kib() // 1024)


if __name__ == "__main__":
    main()
