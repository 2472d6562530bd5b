"""How many DAQ messages a second reach the journal, and from there MongoDB, with a profile of both.

`python -m labmon_dagster_tests.system.daq_load --folder /data` prints it as JSON. The folder says which
disk is measured; mongod is started beside.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import os
import pstats
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from labmon_dagster.clients.ricochetdb.daq import DaqLogger
from labmon_dagster.components import Feed, Messages
from labmon_dagster.landing import Delivery, DocumentLanding
from labmon_dagster.model import NOWHERE, DatedSource, Request, Window
from labmon_dagster.model.documents import Documents
from labmon_dagster.settings import HOME
from labmon_dagster.stores.documents.mongo import MongoDocuments
from labmon_dagster_tests.servers.mongo import Mongod
from labmon_dagster_tests.stores.documents.records import mongo_url

ASSET, COLLECTION = "ricochet/daq_messages", "daq_messages"
EACH, MANY, _SHOWN = 100, 200_000, 12


def made(number: int, now: float) -> list[dict[str, Any]]:
    """Messages as a DAQ program inserts them at once."""
    return [
        {"topic": f"topic{n % 4 + 1}", "timestamp": now + n * 1e-4, "val1": n, "myfield_2": f"text_value{n}"}
        for n in range(number)
    ]


def insert_all(logger: DaqLogger, many: int = MANY) -> None:
    """Insert as fast as one thread can, 100 at a time."""
    given = made(EACH, time.time())
    for _ in range(many // EACH):
        logger.insert(given)


def feed() -> Feed:
    """The asset of the messages."""
    today = datetime.now(UTC).date()
    return Messages.model_validate(
        {"asset": ASSET, "collection": COLLECTION, "start": f"{today.year}-01-01"}
    ).feed()


def deliver(store: MongoDocuments, asset: Feed, first: date) -> int:
    """Land all days from the ``first`` on, as the asset does; gives how many messages were stored."""
    days = tuple(Window.of_days(first, datetime.now(UTC).date()).days)
    source = asset.source
    assert isinstance(source, DatedSource)
    given = source.read(Request(Window.of_days(days[0], days[-1]), NOWHERE, NOWHERE, time.time_ns()))
    assert isinstance(given, Documents)
    delivery = Delivery(asset.asset, asset.measurement, days, version="1", stream_of=source.stream_of)
    rows = DocumentLanding(store, delivery).land(given)
    return sum(row.counts.stored for row in rows.values())


def profiled(work: Callable[[], object]) -> tuple[float, list[str]]:
    """How long something takes (s), and what its thread spent most time in when it is done again."""
    begun = time.perf_counter()
    work()
    took = time.perf_counter() - begun
    profile = cProfile.Profile()
    profile.runcall(work)
    return took, list(_worst(profile))


def _worst(profile: cProfile.Profile) -> Iterator[str]:
    found = pstats.Stats(profile).get_stats_profile()
    worst = sorted(found.func_profiles.items(), key=lambda one: -one[1].tottime)[:_SHOWN]
    for name, one in worst:
        share = 100 * one.tottime / found.total_tt
        yield f"{share:.0f} % {Path(one.file_name).name}:{one.line_number} {name}"


def measured(folder: Path, many: int) -> dict[str, Any]:
    """Messages a second into the journal and into MongoDB, and what limits each."""
    os.environ[HOME] = str(folder / "home")
    first, logger = datetime.now(UTC).date(), DaqLogger()
    into_journal, inserting = profiled(lambda: insert_all(logger, many))
    with Mongod(folder / "mongod") as server:

        def land(name: str = "daq") -> None:
            with closing(MongoDocuments(mongo_url(server, f"{name}{time.monotonic_ns()}"))) as store:
                assert deliver(store, feed(), first) == 2 * many  # what was profiled is there, too

        into_mongo, landing = profiled(land)
    return {
        "into_journal_per_s": round(many / into_journal),
        "into_mongodb_per_s": round(2 * many / into_mongo),
        "journal_limited_by": inserting,
        "mongodb_limited_by": landing,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=None)
    parser.add_argument("--messages", type=int, default=MANY)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        sys.stdout.write(json.dumps(measured(Path(folder), asked.messages), indent=1) + "\n")


if __name__ == "__main__":
    main()
