"""How many messages a group writer takes, and how long one waits until the disk has it.

`python -m labmon_dagster_tests.system.journal_load --folder /data` prints it as JSON. The folder says which
disk is measured.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

from labmon_dagster.journal import Entry, GroupWriter, Journal

PAYLOAD = (b'{"t":"2021-06-25T10:50:05Z","v":[1.5,2.5],"s":"ok"}' * 4)[:200]
META = {"device": "caen_1", "type": "caen", "address": "tcp://crate:1470", "form": "json"}
MANY = 200_000


def peak(root: Path) -> dict[str, float]:
    """Submit as fast as one thread can: messages a second that it submits, and that are on disk."""
    writer = GroupWriter(Journal(root, "peak"), reserve_bytes=0, limit_bytes=2**30)
    begun = time.perf_counter()
    futures = [writer.submit(PAYLOAD, META) for _ in range(MANY)]
    submitted = time.perf_counter() - begun
    futures[-1].result()
    kept = time.perf_counter() - begun
    writer.close()
    return {"submitted_per_s": round(MANY / submitted), "kept_per_s": round(MANY / kept)}


def steady(root: Path, rate: int, seconds: float) -> dict[str, float]:
    """Submit at a steady rate: ms from submitting until the future is done, and the CPU it takes."""
    writer = GroupWriter(Journal(root, "steady"), reserve_bytes=0)
    waited: list[float] = []
    begun, cpu, number = time.perf_counter(), time.process_time(), 0
    while (passed := time.perf_counter() - begun) < seconds:
        while number < passed * rate:
            writer.submit(PAYLOAD, META).add_done_callback(_noting(waited, time.perf_counter()))
            number += 1
        time.sleep(0.001)
    cpu = time.process_time() - cpu
    assert writer.close()
    waited.sort()
    p50, p99, worst = (round(waited[int((len(waited) - 1) * share)] * 1000, 1) for share in (0.5, 0.99, 1))
    return {
        "messages": number,
        "p50_ms": p50,
        "p99_ms": p99,
        "max_ms": worst,
        "cpu_percent": round(100 * cpu / seconds),
    }


def _noting(waited: list[float], begun: float) -> Callable[[Future[Entry]], None]:
    return lambda _: waited.append(time.perf_counter() - begun)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=None)
    parser.add_argument("--rate", type=int, default=5000)
    parser.add_argument("--seconds", type=float, default=10)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        told = {"peak": peak(Path(folder)), "steady": steady(Path(folder), asked.rate, asked.seconds)}
    sys.stdout.write(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main()
