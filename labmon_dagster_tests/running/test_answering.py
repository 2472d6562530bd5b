"""`labmon up` tells once that a device is silent, and once that it answers again."""

from __future__ import annotations

import os
import time
from pathlib import Path

from labmon_dagster.collector.health import DeviceHealth, Health, write
from labmon_dagster.running.answering import Answering


def told(folder: Path, errors: int, *, stopped: bool = False) -> None:
    device = DeviceHealth(
        "lab/it", "one", "FAKE", "fake://here", errors_in_row=errors, last_error="no answer"
    )
    now = time.time_ns()
    write(folder, Health(os.getpid(), now, now, [device], stopped=stopped))


def test_each_change_is_told_once(tmp_path: Path) -> None:
    answering = Answering(tmp_path)
    assert answering.news() == []
    told(tmp_path, 2)
    assert answering.news() == []
    told(tmp_path, 3)
    assert answering.news() == ["lab/it one is silent: no answer"]
    told(tmp_path, 4)
    assert answering.news() == []
    told(tmp_path, 0)
    assert answering.news() == ["lab/it one answers again"]
    assert answering.news() == []


def test_of_a_collector_that_has_ended_nothing_is_told(tmp_path: Path) -> None:
    answering = Answering(tmp_path)
    told(tmp_path, 9, stopped=True)
    assert answering.news() == []
