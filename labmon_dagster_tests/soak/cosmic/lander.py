"""Runs of the asset `cosmic/events`, one after the other, in a process of their own.

`python -m labmon_dagster_tests.soak.cosmic.lander SECONDS NOTES ENOUGH` begins one every so many seconds, and
notes each as a JSON line: whether it succeeded, and what it took (s). When the file ENOUGH is there it ends
with a last one, which reads everything anew.
"""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dagster import DagsterInstance

from labmon_dagster.cli.common import feed_of
from labmon_dagster.components.feed import Feed
from labmon_dagster_tests.labs import materialize

ASSET = "cosmic/events"
_LOOK = 0.2  # s


def run(feed: Feed, days: tuple[str, str], instance: DagsterInstance, mode: str) -> dict[str, Any]:
    """Materialize the days; MongoDB may be away."""
    began = time.monotonic()
    told: dict[str, Any] = {"mode": mode, "success": True}
    try:
        materialize(feed, *days, instance=instance, mode=mode)
    except Exception as error:  # which is what the soak is about: noted, and judged there
        told |= {"success": False, "error": " ".join(str(error).split())[-300:]}
    return told | {"seconds": round(time.monotonic() - began, 2)}


def main() -> None:
    """Do it until it is enough."""
    every, notes, enough = float(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
    feed, first = feed_of(ASSET), _today()
    print("landing", flush=True)  # noqa: T201 - whoever started it waits for it
    with DagsterInstance.ephemeral() as instance, notes.open("a", buffering=1) as file:
        next_one = time.monotonic()
        while not enough.exists():
            if time.monotonic() >= next_one:
                next_one = time.monotonic() + every
                file.write(json.dumps(run(feed, (first, _today()), instance, "news")) + "\n")
            time.sleep(_LOOK)
        file.write(json.dumps(run(feed, (first, _today()), instance, "whole")) + "\n")


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


if __name__ == "__main__":
    main()
