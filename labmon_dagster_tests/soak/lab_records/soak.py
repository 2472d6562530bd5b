"""Eight processes change the same runs and streams, and are killed; then a second reader judges.

`python -m labmon_dagster_tests.soak.lab_records.soak --calls 1000 --kills 50 --out FILE` does so in a MongoDB
and in SQLite. Each worker notes on the disk what it will ask, and what came of it. A kill is SIGKILL, mostly
while the worker is inside a call; the next worker of that number starts at once. Exit code 1: a promise was
broken.
"""

from __future__ import annotations

import argparse
import multiprocessing as mp
import random
import signal
import sys
import time
from collections import Counter
from contextlib import closing
from datetime import datetime
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import Any

import psutil

from labmon_dagster.records.lab import LabRecords
from labmon_dagster_tests.servers.mongo import Mongod
from labmon_dagster_tests.soak import run as running
from labmon_dagster_tests.soak.lab_records.judge import judge
from labmon_dagster_tests.soak.lab_records.notes import DONE, REFUSED, Call, calls, in_a_call
from labmon_dagster_tests.soak.lab_records.reader import Stored, stored
from labmon_dagster_tests.soak.lab_records.worker import DETECTORS, RECORDS, Settings, work
from labmon_dagster_tests.soak.run import Seen
from labmon_dagster_tests.stores.documents.records import mongo_url
from labmon_dagster_tests.stores.records.worker import opened

CALLS, KILLS, WORKERS = 1000, 50, 8
_AIMED = 0.8  # of the kills: the worker is inside a call; the others come at any moment
_PAUSE_SECONDS, _AIM_SECONDS, _MOMENT_SECONDS, _LONGEST_SECONDS = 0.5, 5.0, 0.02, 1800.0


