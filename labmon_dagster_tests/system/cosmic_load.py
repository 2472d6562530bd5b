"""How many events a second go from MQTT to MongoDB, all at work at once, and each part by itself.

`python -m labmon_dagster_tests.system.cosmic_load --events 300000` prints it as JSON: a publisher as fast as
the broker confirms, mosquitto, the collector, the landing of the asset and mongod, in processes of their own.
``share``: of one processor, while all are at work. ``landing_alone``: the same journal into another database.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import psutil

from labmon_dagster.collector import health
from labmon_dagster.components import CosmicEvents, Feed
from labmon_dagster.landing import Delivery, DocumentLanding, ask
from labmon_dagster.model import DatedSource, Request
from labmon_dagster.model.documents import Documents
from labmon_dagster.running import commands
from labmon_dagster.settings import HOME, collector_folder
from labmon_dagster.stores.documents.mongo import MongoDocuments
from labmon_dagster_tests.servers.mongo import Mongod
from labmon_dagster_tests.servers.mosquitto import Mosquitto
from labmon_dagster_tests.servers.process import HOST
from labmon_dagster_tests.stores.documents.records import mongo_url
from labmon_dagster_tests.system.daq_load import profiled
from labmon_dagster_tests.system.mqtt_load import publish

ASSET, COLLECTION = "cosmic/events", "cosmic_events"
_PAUSE, _STILL = 1.0, 60.0  # s


def feed(port: int) -> Feed:
    """The asset of the events of a broker."""
    start = f"{datetime.now(UTC).year}-01-01"
    broker = {"address": f"mqtt://{HOST}:{port}", "client_id": "load"}
    given = {"asset": ASSET, "collection": COLLECTION, "start": start, "broker": broker}
    return CosmicEvents.model_validate(given).feed()


def land(store: MongoDocuments, asset: Feed, first: date, *, whole: bool) -> int:
    """Read what is new since the ``first`` day, as a run does; gives how many events the store has."""
    days = tuple(date.fromordinal(n) for n in range(first.toordinal(), _today().toordinal() + 1))
    source = asset.source
    assert isinstance(source, DatedSource)
    request: Request = ask(source, store.ledger(ASSET), days, time.time_ns(), whole=whole)
    given = source.read(request)
    assert isinstance(given, Documents)
    delivery = Delivery(
        ASSET,
        COLLECTION,
        days,
        whole=whole,
        version=asset.version,
        stream_of=source.stream_of,
        by_receipt=True,
        by_content=True,
        indexes=asset.indexes,
    )
    return sum(row.in_store for row in DocumentLanding(store, delivery).land(given).values())


@contextmanager
def collecting(port: int) -> Iterator[psutil.Process]:
    """Run the collector of the lab's own YAML."""
    environ = {**os.environ, "COSMIC_MQTT": f"mqtt://{HOST}:{port}"}
    child = subprocess.Popen([*commands.collector(), ASSET], env=environ, stdout=subprocess.DEVNULL)
    try:
        yield psutil.Process(child.pid)
    finally:
        child.terminate()
        child.wait(30)


def together(server: Mosquitto, mongod: Mongod, events: int) -> dict[str, Any]:
    """Publish, collect and land at once; gives the rate, and what each part took of a processor."""
    asset, first = feed(server.port), _today()
    with collecting(server.port) as collector, closing(_store(mongod, "together")) as store:
        _await_subscription()
        publisher = get_context("spawn").Process(target=publish, args=(server.port, events))
        publisher.start()
        parts = {
            "publisher": psutil.Process(publisher.pid),
            "mosquitto": psutil.Process(server.pid),
            "collector": collector,
            "landing": psutil.Process(),
            "mongod": psutil.Process(mongod.pid),
        }
        begun, before = time.monotonic(), {name: _spent(one) for name, one in parts.items()}
        published, last = 0.0, _spent(parts["publisher"])
        stored, since = 0, begun
        while stored < events:
            now = land(store, asset, first, whole=False)
            if publisher.is_alive():
                last = _spent(parts["publisher"])
            else:
                published = published or time.monotonic() - begun
            if now != stored:
                stored, since = now, time.monotonic()
            elif time.monotonic() - since > _STILL:
                raise TimeoutError(f"{stored} of {events} events came, and no more")
            else:
                time.sleep(_PAUSE)
        seconds = time.monotonic() - begun
        spent = {name: _spent(one) for name, one in parts.items() if name != "publisher"} | {
            "publisher": last
        }
        publisher.join()
    share = {name: round((spent[name] - before[name]) / seconds, 2) for name in parts}
    return {
        "events": events,
        "events_per_s": round(events / seconds),
        "published_per_s": round(events / (published or seconds)),
        "share": share,
        "processors": os.cpu_count(),
    }


def alone(mongod: Mongod, port: int, events: int) -> dict[str, Any]:
    """Land the journal by itself, with a profile."""
    asset, first = feed(port), _today()

    def work() -> None:
        with closing(_store(mongod, f"alone{time.monotonic_ns()}")) as store:
            assert land(store, asset, first, whole=True) == events

    seconds, worst = profiled(work)
    return {"events_per_s": round(events / seconds), "most_time_in": worst}


def _store(mongod: Mongod, name: str) -> MongoDocuments:
    return MongoDocuments(mongo_url(mongod, name))


def _await_subscription() -> None:
    end = time.monotonic() + _STILL
    while not ((told := health.read(collector_folder())) and any(one.connections for one in told.devices)):
        if time.monotonic() > end:
            raise TimeoutError("the collector has not subscribed")
        time.sleep(0.1)


def _spent(process: psutil.Process) -> float:
    """How much of a processor a process and its children took so far (s)."""
    try:
        times = [one.cpu_times() for one in (process, *process.children(recursive=True))]
    except psutil.NoSuchProcess:
        return 0.0
    return sum(one.user + one.system for one in times)


def _today() -> date:
    return datetime.now(UTC).date()


def main(given: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=None)
    parser.add_argument("--events", type=int, default=300_000)
    asked = parser.parse_args(given)
    with tempfile.TemporaryDirectory(dir=asked.folder) as name:
        folder = Path(name)
        os.environ[HOME] = str(folder / "home")
        with Mosquitto(folder / "mosquitto", autosave=False) as server, Mongod(folder / "mongod") as mongod:
            told = together(server, mongod, asked.events)
            told["landing_alone"] = alone(mongod, server.port, asked.events)
    sys.stdout.write(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main()
