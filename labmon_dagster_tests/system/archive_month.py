"""A month of an archive: late rows, NULLs, double IDs, collisions; landed, recounted, judged by plain SQL.

`python -m labmon_dagster_tests.system.archive_month --rows 5000000` prints what it found as JSON. Landing
is done in processes of its own, so that their peak memory can be told: 30 days as one range, and 3 days.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from datetime import date, timedelta
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

from labmon_dagster.landing import Delivery, Landing, ask, time_boxed
from labmon_dagster.landing.recount import recount
from labmon_dagster.model.window import DAY, days_between, runs_of_days
from labmon_dagster.sources.wincc_archive.archive import BATCH
from labmon_dagster.stores import SqliteStore
from labmon_dagster_tests.peak import peak_kib
from labmon_dagster_tests.sources.wincc_archive.archives import FIRST, SPEC, START, source_at
from labmon_dagster_tests.sources.wincc_archive.judge import judged
from labmon_dagster_tests.sources.wincc_archive.large import large

ASSET = "cms_mtd/dcs_readings"
DAYS = 30
NOW = START + 40 * DAY


def land(archive: Path, store_file: Path, days: Sequence[date], size: int, *, whole: bool) -> dict[str, Any]:
    """Land days in a row in this process; give its seconds and its peak memory (MiB)."""
    began = time.perf_counter()
    with closing(SqliteStore(store_file)) as store:
        source = source_at(archive, size=size)
        request = ask(source, store.ledger(ASSET), days, NOW, whole=whole)
        readings = source.read(request)
        delivery = Delivery(ASSET, SPEC.measurement, tuple(days), whole=not request.since)
        Landing(store, delivery, NOW).land(time_boxed(readings, 600, ASSET))
    return {"seconds": round(time.perf_counter() - began, 1), "peak_mib": peak_kib() // 1024}


def landed_apart(archive: Path, store_file: Path, size: int, days: Sequence[date]) -> dict[str, Any]:
    """Land days in a process of its own."""
    asked = [str(one) for one in (archive, store_file, days[0], days[-1])]
    module = "labmon_dagster_tests.system.archive_month"
    command = [sys.executable, "-m", module, "--size", str(size), "--land", *asked]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout))


def month(folder: Path, rows: int, seed: int = 1, size: int = BATCH) -> dict[str, Any]:
    """Play the month through. Raises AssertionError where the ledger's equation does not hold."""
    made = large(folder / "archive.db", rows, DAYS, seed)
    made.fill()
    archive, store_file = made.archive.path, folder / "readings.db"
    days = days_between(FIRST, FIRST + timedelta(days=DAYS - 1))
    told: dict[str, Any] = {"three_days": landed_apart(archive, folder / "few.db", size, days[:3])}
    told["thirty_days"] = landed_apart(archive, store_file, size, days)
    with closing(SqliteStore(store_file)) as store:
        told["before_the_late_rows"] = _state(store, archive, store_file)
        made.fill_late()
        told["with_the_late_rows"] = judged(archive, store_file)._asdict()
        began = time.perf_counter()
        found = recount(store, source_at(archive), ASSET, SPEC.measurement, days, NOW)
        told["recount"] = {"seconds": round(time.perf_counter() - began, 1), "days": len(found.reopened)}
        told["recount"]["readings"] = sum(found.reopened.values())
    for run in runs_of_days(found.reopened):
        land(archive, store_file, run, size, whole=False)
    with closing(SqliteStore(store_file)) as store:
        told["after_the_recount"] = _state(store, archive, store_file)
    return told


def _state(store: SqliteStore, archive: Path, store_file: Path) -> dict[str, Any]:
    ledger = store.ledger(ASSET).values()
    for row in ledger:
        row.counts.check(f"{row.day}")
        assert row.proven, row
    counts = asdict(reduce(add, (row.counts for row in ledger)))
    pieces = len(store.quarantined(ASSET))
    return {"ledger": counts, "quarantined_pieces": pieces, "judge": judged(archive, store_file)._asdict()}


def main() -> None:
    """Play it, or land some days for the one who plays it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--size", type=int, default=BATCH, help="rows fetched at a time")
    parser.add_argument("--land", nargs=4, metavar=("ARCHIVE", "STORE", "FIRST", "LAST"))
    asked = parser.parse_args()
    if asked.land:
        archive, store, first, last = asked.land
        days = days_between(date.fromisoformat(first), date.fromisoformat(last))
        found = land(Path(archive), Path(store), days, asked.size, whole=True)
    else:
        with tempfile.TemporaryDirectory() as folder:
            found = {
                "rows": asked.rows,
                "seed": asked.seed,
                **month(Path(folder), asked.rows, asked.seed, asked.size),
            }
    sys.stdout.write(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
