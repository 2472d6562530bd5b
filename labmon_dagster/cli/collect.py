"""`labmon collect`: the one process that asks every device, and has what they say on disk at once."""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from labmon_dagster import settings
from labmon_dagster.cli.common import examples, feeds, remark
from labmon_dagster.lookup import check_known

if TYPE_CHECKING:
    from labmon_dagster.collector.collector import Collector
    from labmon_dagster.components.feed import Feed

_EXAMPLES = examples("collect", "collect ricochet/cryostat ricochet/imacrt", "collect --once")
_WAIT_SECONDS = 30.0  # for a poll of the schedule that is under way


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("collect", epilog=_EXAMPLES)(collect)


def collect(
    assets: Annotated[
        list[str] | None, typer.Argument(help="Collect for these assets only; otherwise for the whole lab.")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Ask every device once, and end.")] = False,
) -> None:
    """Ask the devices of the lab at their intervals, hear what they push, look at overwritten files.

    Everything is in the journal, on disk, before anything else is done with it; runs of Dagster take it from
    there. It ends with Ctrl-C or SIGTERM and loses nothing it has accepted. `labmon status` shows how each
    device does. While no collector runs, the five-minute schedule asks the devices.
    """
    from labmon_dagster.collector import health
    from labmon_dagster.collector.occupied import all_occupied, occupied

    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.WARNING)
    chosen = _chosen(assets or [])
    folder, end = settings.collector_folder(), time.monotonic() + _WAIT_SECONDS
    assets_asked = [feed.asset for feed in chosen if feed.stations]
    with occupied(folder) as free:
        if not free:
            told = health.read(folder)
            raise ValueError(f"another collector runs{f', process {told.pid}' if told else ''}: {folder}")
        while True:
            with all_occupied(folder, assets_asked) as taken:
                if not taken:
                    raise typer.Exit(_once(chosen) if once else _collect(chosen))
            if time.monotonic() > end:
                raise ValueError(f"{taken}: another process is still asking its devices")
            time.sleep(0.2)


def _chosen(assets: Sequence[str]) -> list[Feed]:
    found = [feed for feed in feeds() if feed.stations or feed.look]
    check_known("asset that can be collected", assets, [feed.asset for feed in found])
    return [feed for feed in found if not assets or feed.asset in assets]


def _once(chosen: Sequence[Feed]) -> int:
    from labmon_dagster.collector.database import DatabaseClocks
    from labmon_dagster.collector.once import poll_once

    stations = [station for feed in chosen for station in feed.stations if station.poll is not None]
    clocks = DatabaseClocks.of(stations)
    clocks.ask_all()
    trouble = asyncio.run(poll_once(stations, settings.journal_root(), clocks))
    silent = len(trouble)
    trouble += [line for feed in chosen if feed.look and _only_pushed(feed) for line in feed.look()]
    for line in trouble:
        remark(f"labmon: {line}")
    typer.echo(f"{len(stations)} devices asked, {len(stations) - silent} answered")
    if heard := sorted({feed.asset for feed in chosen for one in feed.stations if one.poll is None}):
        remark(f"only listened to, by `labmon collect` without --once: {', '.join(heard)}")
    return 1 if trouble else 0


def _collect(chosen: Sequence[Feed]) -> int:
    from labmon_dagster.collector.collector import Collector
    from labmon_dagster.collector.database import DatabaseClocks

    stations = [station for feed in chosen for station in feed.stations]
    looks = [(feed.asset, feed.look) for feed in chosen if feed.look and _only_pushed(feed)]
    clocks = DatabaseClocks.of(stations)
    root, folder = settings.journal_root(), settings.collector_folder()
    typer.echo(
        f"collecting from {len(stations)} devices and {len(looks)} folders into {root}; Ctrl-C ends it"
    )
    clocks.start()
    try:
        unwritten = asyncio.run(_until_stopped(Collector(stations, root, folder, looks, clocks)))
    finally:
        clocks.stop()
    for asset in unwritten:
        remark(f"labmon: {asset}: the last messages could not be written")
    return 1 if unwritten else 0


def _only_pushed(feed: Feed) -> bool:
    """Whether nobody polls for a feed: the look of one that is polled would only ask the same devices."""
    return all(station.poll is None for station in feed.stations)


async def _until_stopped(collector: Collector) -> list[str]:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    return await collector.run(stop)
