"""Polls on the grid of the interval: the one at once, at the start, is beside the grid."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from labmon_dagster.collector import health
from labmon_dagster.collector.collector import Collector
from labmon_dagster_tests.collector.fakes import Script, counting, station

INTERVAL = 0.5


async def _slow(number: int) -> object:
    await asyncio.sleep(0.6 * INTERVAL)
    return counting(number)


def test_a_first_poll_that_runs_into_the_grid_misses_nothing(tmp_path: Path) -> None:
    script = Script(_slow)  # type: ignore[arg-type]

    async def run() -> None:
        stop = asyncio.Event()
        await asyncio.sleep(1.7 * INTERVAL - time.time() % INTERVAL)  # so that it ends behind the next one
        asyncio.get_running_loop().call_later(3 * INTERVAL, stop.set)
        await Collector([station(script, poll=INTERVAL)], tmp_path / "journal", tmp_path).run(stop)

    asyncio.run(run())
    told = health.read(tmp_path)
    assert told is not None
    assert told.devices[0].missed == 0
    assert script.asked >= 3
