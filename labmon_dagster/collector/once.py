"""Devices asked without a collector: by the five-minute schedule, or once by hand, with the same code."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

from labmon_dagster.collector.database import DatabaseClocks
from labmon_dagster.collector.names import Names
from labmon_dagster.collector.occupied import all_occupied
from labmon_dagster.collector.poller import Poller
from labmon_dagster.collector.scribe import DatabaseClock, Scribe, no_database
from labmon_dagster.collector.station import Station
from labmon_dagster.journal import Journal, close_days
from labmon_dagster.model import SECOND

SHORTEST = 300 * SECOND  # a schedule asks no oftener, whatever the interval in the YAML
_SLACK = 30 * SECOND  # a tick may come a little early
_FLUSH_SECONDS = 30.0


def poll_due(stations: Sequence[Station], journals: Path, folder: Path) -> list[str]:
    """Poll the stations that are due, unless another process asks them; say what could not be asked.

    When a station was polled last is kept as the time of a file in ``folder``.
    """
    with all_occupied(folder, (station.asset for station in stations)) as taken:
        if taken:
            return []
        due = [station for station in stations if _due(folder, station)]
        if not due:
            return []
        clocks = DatabaseClocks.of(due)
        clocks.ask_all()
        with ThreadPoolExecutor(1) as thread:  # the caller's may have a loop of its own, as notebooks do
            told = thread.submit(asyncio.run, poll_once(due, journals, clocks)).result()
        return told + close_past_days(journals, {station.asset for station in due})


async def poll_once(
    stations: Sequence[Station], journals: Path, database: DatabaseClock = no_database
) -> list[str]:
    """Poll all stations at once; say what could not be asked. Returns when every answer is on disk."""
    Names().serve()
    scribe = Scribe(journals, (station.asset for station in stations), database)
    pollers = [Poller(station, scribe) for station in stations]
    try:
        await asyncio.gather(*(one.once() for one in pollers))
    finally:
        unwritten = await asyncio.to_thread(scribe.close, _FLUSH_SECONDS)
    told = [f"{one.station.name}: {one.health.last_error}" for one in pollers if one.health.last_error]
    return told + [f"{asset}: not all could be journalled" for asset in unwritten]


def close_past_days(journals: Path, assets: Iterable[str]) -> list[str]:
    """Compress the files of days that are over; say what could not be."""
    told: list[str] = []
    for asset in sorted(assets):
        try:
            close_days(Journal(journals, asset), time.time_ns())
        except (OSError, ValueError) as error:
            told.append(f"journal {asset}: its past days cannot be compressed: {error}")
    return told


def _due(folder: Path, station: Station) -> bool:
    """Whether it is time to poll a station; if so, it is noted as polled now."""
    if station.poll is None:
        return False
    stamp = folder / "polled" / quote(station.asset, safe="") / station.settings.name
    now = time.time_ns()
    last = stamp.stat().st_mtime_ns if stamp.exists() else 0
    if last <= now < last + max(station.poll, SHORTEST) - _SLACK:
        return False
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.touch()
    os.utime(stamp, ns=(now, now))
    return True
