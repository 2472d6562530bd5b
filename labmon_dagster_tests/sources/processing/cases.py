"""Files of processing output for tests."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from labmon_dagster.model.window import SECOND

LONG_AGO = 60 * SECOND
FIRST, SECOND_VERSION = "2022-05-11T15:02:11.250Z", "2022-05-11T15:02:12Z"


def content(
    stream: str = "testStream001", timestamp: str = FIRST, records: Sequence[Mapping[str, Any]] = ({"n": 1},)
) -> bytes:
    """What a file holds."""
    return json.dumps({"stream_id": stream, "timestamp": timestamp, "records": list(records)}).encode()


def write(folder: Path, name: str, raw: bytes, age: int = LONG_AGO) -> Path:
    """Write a file that has stood still for ``age`` ns."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(raw)
    changed = time.time_ns() - age
    os.utime(path, ns=(changed, changed))
    return path


def names(folder: Path) -> list[str]:
    """The files that are there."""
    return sorted(path.name for path in folder.iterdir())
