"""Devices that hang beside devices that do not: the good ones are asked at their time, as if they were alone.

`python -m labmon_dagster_tests.soak.hang --minutes 2 --out FILE` asks eight good devices every second,
first alone, then beside sixteen that hang, each in a way of its own; then alone and beside them once more. It
compares how late the polls of the good ones begin and how long they take, and tells how long each hanging one
is held. Exit code 1: a promise was broken.
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

from labmon_dagster_tests.soak import plain as plain
from labmon_dagster_tests.soak import run as running
from labmon_dagster_tests.soak import served as served
from labmon_dagster_tests.soak.collector import Asked
from labmon_dagster_tests.soak.hanging import WAYS
from labmon_dagster_tests.soak.run import Process, Seen, Watch

GOOD = ("mmr3", "mgc3", "cmcpa", "cpx200", "mp710508", "cryo", "json-scale", "mmr3-page")
MINUTES, POLL = 2.0, 1.0
_ALONE, _BESIDE = "alone", "beside hanging ones"
_MORE_MEDIAN, _MORE_P99 = 5.0, 30.0  # ms that are noise
_FEW = {"quantities": ["temperature_1", "temperature_2"], "local_port": 0}
_BINS = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)  # ms
_STOPPING = 10.0  # s: polls under way have 3, then the rest has 3, then what was accepted is written


def hanging(ports: dict[str, int]) -> list[Asked]:
    """Ask those that hang."""
    return [
        Asked(
            "soak/hanging",
            name,
            way.type,
            f"{way.scheme}://{way.host}:{ports[name]}",
            POLL,
            options=_FEW if way.scheme == "udp" else {},
        )
        for name, way in WAYS.items()
    ]


def phase(home: Path, minutes: float, seed: int, beside: bool) -> dict[str, Any]:
    """Ask the good ones for some time, alone or beside those that hang; gives what was measured."""
    notes = home / "sent.json"
    settings = msgspec.json.encode(served.Settings(list(GOOD), seed, str(notes))).decode()
    with ExitStack() as stack:
        emulators = stack.enter_context(Process("served", [settings], home / "logs" / "good.log"))
        ports = json.loads(emulators.told)
        asked = [
            running.station("soak/good", name, name, port, "localhost")
            for name, port in zip(GOOD, ports, strict=True)
        ]
        if beside:
            bad = stack.enter_context(Process("hanging", [], home / "logs" / "hanging.log"))
            asked += hanging(json.loads(bad.told))
        collector = running.collector(home, asked, stack)
        watch = Watch(collector.pid)
        time.sleep(minutes * 60)
        used = watch.use()
        code, took = collector.stop()
        emulators.stop()
    return {
        "good": _good(home, notes),
        "hanging": _held(home, asked) if beside else {},
        "collector": asdict(used),
        "ended_with": code,
        "stopping_took_s": round(took, 2),
    }


def _good(home: Path, notes: Path) -> dict[str, Any]:
    """Tell of the good ones: counts, and how late their polls began."""
    polls = running.measured(home)[0]
    mine = polls[:, polls[0] < len(GOOD)]
    begun = np.sort(mine[1])[len(GOOD) :]  # the first poll of each is at once, not on the grid
    late = begun % int(POLL * 1e9) / 1e6
    told = [one for one in running.health(home)["devices"] if one["asset"] == "soak/good"]
    kept = plain.journals(home / "journal")
    lost = sum(
        plain.Tally.of(
            sent.serials, [n for line in kept.devices[name] for n in plain.serials(name, line.payload)]
        )
        != plain.Tally(len(sent.serials), len(sent.serials))
        for name, sent in zip(GOOD, served.noted(notes), strict=True)
    )
    return {
        **{name: sum(one[name] for one in told) for name in ("polls", "answers", "missed", "journalled")},
        "not_exactly_once": lost,
        "late_ms": running.spread(late),
        "late_histogram_ms": _histogram(late),
        "poll_ms": running.spread(mine[2] / 1e6),
    }


def _histogram(late: np.ndarray) -> dict[str, int]:
    counts = np.histogram(late, _BINS)[0]
    return {f"{low} to {high}": int(n) for low, high, n in zip(_BINS, _BINS[1:], counts, strict=False)}


def _held(home: Path, asked: Sequence[Asked]) -> dict[str, Any]:
    """Tell how long each poll of a hanging device took (s), and what the collector says of it."""
    polls = running.measured(home)[0]
    told = {one["device"]: one for one in running.health(home)["devices"]}
    held = {}
    for number, one in enumerate(asked):
        if one.name in WAYS:
            took = polls[2][polls[0] == number] / 1e9
            held[one.name] = {
                "polls": len(took),
                "median_s": round(float(np.median(took)), 2) if len(took) else None,
                "longest_s": round(float(took.max()), 2) if len(took) else None,
                "allowed_s": WAYS[one.name].longest,
                "answers": told[one.name]["answers"],
                "missed": told[one.name]["missed"],
                "error": told[one.name]["last_error"],
            }
    return held


def soak(home: Path, minutes: float, rounds: int, seed: int) -> Seen:
    """Do all phases, each in an empty folder of its own."""
    seen = Seen("devices that hang", seed, {"minutes_each": minutes, "rounds": rounds, "poll_seconds": POLL})
    for number in range(rounds):
        for beside in (False, True):
            name = f"{_BESIDE if beside else _ALONE}, {number + 1}"
            seen.figures[name] = phase(home / f"{number}-{beside}", minutes, seed, beside)
            _judge(seen, name, seen.figures[name])
    for what in ("late_ms", "poll_ms"):
        _compare(seen, what, rounds)
    return seen.end()


def _judge(seen: Seen, name: str, found: dict[str, Any]) -> None:
    good = found["good"]
    seen.expect(not good["missed"], f"{name}: {good['missed']} polls of good devices were missed", timed=True)
    seen.expect(good["polls"] == good["answers"], f"{name}: not all answered", timed=True)
    seen.expect(good["answers"] == good["journalled"] > 0, f"{name}: not all journalled")
    seen.expect(not good["not_exactly_once"], f"{name}: {good['not_exactly_once']} devices not exactly once")
    seen.expect(not found["ended_with"], f"{name}: the collector ended with {found['ended_with']}")
    seen.expect(
        found["stopping_took_s"] < _STOPPING,
        f"{name}: it took {found['stopping_took_s']} s to stop",
        timed=True,
    )
    for device, held in found["hanging"].items():
        told = f"{name}: {device}: {held}"
        seen.expect(held["polls"] > 0, told)
        seen.expect((held["longest_s"] or 0) <= held["allowed_s"], told, timed=True)
        seen.expect(not held["answers"] or "name only" in device, told)
        seen.expect(bool(held["error"]) or "name only" in device, told)


def _compare(seen: Seen, what: str, rounds: int) -> None:
    """The best round of each counts: another program's work only ever makes it worse."""
    for name, more in (("median", _MORE_MEDIAN), ("p99", _MORE_P99)):
        alone, beside = (
            min(seen.figures[f"{how}, {number + 1}"]["good"][what][name] for number in range(rounds))
            for how in (_ALONE, _BESIDE)
        )
        seen.figures[f"{what} {name}"] = {_ALONE: alone, _BESIDE: beside}
        seen.expect(
            beside <= 2 * alone + more,
            f"{what}, {name}: {alone} alone, {beside} beside hanging ones",
            timed=True,
        )


def main() -> int:
    """Run it, write what it saw, and say by the exit code whether every promise was kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=MINUTES, help="of each of the four phases")
    parser.add_argument("--rounds", type=int, default=2)
    asked = running.asked_for(parser)
    seen = running.in_folder(lambda home: soak(home, asked.minutes, asked.rounds, asked.seed))
    return running.told(seen, asked.out)


if __name__ == "__main__":
    sys.exit(main())
