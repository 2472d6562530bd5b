"""Pushed datagrams, many a second: each is in the journal exactly once, or the kernel has counted its drop.

`python -m labmon_dagster_tests.soak.udp --rate 5000 --seconds 60 --out FILE` pushes numbered MES1
messages from one process to the port of a collector in another. Then a second run with little room in the
kernel, at a rate where drops begin: there `received + dropped = sent` must hold, and `labmon status` must
say so. Exit code 1: a promise was broken.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

from labmon_dagster.running.place import free_udp_port
from labmon_dagster_tests.soak import plain as plain
from labmon_dagster_tests.soak import run as running
from labmon_dagster_tests.soak.collector import Asked
from labmon_dagster_tests.soak.run import Process, Seen, Watch

RATE, SECONDS = 5000.0, 60.0
FLOOD_RATE, FLOOD_SECONDS, FLOOD_BUFFER = 50_000.0, 4.0, 65_536
DEVICE = "bridge"
_QUIET = 2.5  # s after the last datagram until the health has told of all


def pushed(home: Path, rate: float, seconds: float, buffer: int = 0) -> dict[str, Any]:
    """Push at a rate, and give what became of it. ``buffer``: bytes of room in the kernel, 0: as ever."""
    ours, theirs = free_udp_port(), free_udp_port()
    station = Asked(
        "soak/imacrt", DEVICE, "MMR3", f"udp://127.0.0.1:{theirs}", None, options={"local_port": ours}
    )
    arguments = [str(theirs), str(ours), str(rate), str(seconds)]
    with ExitStack() as stack:
        collector = running.collector(home, [station], stack, buffer)
        watch = Watch(collector.pid)
        pusher = stack.enter_context(Process("pushing", arguments, home / "logs" / "pushing.log"))
        sent = json.loads(pusher.line())
        used = watch.use()
        time.sleep(_QUIET)
        health, status = running.health(home), running.said_by_status(home)
        code, took = collector.stop()
    port, device = health["ports"][0], health["devices"][0]
    return {
        "sent": sent["sent"],
        "seconds": round(sent["seconds"], 2),
        "rate": round(sent["sent"] / sent["seconds"]),
        "received": port["received"],
        "dropped": port["dropped"],
        "journalled": device["journalled"],
        "refused": device["refused"],
        "collector": asdict(used),
        "ended_with": code,
        "stopping_took_s": round(took, 2),
        "status": [line.strip() for line in status.splitlines() if "dropped" in line],
        **_kept(home, sent["sent"]),
    }


def _kept(home: Path, sent: int) -> dict[str, Any]:
    """Read the journal, and compare the numbers in it with those that were pushed."""
    found = plain.journals(home / "journal")
    lines = found.devices.get(DEVICE, [])
    numbers = [plain.pushed(line.payload) for line in lines]
    there = [number for number in numbers if number is not None]
    times = [line.received for line in lines]
    waits = running.measured(home)[1][1]
    return {
        "in_journal": len(lines),
        "altered": len(lines) - len(there),
        "serials": asdict(plain.Tally.of(range(1, sent + 1), there)),
        "in_order": there == sorted(there),
        "same_time_of_receipt": len(times) - len(set(times)),
        "torn": len(found.torn),
        "until_flushed_ms": running.spread(waits / 1e6),
    }


def judge(seen: Seen, name: str, run: dict[str, Any]) -> None:
    """Say which promises a run has broken."""
    seen.figures[name] = run
    serials = run["serials"]
    told = f"{name}: {run['sent']} sent, {run['received']} received, {run['dropped']} dropped by the kernel"
    kept = f"{run['in_journal']} in the journal"
    seen.expect(run["sent"] == run["received"] + run["dropped"], told)
    seen.expect(run["sent"] == run["in_journal"] + run["dropped"], f"{told}, {kept}")
    seen.expect(serials["lost"] == run["dropped"], f"{name}: {serials['lost']} serials lost; {told}")
    seen.expect(run["journalled"] == run["in_journal"], f"{name}: health says {run['journalled']}, {kept}")
    for what in ("twice", "unknown"):
        seen.expect(not serials[what], f"{name}: {serials[what]} serials {what}")
    for what in ("altered", "torn", "refused", "same_time_of_receipt", "ended_with"):
        seen.expect(not run[what], f"{name}: {what}: {run[what]}")
    seen.expect(run["in_order"], f"{name}: not in the order in which they were sent")


def soak(home: Path, rate: float, seconds: float, flood_seconds: float) -> Seen:
    """Do both runs in an empty folder."""
    settings = {"rate": rate, "seconds": seconds, "flood_rate": FLOOD_RATE, "flood_seconds": flood_seconds}
    seen = Seen("pushed datagrams", 0, settings | {"flood_buffer": FLOOD_BUFFER})
    judge(seen, "steady", pushed(home / "steady", rate, seconds))
    flood = pushed(home / "flood", FLOOD_RATE, flood_seconds, FLOOD_BUFFER)
    judge(seen, "flood", flood)
    seen.expect(not seen.figures["steady"]["dropped"], "the kernel dropped some at the steady rate")
    seen.expect(flood["dropped"] > 0, "the flood was none: nothing was dropped")
    seen.expect(
        any(f"{flood['dropped']} datagrams dropped" in line for line in flood["status"]),
        f"labmon status does not tell of {flood['dropped']} drops: {flood['status']}",
    )
    return seen.end()


def main() -> int:
    """Run it, write what it saw, and say by the exit code whether every promise was kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=RATE)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    asked = running.asked_for(parser)
    seen = running.in_folder(lambda home: soak(home, asked.rate, asked.seconds, FLOOD_SECONDS))
    return running.told(seen, asked.out)


if __name__ == "__main__":
    sys.exit(main())
