"""Run every comparison and print the table of docs/performance.md."""

from __future__ import annotations

import os
import platform
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks import archive, cosmic, documents, influx, lines, memory, messages, replay, tick, toa5
from benchmarks.pairs import Pair, run
from labmon_dagster_tests.servers.influx import Influxd
from labmon_dagster_tests.servers.mongo import Mongod


def _pairs(folder: Path, influxd: Influxd, mongod: Mongod) -> Iterator[Pair]:
    yield from toa5.pairs(folder)
    yield from lines.pairs()
    yield from influx.pairs(influxd)
    yield from replay.pairs(folder, influxd)
    yield from documents.pairs(mongod.url)
    yield from messages.pairs(folder, mongod.url)
    yield from archive.pairs(folder, influxd)
    yield from cosmic.pairs()


def main() -> None:
    """Print as each comparison is done."""
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, five rounds in turn, medians\n")
    print("| what | instead of | labmon | the other | ratio (min–max) | wanted |")
    print("|---|---|--:|--:|--:|--:|")
    with (
        tempfile.TemporaryDirectory() as folder,
        Influxd(Path(folder) / "influxd") as influxd,
        Mongod(Path(folder) / "mongod") as mongod,
    ):
        for pair in _pairs(Path(folder), influxd, mongod):
            print(run(pair).row(), flush=True)
        print(f"\n{tick.tick(Path(folder), influxd).row()}", flush=True)
        small, large = (_peak(influxd, millions) for millions in (1, 10))
    print(f"\nPeak memory landing 10 M readings: {large} MiB, 1 M: {small} MiB,", end=" ")
    print(f"ratio {large / small:.2f} (wanted: ≤ 1.2)")


def _peak(influxd: Influxd, millions: int) -> int:
    name = f"memory{millions}"
    influxd.create_database(name)
    return memory.peak(millions * 1_000_000, f"influxdb1+{influxd.url}/{name}")


if __name__ == "__main__":
    main()