class Soak:
    """Workers on one store, and what is done to them."""

    def __init__(self, url: str, folder: Path, each: int, kills: int, workers: int, seed: int) -> None:
        self.url, self.folder, self.kills = url, folder, kills
        self.killed = 0
        self._chance = random.Random(seed)
        forkserver._forkserver._forkserver_pid = None  # type: ignore[attr-defined]  # that of others may be gone
        self._context: ForkServerContext = mp.get_context("forkserver")
        self._context.set_forkserver_preload([judge.__module__, work.__module__, running.__name__])
        self._enough = folder / "enough"
        self._all = [
            Settings(url, who, seed, each, folder / f"notes-{who}.jsonl", self._enough)
            for who in range(workers)
        ]
        self._running: dict[int, ForkServerProcess] = {}

    def run(self) -> float:
        """Do it; gives how long it took (s). Raises RuntimeError where a worker ended by itself too early."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with closing(opened(self.url)) as store:
            for name in DETECTORS:
                LabRecords.of(store).detectors.create({"name": name})
        began = time.monotonic()
        try:
            for one in self._all:
                self._start(one)
            self._torment()
            self._enough.touch()
            self._wait(began + _LONGEST_SECONDS)
        finally:
            for process in self._running.values():
                process.kill()
        return time.monotonic() - began

    def calls(self) -> list[Call]:
        """Everything the workers have noted."""
        return [call for one in self._all if one.notes.exists() for call in calls(one.notes).values()]

    def _start(self, one: Settings) -> None:
        process = self._context.Process(target=work, args=(one,), name=f"worker-{one.who}")
        process.start()
        self._running[one.who] = process

    def _torment(self) -> None:
        while self.killed < self.kills:
            time.sleep(self._chance.random() * _PAUSE_SECONDS)
            one = self._chance.choice(self._all)
            process = self._running[one.who]
            if self._chance.random() < _AIMED:
                self._aim(process, one.notes)
            process.kill()
            process.join()
            if process.exitcode != -signal.SIGKILL:
                raise RuntimeError(f"{process.name} ended by itself with {process.exitcode}")
            self.killed += 1
            self._start(one)

    def _aim(self, process: ForkServerProcess, notes: Path) -> None:
        """Halt the worker at random moments until it is inside a call, or for some time."""
        worker = psutil.Process(process.pid)
        end = time.monotonic() + _AIM_SECONDS
        while time.monotonic() < end:
            worker.suspend()
            while worker.status() != psutil.STATUS_STOPPED and time.monotonic() < end:
                time.sleep(0.001)  # it stops when it comes back from the disk
            if in_a_call(notes, worker.pid):
                return
            worker.resume()
            time.sleep(self._chance.random() * _MOMENT_SECONDS)

    def _wait(self, end: float) -> None:
        for process in self._running.values():
            process.join(max(0.0, end - time.monotonic()))
            if process.exitcode:
                raise RuntimeError(f"{process.name} ended with {process.exitcode}")
            if process.exitcode is None:
                raise RuntimeError(f"{process.name} did not come to its end")


def soak(url: str, folder: Path, total: int, kills: int, workers: int, seed: int) -> Seen:
    """Do it on one store, and judge."""
    store = url.partition(":")[0]
    settings = {"store": store, "calls": total, "kills": kills, "workers": workers, "records": 2 * RECORDS}
    seen = Seen("records", seed, settings)
    one = Soak(url, folder, -(-total // workers), kills, workers, seed)
    took = one.run()
    noted = one.calls()
    there = stored(url)
    seen.broken += judge(there, noted)
    seen.figures = _figures(noted, there) | {"kills": one.killed, "seconds": round(took, 1)}
    _expect(seen, noted, kills)
    return seen.end()


def _figures(noted: list[Call], there: Stored) -> dict[str, Any]:
    outcomes = Counter(one.outcome or "killed inside" for one in noted)
    by_op = Counter(f"{one.op} {one.outcome or 'killed inside'}" for one in noted)
    killed = [one for one in noted if one.outcome is None]
    return {
        "calls": dict(outcomes),
        "by_operation": dict(sorted(by_op.items())),
        "killed_inside_but_done": sum(_traces(one, there) for one in killed),
        "records": {kind: len(bodies) for kind, bodies in there.items()},
        "history_entries": sum(len(one.get("history", [])) for one in there["stream"]),
    }


def _traces(call: Call, there: Stored) -> bool:
    """Whether a call left what it gave in the store: its number, its instant, or its temperature."""
    moment = call.given.get("moment")
    given = [call.id, call.given.get("mean"), datetime.fromisoformat(moment) if moment else None]
    marks = [repr(one) for one in given if one is not None]
    bodies = [repr(one) for one in there[call.kind] if one["name"] == call.record]
    return any(mark in body for mark in marks for body in bodies)


def _expect(seen: Seen, noted: list[Call], kills: int) -> None:
    """See that the soak was one."""
    done = Counter(one.outcome for one in noted)
    seen.expect(done[DONE] + done[REFUSED] >= seen.settings["calls"] - kills, "there were too few calls")
    for op in ("create", "start", "stop"):
        won, lost = (sum(one.op == op and one.outcome == what for one in noted) for what in (DONE, REFUSED))
        seen.expect(won > 0 and lost > 0, f"{op}: {won} won and {lost} lost")
    seen.expect(done[None] >= kills // 2, f"only {done[None]} of {kills} kills were inside calls")
    unexpected = [one.why for one in noted if one.outcome == REFUSED and one.record not in one.why]
    seen.expect(not unexpected, f"errors that do not name their record: {unexpected[:3]}")


def main() -> int:
    """Run it on both stores, write what it saw, and say by the exit code whether every promise was kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("calls", CALLS), ("kills", KILLS), ("workers", WORKERS)):
        parser.add_argument(f"--{name}", type=int, default=default)
    asked = running.asked_for(parser)
    numbers = (asked.calls, asked.kills, asked.workers, asked.seed)
    sqlite = running.in_folder(lambda home: soak(f"sqlite:///{home / 'lab.db'}", home / "notes", *numbers))
    mongo = running.in_folder(lambda home: _on_mongod(home, numbers))
    codes = [
        running.told(seen, asked.out and asked.out.with_stem(f"{asked.out.stem}-{seen.settings['store']}"))
        for seen in (sqlite, mongo)
    ]
    return max(codes)


def _on_mongod(home: Path, numbers: tuple[int, int, int, int]) -> Seen:
    with Mongod(home / "mongod") as server:
        return soak(mongo_url(server, "lab"), home / "notes", *numbers)


if __name__ == "__main__":
    sys.exit(main())
