"""A writer of the soak: a program of the station, that writes points through the client in all its forms."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from influxdb_client import Point as InfluxPoint

from labmon_dagster.clients.eht_influx_client import EHTInfluxDBClient
from labmon_dagster_tests.soak.station.notes import MEASUREMENT, Notes, Point

_MOST = 5  # points of a write
_PAUSE = 0.1  # s between two writes, at most


@dataclass(frozen=True, slots=True)
class Settings:
    """What a writer does: it writes as ``who`` until the file ``enough`` is there."""

    config: Path
    who: str
    seed: int
    notes: Path
    enough: Path


def work(settings: Settings) -> None:
    """Write until it is enough."""
    notes, chance = Notes(settings.notes), random.Random(f"{settings.seed} {settings.who}")
    client = EHTInfluxDBClient.from_config_file(settings.config)
    api = client.write_api()
    n = last = 0
    while not settings.enough.exists():
        points = []
        for _ in range(chance.randint(1, _MOST)):
            n, last = n + 1, max(time.time_ns(), last + 1)
            points.append(Point(settings.who, n, last))
        record, keywords = chance.choice(_FORMS)(points)
        notes.attempt(points)
        api.write(record=record, **keywords)
        notes.returned(True)
        time.sleep(chance.random() * _PAUSE)
    client.close()


def _points(points: list[Point]) -> tuple[Any, dict[str, Any]]:
    made = []
    for one in points:
        made.append(InfluxPoint(MEASUREMENT).tag("who", one.who).time(one.time))
        for name, value in one.values.items():
            made[-1].field(name, value)
    return made, {}


def _dicts(points: list[Point]) -> tuple[Any, dict[str, Any]]:
    made = [
        {"measurement": MEASUREMENT, "tags": {"who": one.who}, "fields": one.values, "time": one.time}
        for one in points
    ]
    return made, {}


def _lines(points: list[Point]) -> tuple[Any, dict[str, Any]]:
    return "\n".join(one.to_line_protocol() for one in _points(points)[0]), {}


def _frame(points: list[Point]) -> tuple[Any, dict[str, Any]]:
    frame = pd.DataFrame([{"who": one.who, "timestamp": one.time, **one.values} for one in points])
    return frame, {"data_frame_measurement_name": MEASUREMENT, "data_frame_tag_columns": ["who"]}


_FORMS: list[Callable[[list[Point]], tuple[Any, dict[str, Any]]]] = [_points, _dicts, _lines, _frame]
