"""Four programs of a station write while its two servers come and go, and programs are killed.

`python -m labmon_dagster_tests.soak.station.soak --minutes 20 --seed 1 --out FILE`. Servers are killed
(SIGKILL) and revived at random, programs are killed three times in all, and others take their place. At last
both servers are compared with what the programs have noted. Exit code 1: a promise was broken.
"""

from __future__ import annotations

import argparse
import multiprocessing as mp
import random
import signal
import sys
import threading
import time
from collections import Counter
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

from labmon_dagster.clients.eht_influx_client import EHTInfluxDBClient
from labmon_dagster_tests.servers.influx import Influxd
from labmon_dagster_tests.soak import run as running
from labmon_dagster_tests.soak.run import Seen
from labmon_dagster_tests.soak.station.judge import Row, judge, stored
from labmon_dagster_tests.soak.station.notes import Write, writes
from labmon_dagster_tests.soak.station.worker import Settings, work

PROGRAMS, KILLS, MINUTES, BUCKET = 4, 3, 20.0, "soak_test"
_SERVERS = ("local", "global")
_UP, _AWAY = 20.0, 15.0  # s that a server is there, and away, at most
_DRAIN = 600.0  # s


class Station:
    """Programs, servers, and what is done to them until ``seconds`` are over."""

    def __init__(self, folder: Path, seconds: float, seed: int, scale: float = 1.0) -> None:
        self.folder, self.seconds, self.seed, self._scale = folder, seconds, seed, scale
        # The cache stays in memory and the log on the disk: killed otherwise, influxd 1.6.7 may lose points.
        self.servers = {name: Influxd(folder / name, snapshots=False) for name in _SERVERS}
        self.done: Counter[str] = Counter()
        self._over = threading.Event()
        self._context = mp.get_context("spawn")
        self._programs: dict[int, SpawnProcess] = {}
        self._generation: Counter[int] = Counter()

    def run(self) -> None:
        """Do it. Raises RuntimeError where a program ends by itself, or the log cannot be drained."""
        for server in self.servers.values():
            server.start().create_database(BUCKET)
        (self.folder / "influx_config.ini").write_text(self._config())
        try:
            for who in range(PROGRAMS):
                self._start(who)
            self._torment()
            (self.folder / "enough").touch()
            for program in self._programs.values():
                self._end(program)
        finally:
            for program in self._programs.values():
                program.kill()
        self._drain()

    def writes(self) -> list[Write]:
        """Everything that the programs have noted."""
        return [one for path in sorted(self.folder.glob("notes-*")) for one in writes(path)]

    def _config(self) -> str:
        own = f"asset = eht/soak\nlog = {self.folder / 'journal'}\nlongest_pause = 2s\n"
        own += "every = 200ms\npatience = 1s\n"
        sections = [
            f"[server {name}]\napi = 1\nuser = soak\nurl = {server.url}\nbucket = {BUCKET}\n"
            for name, server in self.servers.items()
        ]
        return f"[eht_influx]\n{own}" + "".join(sections)

    def _start(self, who: int) -> None:
        self._generation[who] += 1
        name = f"{who}-{self._generation[who]}"
        config, enough = self.folder / "influx_config.ini", self.folder / "enough"
        settings = Settings(config, name, self.seed, self.folder / f"notes-{name}", enough)
        program = self._context.Process(target=work, args=(settings,))
        program.start()
        self._programs[who] = program

    def _end(self, program: SpawnProcess) -> None:
        program.join(120)
        if program.exitcode != 0:
            raise RuntimeError(f"a program did not end as it should: {program.exitcode}")

    def _torment(self) -> None:
        threads = [threading.Thread(target=self._come_and_go, args=(name,)) for name in self.servers]
        for thread in threads:
            thread.start()
        try:
            self._kill_programs(random.Random(f"{self.seed} programs"))
        finally:
            self._over.set()
            for thread in threads:
                thread.join()

    def _kill_programs(self, chance: random.Random) -> None:
        begun = time.monotonic()
        for at in sorted(chance.uniform(0.15, 0.85) * self.seconds for _ in range(KILLS)):
            time.sleep(max(0.0, begun + at - time.monotonic()))
            who = chance.randrange(PROGRAMS)
            program = self._programs[who]
            program.kill()
            program.join()
            if program.exitcode != -signal.SIGKILL:
                raise RuntimeError(f"a program ended by itself with {program.exitcode}")
            self.done["program kills"] += 1
            self._start(who)
        time.sleep(max(0.0, begun + self.seconds - time.monotonic()))

    def _come_and_go(self, name: str) -> None:
        chance, server = random.Random(f"{self.seed} {name}"), self.servers[name]
        while not self._over.wait(self._scale * chance.uniform(0.2, 1) * _UP):
            server.kill()
            self.done[f"{name} kills"] += 1
            self._over.wait(self._scale * chance.uniform(0.05, 1) * _AWAY)
            server.start_after_kill()

    def _drain(self) -> None:
        with EHTInfluxDBClient.from_config_file(self.folder / "influx_config.ini") as client:
            client.write_api().write(record='drained who="all" 1')
            if not client.delivered(_DRAIN):
                raise RuntimeError(f"the log is not drained after {_DRAIN:g} s: {client.states()}")


def soak(folder: Path, minutes: float, seed: int, scale: float = 1.0) -> Seen:
    """Do it, and judge. ``scale`` makes the servers come and go faster."""
    seen = Seen("station", seed, {"minutes": minutes, "programs": PROGRAMS, "servers": len(_SERVERS)})
    folder.mkdir(parents=True, exist_ok=True)
    station = Station(folder, minutes * 60, seed, scale)
    try:
        began = time.monotonic()
        station.run()
        noted = station.writes()
        there = {name: stored(server, BUCKET) for name, server in station.servers.items()}
    finally:
        for server in station.servers.values():
            server.kill()
    for name, rows in there.items():
        seen.broken += judge(name, rows, noted)
    seen.figures = _figures(noted, there) | {"faults": dict(station.done)}
    seen.figures["seconds"] = round(time.monotonic() - began, 1)
    _expect(seen, station.done, minutes)
    return seen.end()


def _figures(noted: list[Write], there: dict[str, list[Row]]) -> dict[str, Any]:
    outcomes = Counter(one.returned for one in noted)
    return {
        "writes": {"returned": outcomes[True], "killed_inside": outcomes[None]},
        "points_attempted": sum(len(one.points) for one in noted),
        "points_there": {name: len(rows) for name, rows in there.items()},
    }


def _expect(seen: Seen, done: Counter[str], minutes: float) -> None:
    """See that the soak was one."""
    returned = seen.figures["writes"]["returned"]
    seen.expect(returned >= minutes * 60 * PROGRAMS, f"only {returned} writes returned")
    seen.expect(done["program kills"] == KILLS, f"programs were killed {done['program kills']} times")
    for name in _SERVERS:
        kills = done[f"{name} kills"]
        seen.expect(kills >= 1 + minutes / 2, f"server {name} was killed {kills} times")


def main() -> int:
    """Run it, write what it saw, and say by the exit code whether every promise was kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=MINUTES)
    asked = running.asked_for(parser)
    seen = running.in_folder(lambda home: soak(home / "station", asked.minutes, asked.seed))
    return running.told(seen, asked.out)


if __name__ == "__main__":
    sys.exit(main())
