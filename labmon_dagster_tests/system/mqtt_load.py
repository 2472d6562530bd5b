"""How many messages a second the collector takes from mosquitto into a journal, and where the time goes.

`python -m labmon_dagster_tests.system.mqtt_load --messages 100000` prints one line of JSON. ``waiting``: the
broker has all messages for the collector's session before it connects. ``live``: they are published
meanwhile, by a process of its own, as fast as the broker confirms them.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import json
import os
import pstats
import sys
import tempfile
import threading
import time
from collections import Counter
from multiprocessing import get_context
from pathlib import Path

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from labmon_dagster.collector.collector import Collector
from labmon_dagster.collector.station import Station
from labmon_dagster.journal import Journal
from labmon_dagster.model.devices import Address, DeviceSettings
from labmon_dagster.sources.mqtt import connection
from labmon_dagster.sources.mqtt.kinds import KINDS
from labmon_dagster_tests.peak import peak_kib
from labmon_dagster_tests.servers.mosquitto import Mosquitto
from labmon_dagster_tests.servers.process import HOST

ASSET, CLIENT, TOPIC = "cosmic/events", "load", "cosmic/{detector}/events"
_EVENT = (
    '["Epoch": 4009558015, "CounterClocks": 2764593408, "DetectorId": 0, "RunNumber": 12345, '
    '"TriggerCounter": null, "EventCounter": 3121872896, "ClockCount": null, "Format": 1, '
    '"EventNumber": %d, "TDC": {"1": {"Calib": [null, null], "Data": 5112064, "Calib1": 3521728, '
    '"Calib2": 12407809}, "0": {"Calib": [null, null], "Data": 6554112, "Calib1": 15075584, '
    '"Calib2": 15360512}}, "Timestamp": 622234535, "TriggerBits": 71, "CosmicBlock": 2}'
)
_WINDOW = 2000  # messages that the publisher has on their way
_STILL = 60.0  # s without progress


def publish(port: int, messages: int) -> None:
    """Publish events with quality of service 1; returns when the broker has confirmed them all."""
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.max_inflight_messages_set(_WINDOW)
    room = threading.Semaphore(_WINDOW)
    client.on_publish = lambda *_: room.release()
    client.connect(HOST, port)
    client.loop_start()
    for number in range(messages):
        room.acquire()
        client.publish("cosmic/0/events", _EVENT % number, 1)
    for _ in range(_WINDOW):
        room.acquire()
    client.disconnect()
    client.loop_stop()


def station(port: int) -> Station:
    """The broker as the collector knows it."""
    options = {"client_id": CLIENT, "topics": [TOPIC]}
    settings = DeviceSettings("broker", "MQTT", Address("mqtt", HOST, port), 10.0, options)
    return Station(ASSET, settings, KINDS[0], None)


async def collect(port: int, folder: Path, messages: int) -> tuple[float, float]:
    """Collect until all messages are in the journal: when the first came and the last was kept."""
    stop, collector = asyncio.Event(), Collector([station(port)], folder / "journal", folder / "collector")
    running = asyncio.create_task(collector.run(stop))
    first = last = 0.0
    seen, since = 0, time.monotonic()
    while seen < messages:
        await asyncio.sleep(0.02)
        assert not running.done(), running.result()
        now = collector._pollers[0].health.journalled
        if now != seen:
            seen, since = now, time.monotonic()
            first = first or since
        if time.monotonic() - since > _STILL:
            raise TimeoutError(f"{seen} of {messages} messages came, and no more")
    last = time.monotonic()
    stop.set()
    assert await running == []
    return first, last


async def remember(port: int, folder: Path) -> None:
    """Connect once, so that the broker has a session with subscriptions."""
    stop, collector = asyncio.Event(), Collector([station(port)], folder / "journal", folder / "collector")
    running = asyncio.create_task(collector.run(stop))
    while not collector._pollers or not collector._pollers[0].health.connections:
        await asyncio.sleep(0.02)
    stop.set()
    await running


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--window", type=int, default=20, help="max_inflight_messages of the broker")
    parser.add_argument("--live", action="store_true", help="publish while it is collected")
    parser.add_argument("--profile", action="store_true", help="profile the thread of the connection")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Mosquitto(
            folder / "mosquitto", autosave=False, more=f"max_inflight_messages {asked.window}\n"
        ) as server:
            told = measured(server.port, folder, asked.messages, live=asked.live, profile=asked.profile)
    sys.stdout.write(json.dumps({"window": asked.window, "live": asked.live, **told}) + "\n")


def measured(port: int, folder: Path, messages: int, *, live: bool, profile: bool) -> dict[str, object]:
    """Publish and collect; give what came of it."""
    asyncio.run(remember(port, folder))
    process = get_context("spawn").Process(target=publish, args=(port, messages))
    process.start()
    if not live:
        process.join()
    profiler = cProfile.Profile() if profile else None
    if profiler:
        _profile_connections(profiler)
    before = os.times()
    first, last = asyncio.run(collect(port, folder, messages))
    spent, peak = os.times(), peak_kib()
    process.join()
    if profiler:
        pstats.Stats(profiler, stream=sys.stderr).sort_stats("tottime").print_stats(25)
    journal = Journal(folder / "journal", ASSET)
    kept = Counter(entry.payload for day in journal.days() for entry in journal.read(day))
    return {
        "messages": messages,
        "missing": messages - len(kept),
        "twice": kept.total() - len(kept),
        "seconds": round(last - first, 2),
        "messages_per_second": round(messages / (last - first)),
        "processor_share": round(
            (spent.user + spent.system - before.user - before.system) / (last - first), 2
        ),
        "peak_mib": peak // 1024,
    }


def _profile_connections(profiler: cProfile.Profile) -> None:
    run = connection.Connection._run

    def profiled(self: connection.Connection) -> None:
        profiler.runcall(run, self)

    connection.Connection._run = profiled  # type: ignore[method-assign]


if __name__ == "__main__":
    main()
