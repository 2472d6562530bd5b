"""`labmon emulate cosmic`: COSMIC detectors. `labmon emulate mqtt-broker`: a broker, without mosquitto."""

from __future__ import annotations

import asyncio
import json
import signal
import threading
import time
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labmon_dagster.cli.common import examples

if TYPE_CHECKING:
    from labmon_dagster.sources.cosmic.emulator import Damage, Detectors
    from labmon_dagster.sources.mqtt.emulator import Broker

_COSMIC = examples(
    "emulate cosmic --broker mqtt://127.0.0.1:1883 --rate 1000 --duplicates 0.01 --log /tmp/published.jsonl",
    "emulate cosmic --folder /tmp/dumps --count 10000 --wrapped --garbage 0.01 --truncated",
)
_BROKER = examples("emulate mqtt-broker", "emulate mqtt-broker --port 0")
_DUMPED = 1000  # events, if nothing else is said


def register(emulators: typer.Typer) -> None:
    """Add the commands."""
    emulators.command("cosmic", epilog=_COSMIC)(cosmic)
    emulators.command("mqtt-broker", epilog=_BROKER)(mqtt_broker)


def cosmic(
    broker: Annotated[str, typer.Option(help="Where to publish, topic cosmic/DETECTOR/events, QoS 1.")] = (
        "mqtt://127.0.0.1:1883"
    ),
    folder: Annotated[Path | None, typer.Option(help="Write dump files here, and publish nothing.")] = None,
    detectors: Annotated[int, typer.Option(min=1, help="How many.")] = 3,
    rate: Annotated[float, typer.Option(min=0.001, max=1e6, help="Events a second, of all together.")] = 5.0,
    count: Annotated[
        int | None, typer.Option(min=0, help="End after so many.", show_default="none; 1000 into files")
    ] = None,
    duplicates: Annotated[
        float, typer.Option(min=0, max=1, help="The share of events that come twice.")
    ] = 0.0,
    reorder: Annotated[
        float, typer.Option(min=0, max=1, help="The share of events that come after the next one.")
    ] = 0.0,
    restart_every: Annotated[
        int,
        typer.Option(min=0, help="EventNumber begins again after so many events of a detector; 0: never."),
    ] = 0,
    wrapped: Annotated[bool, typer.Option("--wrapped", help="Files: break lines at 90 columns.")] = False,
    garbage: Annotated[
        float, typer.Option(min=0, max=1, help="Files: the share of events behind a line of garbage.")
    ] = 0.0,
    truncated: Annotated[bool, typer.Option("--truncated", help="Files: cut the last event short.")] = False,
    seed: Annotated[int, typer.Option(help="Other values for another number.")] = 0,
    log: Annotated[
        Path | None, typer.Option(help="A file that gets a JSON line for each event the broker acknowledged.")
    ] = None,
) -> None:
    """Be COSMIC detectors: publish events by MQTT until Ctrl-C, or write them into dump files.

    Runs have numbers from 900000 on, a new one each hour, and each event has a key Serial of its own.
    """
    from labmon_dagster.sources.cosmic.emulator import Damage, Detectors

    damage = Damage(duplicates, reorder, wrapped, garbage, truncated, seed)
    wanted = _DUMPED if folder and count is None else count
    begin = time.time() - (wanted / rate if folder and wanted else 0)
    made, first = Detectors.going_on(
        begin, count=detectors, rate=rate, seed=seed, restart_every=restart_every
    )
    if folder and wanted is not None:
        _dump(folder, made, range(first, first + wanted), damage)
    else:
        _publish(broker, made, first, wanted, damage, log)


def _dump(folder: Path, detectors: Detectors, serials: range, damage: Damage) -> None:
    from labmon_dagster.running.cosmic import write_dumps

    for path, events in write_dumps(folder, detectors, serials, damage).items():
        typer.echo(f"{path}: {events} events")


def _publish(
    broker: str, detectors: Detectors, first: int, count: int | None, damage: Damage, log: Path | None
) -> None:
    from labmon_dagster.running.cosmic import HURRY, PATIENCE, Publisher, paced

    stop = _signalled()
    with log.open("a", buffering=1) if log else nullcontext() as file:
        publisher = Publisher(broker, file)
        publisher.start()
        while not (publisher.connected.wait(0.1) or stop.is_set()):
            pass
        typer.echo(
            f"{detectors.count} detectors publish {detectors.rate:g} events/s to {broker}; Ctrl-C stops them"
        )
        publisher.publish(damage.unruly(paced(detectors, first, count, stop)), stop)
        typer.echo(json.dumps(publisher.finish(HURRY if stop.is_set() else PATIENCE)))


def mqtt_broker(
    port: Annotated[int, typer.Option(min=0, max=65_535, help="0 takes any free one.")] = 1883,
    host: Annotated[str, typer.Option(help="The address of ours that it is served at.")] = "127.0.0.1",
) -> None:
    """Be a small MQTT 3.1.1 broker, for a machine without mosquitto. All it keeps is in memory."""
    from labmon_dagster.sources.mqtt.emulator import Broker

    asyncio.run(_serve(Broker(), host, port))


async def _serve(broker: Broker, host: str, port: int) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    taken = await broker.start(host, port)
    typer.echo(f"MQTT broker: mqtt://{host}:{taken}; Ctrl-C stops it")
    await stop.wait()
    await broker.stop()


def _signalled() -> threading.Event:
    """Give what is set by SIGINT or SIGTERM."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop
