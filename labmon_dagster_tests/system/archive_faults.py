"""The faults that `allsensor.py` lost readings by, played to it and to labmon at once.

`python -m labmon_dagster_tests.system.archive_faults --seed 7` prints what it saw as JSON. Both programs
read one archive and write to one influxd, each to a database of its own, by a clock that is told: ticks are
five minutes apart around the faults and an hour elsewhere. InfluxDB is away for an hour, each program is
killed three times while it writes, rows come behind the cursor, and some come three days late.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from labmon_dagster_tests.servers.influx import Influxd
from labmon_dagster_tests.sources.wincc_archive.archives import FIRST, small
from labmon_dagster_tests.system.archive_figures import Books, Figures, Ground, ns
from labmon_dagster_tests.system.archive_worker import LABMON, ORIGINAL, Answer, Program

BEGIN = datetime.combine(FIRST, datetime.min.time(), UTC)
FIVE_MINUTES = timedelta(minutes=5)
MINUTE_S, BURST_S = 60, 1
MTRS, PLC = range(101, 113), range(201, 211)
NULLS = 0.01
AWAY, KILLED, LATE, DAYS_LATE = "InfluxDB away", "killed while writing", "behind the cursor", "days late"


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """A time, counted from the first day."""
    return BEGIN + timedelta(days=day, hours=hour, minutes=minute)


AWAY_AT = tuple(at(0, 10) + n * FIVE_MINUTES for n in range(12))
KILLS_AT = (at(1, 13), at(1, 13, 30), at(1, 14))
LATE_AT = {at(2, 9): 1, at(2, 9, 15): 8, at(3, 0, 5): 6}
DAYS_LATE_AT = at(3, 15)
END = at(4, 5)


@dataclass(frozen=True, slots=True)
class Strike:
    """A kill while a program was writing: how many readings of the tick were stored by then."""

    program: str
    at: str
    stored: int
    of: int

    @property
    def mid_write(self) -> bool:
        """Whether some were stored, and some were not."""
        return 0 < self.stored < self.of


@dataclass(slots=True)
class Seen:
    """What happened.

    ``faults``: how many readings of the archive belong to each. ``failed_…``: errors of labmon by name.
    ``missing_before_audit``: what labmon's ticks alone had not found, before each night's work;
    ``reopened``: by night, the days that the recount opened again and what each lacked.
    """

    seed: int
    ticks: int = 0
    readings: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    strikes: list[Strike] = field(default_factory=list)
    failed_while_away: dict[str, int] = field(default_factory=dict)
    failed_otherwise: dict[str, int] = field(default_factory=dict)
    dropped_by_original: int = 0
    missing_before_audit: dict[str, dict[str, int]] = field(default_factory=dict)
    reopened: dict[str, dict[str, int]] = field(default_factory=dict)
    labmon: Figures | None = None
    books: Books | None = None
    original: Figures | None = None


class Drill:
    """The archive, the server, both programs, and the clock."""

    def __init__(self, folder: Path, server: Influxd, seed: int) -> None:
        self.chance = random.Random(seed)
        self.seen = Seen(seed)
        self.server = server
        self.ground = Ground(small(folder / "archive.db"), server)
        settings = {"archive": str(folder / "archive.db"), "folder": str(folder), "port": server.port}
        for name in (LABMON, ORIGINAL):
            server.create_database(name)
        self.labmon = Program(LABMON, settings, folder / "labmon.log")
        self.original = Program(ORIGINAL, settings, folder / "original.log")

    def play(self) -> Seen:
        """Do it all, and compare."""
        try:
            for before, now, after in _ticks():
                self._tick(before, now)
                self._come_late(now)
                self._night(now, after)
        finally:
            self.labmon.kill()
            self.original.kill()
        seen = self.seen
        seen.readings = len(self.ground.readings())
        seen.faults = dict(Counter(self.ground.faults.values()))
        seen.labmon, seen.original = self.ground.compare(LABMON), self.ground.compare(ORIGINAL)
        seen.books = self.ground.books(END.date())
        return seen

    def _tick(self, before: datetime, now: datetime) -> None:
        self.seen.ticks += 1
        readings = self._rows(before, now)
        if now == AWAY_AT[-1] + FIVE_MINUTES:
            self.server.start_after_kill()
        if now in KILLS_AT:
            for program in (self.labmon, self.original):
                self._strike(program, before, now, readings, program.kill)
            return
        if now == AWAY_AT[0]:
            self._strike(self.labmon, before, now, readings, self.server.kill)
        else:
            self.labmon.begin("tick", now)
        self.original.begin("tick", now)
        self._done(self.labmon.end(), now)
        dropped = self.original.end()["done"]["dropped"]
        self.seen.dropped_by_original = max(dropped, self.seen.dropped_by_original)

    def _strike(
        self, program: Program, before: datetime, now: datetime, of: int, kill: Callable[[], None]
    ) -> None:
        """Let a program do its tick, and kill somebody at a random moment while it writes."""
        wanted = max(1.0, of * self.chance.uniform(0.05, 0.4))
        program.begin("tick", now)
        until = time.monotonic() + 60
        while (stored := self.ground.count(program.name, before, now)) < wanted and time.monotonic() < until:
            pass
        kill()
        if self.server.running:
            stored = self.ground.count(program.name, before, now)
        self.seen.strikes.append(Strike(program.name, now.isoformat(), stored, of))

    def _rows(self, before: datetime, now: datetime) -> int:
        """Let the archive grow; give the number of readings. There are more before a kill."""
        fault = AWAY if now in AWAY_AT else KILLED if now in KILLS_AT else ""
        gap = BURST_S if now in {AWAY_AT[0], *KILLS_AT} else MINUTE_S
        slots = int((now - before).total_seconds()) // gap
        readings = 0
        for dpids in (MTRS, PLC):
            times = [
                (
                    dpid,
                    before + timedelta(seconds=gap * slot, microseconds=self.chance.randrange(gap * 10**6)),
                )
                for slot in range(slots)
                for dpid in dpids
            ]
            readings += self._insert(times, fault, NULLS)
        return readings

    def _come_late(self, now: datetime) -> None:
        """Add rows of a time that both programs have read past."""
        for dpid in self.chance.sample([*MTRS, *PLC], LATE_AT.get(now, 0)):
            back = timedelta(seconds=self.chance.uniform(5 * 60, 50 * 60))
            self._insert([(dpid, now - back)], LATE)
        for dpids in (MTRS, PLC) if now == DAYS_LATE_AT else ():
            back = timedelta(days=3, seconds=self.chance.uniform(0, 3600))
            self._insert([(self.chance.choice(dpids), now - back)], DAYS_LATE)

    def _insert(self, times: list[tuple[int, datetime]], fault: str, nulls: float = 0.0) -> int:
        """Add rows of one table; give the number of those with a value."""
        archive, chance = self.ground.archive, self.chance
        rows = [
            (dpid, at, None if chance.random() < nulls else round(chance.gauss(-30, 5), 4))
            for dpid, at in times
        ]
        (archive.mtrs if times[0][0] in MTRS else archive.plc)(*rows)
        if fault:
            self.ground.faults |= {(dpid, ns(at)): fault for dpid, at, value in rows if value is not None}
        return sum(value is not None for _, _, value in rows)

    def _night(self, now: datetime, after: datetime) -> None:
        """What labmon's other schedules start between two ticks: audits, and the recount at night."""
        audit, recount = now.replace(minute=20, second=30), now.replace(hour=2, minute=40, second=30)
        today = now.date().isoformat()
        if now < audit < after:
            if now >= at(1, 0) and now.hour == 0:
                self.seen.missing_before_audit[today] = self.ground.compare(LABMON).missing
            self.labmon.begin("audit", audit)
            self._done(self.labmon.end(), now)
        if now < recount < after:
            self.labmon.begin("recount", recount)
            if reopened := self._done(self.labmon.end(), now):
                self.seen.reopened[today] = reopened

    def _done(self, answer: Answer, now: datetime) -> Answer:
        if "failed" in answer:
            seen = self.seen.failed_while_away if now in AWAY_AT else self.seen.failed_otherwise
            seen[answer["failed"]] = seen.get(answer["failed"], 0) + 1
            return {}
        found: Answer = answer["done"]
        return found


def _ticks() -> Iterator[tuple[datetime, datetime, datetime]]:
    """Each tick between the one before and the one after it."""
    faults = [*AWAY_AT, *KILLS_AT, *LATE_AT, DAYS_LATE_AT]
    every = [BEGIN + n * FIVE_MINUTES for n in range((END - BEGIN) // FIVE_MINUTES + 1)]
    close = [one for one in every if not one.minute or any(abs(one - f) <= 3 * FIVE_MINUTES for f in faults)]
    for before, (now, after) in zip(close, pairwise(close[1:]), strict=False):
        yield before, now, after


def drill(folder: Path, seed: int) -> Seen:
    """Play all faults in an empty folder."""
    with Influxd(folder / "influxd", snapshots=False) as server:
        return Drill(folder, server, seed).play()


def main() -> None:
    """Run it and print what it saw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=7)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        seen = drill(Path(folder), asked.seed)
    sys.stdout.write(json.dumps(asdict(seen), indent=1) + "\n")


if __name__ == "__main__":
    main()
