"""Many devices, every second, one collector: no poll may be missed, and each answer is kept exactly once.

`python -m labmon_dagster_tests.soak.many --devices 200 --minutes 5 --out FILE` emulates devices of all
kinds in two processes, asks each of them every second, and compares what the emulators have sent with what
stands in the journals. Beside that: what it took (CPU, memory), how long polls took, and how long messages
waited for the disk, by kind. Exit code 1: a promise was broken.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from labmon_dagster.running.instruments import EMULATED
from labmon_dagster_tests.soak import plain as plain
from labmon_dagster_tests.soak import run as running
from labmon_dagster_tests.soak import served as served
from labmon_dagster_tests.soak.collector import Asked
from labmon_dagster_tests.soak.run import Process, Seen, Use, Watch

DEVICES, MINUTES, POLL = 200, 5.0, 1.0
_PROCESSES = 2
_WARM = 2.0  # s in which modules are imported and connections made


def mixed(count: int) -> list[str]:
    """Name so many devices, of all kinds in turn."""
    names = list(EMULATED)
    return [names[number % len(names)] for number in range(count)]


def emulate(home: Path, names: Sequence[str], seed: int, stack: ExitStack) -> list[tuple[Process, Path]]:
    """Start the emulators; gives each with its notes."""
    started = []
    for number in range(_PROCESSES):
        mine, notes = names[number::_PROCESSES], home / f"sent-{number}.json"
        settings = msgspec.json.encode(served.Settings(list(mine), seed + 1000 * number, str(notes))).decode()
        log = home / "logs" / f"emulators-{number}.log"
        started.append((stack.enter_context(Process("served", [settings], log)), notes))
    return started


def stations(names: Sequence[str], emulators: Sequence[tuple[Process, Path]]) -> list[Asked]:
    """Ask each device, in a journal for each kind."""
    made: dict[int, Asked] = {}
    for number, (process, _) in enumerate(emulators):
        for place, port in enumerate(json.loads(process.told)):
            at = number + place * _PROCESSES
            name = names[at]
            made[at] = running.station(f"soak/{name}", f"{name}_{at}", name, port)
    return [made[at] for at in sorted(made)]


def soak(home: Path, devices: int, minutes: float, seed: int) -> Seen:
    """Do it in an empty folder."""
    seen = Seen("many devices", seed, {"devices": devices, "minutes": minutes, "poll_seconds": POLL})
    names = mixed(devices)
    with ExitStack() as stack:
        emulators = emulate(home, names, seed, stack)
        asked = stations(names, emulators)
        collector = running.collector(home, asked, stack)
        time.sleep(_WARM)
        uses = [Watch(one.pid) for one in (collector, *(process for process, _ in emulators))]
        time.sleep(minutes * 60)
        used, *others = [one.use() for one in uses]
        code, took = collector.stop()
        for process, _ in emulators:
            process.stop()
    seen.figures = _figures(used, others, took)
    seen.expect(code == 0, f"the collector ended with {code}")
    _judge(seen, home, asked, names, emulators)
    _timings(seen, home, names)
    return seen.end()


def _figures(used: Use, others: Sequence[Use], took: float) -> dict[str, Any]:
    return {
        "collector": asdict(used),
        "emulators_cpu": [one.cpu for one in others],
        "stopping_took_s": round(took, 2),
    }


def _judge(
    seen: Seen,
    home: Path,
    asked: Sequence[Asked],
    names: Sequence[str],
    emulators: Sequence[tuple[Process, Path]],
) -> None:
    kept = plain.journals(home / "journal")
    told = {one["device"]: one for one in running.health(home)["devices"]}
    total = plain.Tally()
    unanswered = 0
    sent = _sent(asked, emulators)
    for one, name in zip(asked, names, strict=True):
        lines = kept.devices.get(one.name, [])
        there = [serial for line in lines for serial in plain.serials(name, line.payload)]
        unanswered += sum(b'"error":' in line.payload or "trouble" in line.meta for line in lines)
        _add(total, plain.Tally.of(sent[one.name], there))
        polls = told[one.name]["polls"]
        seen.expect(len(lines) == polls, f"{one.name}: {polls} polls, {len(lines)} messages in the journal")
    _totals(seen, list(told.values()), total)
    seen.expect(not unanswered, f"{unanswered} answers with an error in them", timed=True)
    seen.expect(not kept.torn, f"torn lines: {kept.torn[:3]}")


def _sent(asked: Sequence[Asked], emulators: Sequence[tuple[Process, Path]]) -> dict[str, list[int]]:
    """Give the serials that each device has sent."""
    return {
        asked[number + place * _PROCESSES].name: one.serials
        for number, (_, notes) in enumerate(emulators)
        for place, one in enumerate(served.noted(notes))
    }


def _totals(seen: Seen, told: Sequence[dict[str, Any]], total: plain.Tally) -> None:
    counted = ("polls", "answers", "missed", "troubled", "refused", "unasked", "journalled")
    sums = {name: sum(one[name] for one in told) for name in counted}
    seen.figures |= {"counts": sums, "serials": asdict(total)}
    seen.expect(sums["polls"] > 0, "nothing was asked")
    kinds = sorted({one["asset"] for one in told if one["missed"]})
    use = seen.figures["collector"]
    why = f"of {kinds}; the collector waited {use['waited']} of {use['seconds']} s for a core"
    seen.expect(not sums["missed"], f"{sums['missed']} polls were missed {why}", timed=True)
    seen.expect(sums["polls"] == sums["answers"], "not every poll was answered", timed=True)
    seen.expect(sums["answers"] == sums["journalled"], "answers and journalled differ")
    for what in ("twice", "lost", "unknown"):
        seen.expect(not getattr(total, what), f"{getattr(total, what)} serials {what}")
    seen.expect(
        total.sent == sums["polls"], f"{total.sent} numbered replies to {sums['polls']} polls", timed=True
    )


def _add(total: plain.Tally, one: plain.Tally) -> None:
    for name, value in asdict(one).items():
        setattr(total, name, getattr(total, name) + value)


def _timings(seen: Seen, home: Path, names: Sequence[str]) -> None:
    """Tell how long polls took, how long after their time they began, and how long messages waited."""
    polls, waits = running.measured(home)
    kinds = np.array(names)
    begun = np.sort(polls[1])[len(names) :]  # the first poll of each is at once, not on the grid
    late = begun % int(POLL * 1e9) / 1e6
    seen.figures["late_ms"] = running.spread(late)
    seen.figures["poll_ms"] = running.spread(polls[2] / 1e6)
    seen.figures["until_flushed_ms"] = running.spread(waits[1] / 1e6)
    seen.figures["by_kind"] = {
        name: {
            "devices": int((kinds == name).sum()),
            "poll_ms": running.spread(polls[2][kinds[polls[0]] == name] / 1e6),
            "until_flushed_ms": running.spread(waits[1][kinds[waits[0]] == name] / 1e6),
        }
        for name in dict.fromkeys(names)
    }


def main() -> int:
    """Run it, write what it saw, and say by the exit code whether every promise was kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=DEVICES)
    parser.add_argument("--minutes", type=float, default=MINUTES)
    asked = running.asked_for(parser)
    seen = running.in_folder(lambda home: soak(home, asked.devices, asked.minutes, asked.seed))
    return running.told(seen, asked.out)


if __name__ == "__main__":
    sys.exit(main())
