"""How long a write into the station log takes, while every server is away.

`python -m labmon_dagster_tests.system.write_latency --rate 1000 --seconds 60 --rows 1` measures
`QuickWriter.append`; with `--through log` also the copies are made; with `--through client` it is the
client's `write` with a Point, a dict, a line and a DataFrame, in turn. It prints bars on standard error, and
JSON. `--folder` says which disk is measured.
"""

from __future__ import annotations

import argparse
import gc
import json
import math
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd
from influxdb_client import Point

from labmon_dagster.clients.eht_influx_client import EHTInfluxDBClient
from labmon_dagster.journal import Journal, QuickWriter
from labmon_dagster.station_log.log import StationLog
from labmon_dagster_tests.servers.process import HOST, free_port

Ways: TypeAlias = dict[str, tuple[Callable[[], Any], Callable[[Any], object]]]
"""By the name of a form of records: what makes one, and what writes it."""
NAME, TAGS = "pps", {"station": "Kp"}
_BARS_A_DECADE, _WIDTH = 5, 50
_SHARES = {"p50_ms": 0.5, "p90_ms": 0.9, "p99_ms": 0.99, "p99.9_ms": 0.999, "max_ms": 1.0}


def lines(rows: int) -> bytes:
    """Points in line protocol, made at this moment."""
    now = time.time_ns()
    return "\n".join(f"{NAME},station=Kp pps_offset={-n}i {now + n}" for n in range(rows)).encode()


def points(rows: int) -> list[Point]:
    """The same as the official client's points."""
    now = time.time_ns()
    return [Point(NAME).tag("station", "Kp").field("pps_offset", -n).time(now + n) for n in range(rows)]


def dicts(rows: int) -> list[dict[str, Any]]:
    """The same as dicts."""
    now = time.time_ns()
    return [
        {"measurement": NAME, "tags": TAGS, "fields": {"pps_offset": -n}, "time": now + n}
        for n in range(rows)
    ]


def frame(rows: int) -> pd.DataFrame:
    """The same as a frame."""
    now = time.time_ns()
    return pd.DataFrame([{"station": "Kp", "pps_offset": -n, "timestamp": now + n} for n in range(rows)])


@contextmanager
def to_journal(folder: Path, rows: int) -> Iterator[Ways]:
    """Appending alone."""
    quick = QuickWriter(Journal(folder, "latency"))
    yield {"append": (lambda: lines(rows), quick.append)}
    quick.close()


@contextmanager
def to_log(folder: Path, rows: int) -> Iterator[Ways]:
    """The log with both copies."""
    log = StationLog("latency", folder, csvlogfile=folder / "log.csv", jsonlogfile=folder / "log.jsonl")
    yield {"log with copies": (lambda: lines(rows), log.write)}
    log.close()


@contextmanager
def to_client(folder: Path, rows: int) -> Iterator[Ways]:
    """The client, whose two servers are away."""
    sections = [
        f"[server {name}]\nurl = http://{HOST}:{free_port()}\nbucket = away_test\norg = o\ntoken = t\n"
        for name in ("local", "global")
    ]
    config = folder / "influx_config.ini"
    config.write_text(f"[eht_influx]\nlog = {folder}\ntimeout = 10ms\n" + "".join(sections))
    with EHTInfluxDBClient.from_config_file(config) as client, client.write_api() as api:
        yield {
            "Point": (lambda: points(rows), lambda record: api.write(record=record)),
            "dict": (lambda: dicts(rows), lambda record: api.write(record=record)),
            "line": (lambda: lines(rows), lambda record: api.write(record=record)),
            "DataFrame": (
                lambda: frame(rows),
                lambda record: api.write(
                    record=record, data_frame_measurement_name=NAME, data_frame_tag_columns=["station"]
                ),
            ),
        }


def measured(
    make: Callable[[], Any], write: Callable[[Any], object], rate: float, seconds: float
) -> list[float]:
    """Write at a steady rate; how long each call took, in s. Making the record does not count."""
    took: list[float] = []
    begun = time.perf_counter()
    while (passed := time.perf_counter() - begun) < seconds:
        record = make()
        time.sleep(max(0.0, len(took) / rate - passed))
        before = time.perf_counter()
        write(record)
        took.append(time.perf_counter() - before)
    return took


def figures(took: list[float], seconds: float) -> dict[str, float]:
    """How the times are spread, in ms, and how many writes there were in a second."""
    took = sorted(took)
    spread = {name: round(took[math.ceil(share * len(took)) - 1] * 1e3, 3) for name, share in _SHARES.items()}
    return {"writes": len(took), "writes_per_s": round(len(took) / seconds, 1), **spread}


def bars(took: list[float]) -> Iterator[str]:
    """Draw a histogram: each bar spans a fifth of a decade, with at least one # where there is anything."""
    steps = [math.floor(math.log10(one) * _BARS_A_DECADE) for one in took]
    for step in range(min(steps), max(steps) + 1):
        count = steps.count(step)
        begin, end = (10 ** (one / _BARS_A_DECADE) * 1e3 for one in (step, step + 1))
        yield f"{begin:9.3f} – {end:8.3f} ms {count:8d} {'#' * math.ceil(_WIDTH * count / len(steps))}"


_THROUGH = {"journal": to_journal, "log": to_log, "client": to_client}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=1000, help="writes a second")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rows", type=int, default=1, help="rows of a write")
    parser.add_argument("--through", choices=_THROUGH, default="journal")
    parser.add_argument("--folder", type=Path, default=None)
    asked = parser.parse_args()
    told: dict[str, Any] = {"through": asked.through, "rate": asked.rate, "rows": asked.rows}
    with (
        tempfile.TemporaryDirectory(dir=asked.folder) as folder,
        _THROUGH[asked.through](Path(folder), asked.rows) as ways,
    ):
        for name, (make, write) in ways.items():
            write(make())  # the first opens the files
            gc.collect()
            took = measured(make, write, asked.rate, asked.seconds)
            sys.stderr.write("\n".join([f"{name}, {asked.rows} rows a write:", *bars(took), ""]))
            told[name] = figures(took, asked.seconds)
    sys.stdout.write(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main()
