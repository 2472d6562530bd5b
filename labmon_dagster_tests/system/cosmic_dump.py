"""How many events a second `labmon replay` brings from a dump into a store, and how much memory it takes.

`python -m labmon_dagster_tests.system.cosmic_dump --events 1000000` prints it as JSON, also for a tenth of
the events; ``--store mongodb`` starts a MongoDB beside. ``seconds`` says where the time went, and what took
most of it limits.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from labmon_dagster.settings import HOME, open_documents
from labmon_dagster_tests.peak import peak_kib
from labmon_dagster_tests.servers.mongo import Mongod
from labmon_dagster_tests.stores.documents.conftest import opened

COLLECTION = "cosmic_events"
_MODULE = "labmon_dagster_tests.system.cosmic_dump"
_EVENT = (
    '["Epoch": %d, "CounterClocks": %d, "DetectorId": %d, "RunNumber": 12345, "TriggerCounter": null, '
    '"EventCounter": %d, "ClockCount": null, "Format": 1, "EventNumber": %d, "TDC": {"1": {"Calib": [null, '
    'null], "Data": 5112064, "Calib1": 3521728, "Calib2": 12407809}, "0": {"Calib": [null, null], "Data": '
    '%d, "Calib1": 15075584, "Calib2": 15360512}}, "Timestamp": %d, "TriggerBits": %d, "CosmicBlock": 2}\n'
)


def write_dump(path: Path, events: int, seed: int = 1) -> Path:
    """Write a dump of so many events, all of them different."""
    chance = random.Random(seed)
    with path.open("w") as file:
        for number in range(events):
            swapped = int.from_bytes(number.to_bytes(4, "big"), "little")
            bits = chance.getrandbits
            stamp = 622_234_535 + number // 20
            file.write(_EVENT % (bits(32), bits(32), number % 4, swapped, number, bits(24), stamp, bits(7)))
    return path


def replay(path: Path, home: Path, url: str) -> dict[str, Any]:
    """Replay a dump in a process of its own; give what it measured of itself."""
    done = subprocess.run(
        _command("--child", path), env=_settings(home, url), stdout=subprocess.PIPE, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def kill_on_the_way(path: Path, home: Path, url: str, events: int) -> int:
    """Begin to replay a dump, kill (-9) when so many events are stored; give how many there are then."""
    with subprocess.Popen(
        _command("--child", path), env=_settings(home, url), stdout=subprocess.DEVNULL
    ) as child:
        while child.poll() is None and stored(url) < events:
            time.sleep(0.05)
        child.kill()
    return stored(url)


def stored(url: str) -> int:
    """Count the documents there are."""
    with closing(opened(url)) as store:
        return sum(store.tally(COLLECTION, ["detector"])["count"])


def _command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", _MODULE, *map(str, arguments)]


def _settings(home: Path, url: str) -> dict[str, str]:
    return {**os.environ, HOME: str(home), "LABMON_DOCUMENTS_URL": url}


@contextmanager
def _database(kind: str, folder: Path) -> Iterator[Callable[[str], str]]:
    """Give how the URL of a fresh database of a name is written."""
    if kind == "sqlite":
        yield lambda name: f"sqlite:///{folder}/{name}.db"
        return
    with Mongod(folder / "mongod") as server:
        yield lambda name: server.url.replace("/?", f"/{name}?")


def _timed(owner: Any, name: str, spent: dict[str, float], told: str) -> None:
    before = getattr(owner, name)

    def timed(*given: Any, **named: Any) -> Any:
        start = time.perf_counter()
        try:
            return before(*given, **named)
        finally:
            spent[told] = spent.get(told, 0.0) + time.perf_counter() - start

    setattr(owner, name, timed)


def _child(path: str) -> None:
    """Replay in this process, and print what it took."""
    from labmon_dagster.cli import app
    from labmon_dagster.events.loading import DumpLoader
    from labmon_dagster.journal import Journal

    spent: dict[str, float] = {}
    _timed(Journal, "append_many", spent, "journal")
    with closing(open_documents()) as store:
        for name in ("there", "admit", "write"):
            _timed(type(store), name, spent, f"store: {name}")
    _timed(DumpLoader, "take", spent, "take")
    start = time.perf_counter()
    app(["replay", path], standalone_mode=False)
    spent["reading and decoding"] = time.perf_counter() - start - sum(spent.values()) + spent.pop("take", 0.0)
    rounded = {name: round(seconds, 2) for name, seconds in spent.items()}
    sys.stdout.write(json.dumps({"peak_kib": peak_kib(), "seconds": rounded}) + "\n")


def measured(events: int, folder: Path, home: Path, url: str) -> dict[str, Any]:
    """Replay a dump of so many events; give events a second, the peak, and what limits."""
    path = write_dump(folder / f"{events}.dat", events)
    start = time.perf_counter()
    found = replay(path, home, url)
    took = time.perf_counter() - start
    parts: dict[str, float] = found["seconds"]
    total = sum(parts.values())
    return {
        "events": events,
        "stored": stored(url),
        "megabytes": round(path.stat().st_size / 1e6),
        "events_per_s": round(events / total),
        "seconds_with_start": round(took, 1),
        "limited_by": max(parts, key=lambda name: parts[name]),
        **found,
    }


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--store", choices=("sqlite", "mongodb"), default="sqlite")
    parser.add_argument("--folder", type=Path, help="on the disk that is measured")
    parser.add_argument("--child", help="(used by the script itself)")
    given = parser.parse_args()
    if given.child:
        _child(given.child)
        return
    with tempfile.TemporaryDirectory(dir=given.folder) as name, _database(given.store, Path(name)) as url:
        folder = Path(name)
        few, many = (
            measured(number, folder, folder / f"home{number}", url(f"events{number}"))
            for number in (given.events // 10, given.events)
        )
    ratio = round(many["peak_kib"] / few["peak_kib"], 3)
    sys.stdout.write(
        json.dumps({"store": given.store, "few": few, "many": many, "peak_ratio": ratio}, indent=1)
    )


if __name__ == "__main__":
    main()
