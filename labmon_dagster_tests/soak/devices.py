"""The soak of the devices: faults, outages and kills for half an hour; then a second reader judges.

`python -m labmon_dagster_tests.soak.devices --minutes 30 --seed 1` emulates the devices of RICOCHET
with faults, polls each every second, and delivers to a MongoDB by Dagster's own schedules and sensors. For a
third of the time MongoDB is away; the collector is killed twice and Dagster twice, at random moments, Dagster
if possible while a run is under way. When
the faults are over it waits until everything journalled is delivered. It prints what it saw as JSON, and
ends with 1 if a promise was broken.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from labmon_dagster.collector.occupied import all_occupied
from labmon_dagster_tests.servers.mongo import Mongod
from labmon_dagster_tests.soak import records as records
from labmon_dagster_tests.soak.found import Evidence, Judgement
from labmon_dagster_tests.soak.judge import judge
from labmon_dagster_tests.soak.lost import End
from labmon_dagster_tests.soak.past_day import ASSETS
from labmon_dagster_tests.soak.plan import KILLS, Plan
from labmon_dagster_tests.soak.processes import DATABASE, UNDER_WAY, Lab, mongo_url
from labmon_dagster_tests.soak.progress import Progress, written

_LOOK_SECONDS, _AIM_SECONDS = 0.2, 300.0
JOURNALS = tuple(f"ricochet/{name}" for name in sorted(set(ASSETS.values())))
SETTLE_MINUTES = 25.0  # after failed runs the schedules wait for 5 minutes, then 10


@dataclass(slots=True)
class Seen:
    """What happened: times are UTC, ``*_s`` are s."""

    seed: int
    minutes: float
    began: str = ""
    collector_kills: list[str] = field(default_factory=list)
    dagster_kills: list[dict[str, Any]] = field(default_factory=list)
    outage: dict[str, str] = field(default_factory=dict)
    fresh_replies_s: float | None = None
    delivered_s: float | None = None
    judgement: Judgement = field(default_factory=Judgement)
    verdict: str = ""


class Soak:
    """A lab, its MongoDB, and what is done to them."""

    def __init__(self, folder: Path, server: Mongod, plan: Plan, progress: Progress) -> None:
        self.plan, self.server, self.progress = plan, server, progress
        self.lab = Lab(folder / "home", mongo_url(server), plan.seed, plan.rate)
        self.seen = Seen(plan.seed, plan.minutes)
        self.ends: list[End] = []
        self._armed: float | None = None

    def run(self) -> Seen:
        """Do it all."""
        try:
            self._start()
            self._torment()
            self._settle()
        finally:
            self.lab.stop()
        self.seen.judgement = judge(gathered(self.lab, self.server, self.ends))
        self._verdict()
        return self.seen

    def _start(self) -> None:
        self.progress.say("starting")
        self.lab.prepare_dagster()
        self.lab.start_devices()
        self.lab.start_dagster()
        self.lab.start_collector()
        self.seen.began = _now()

    def _torment(self) -> None:
        """Do at each moment what is planned for it."""
        began = time.monotonic()
        for at, what in sorted(self._events(), key=lambda event: event[0]):
            self._until(began + at)
            what()
        self._until(began + self.plan.minutes * 60)
        if self._armed is not None:
            self._kill_dagster()
        self.lab.calm()

    def _events(self) -> list[tuple[float, Callable[[], None]]]:
        begin, end = self.plan.outage
        return [
            (begin, self._mongo_goes),
            (end, self._mongo_comes),
            *((at, self._kill_collector) for at in self.plan.collector_kills),
            *((at, self._aim_at_dagster) for at in self.plan.dagster_kills),
        ]

    def _until(self, moment: float) -> None:
        while (left := moment - time.monotonic()) > 0:
            time.sleep(min(left, _LOOK_SECONDS))
            self.lab.watch()
            self.progress.show(self.lab)
            if self._armed is not None and self._is_aimed(self._armed):
                self._kill_dagster()

    def _is_aimed(self, since: float) -> bool:
        """Whether a run is as a kill wants it: the first a run that starts, the next one at work."""
        state = UNDER_WAY[len(self.seen.dagster_kills) % len(UNDER_WAY)]
        return state in self.lab.runs() or time.monotonic() - since > _AIM_SECONDS

    def _mongo_goes(self) -> None:
        self.server.kill()
        self.seen.outage["from"] = _now()
        self.progress.say("MongoDB is killed")

    def _mongo_comes(self) -> None:
        self.server.start()
        self.seen.outage["to"] = _now()
        self.progress.say("MongoDB is back")

    def _kill_collector(self) -> None:
        at = self.lab.kill_collector()
        self.ends.append(End(at))
        self.seen.collector_kills.append(_text(at))
        self.progress.say("the collector is killed")

    def _aim_at_dagster(self) -> None:
        """Kill it from now on, as soon as a run is under way; one that is aimed at already, at once."""
        if self._armed is not None:
            self._kill_dagster()
        self._armed = time.monotonic()

    def _kill_dagster(self) -> None:
        self._armed = None
        runs = self.lab.runs()
        at = self.lab.kill_dagster()
        self.seen.dagster_kills.append({"at": _text(at), "runs_under_way": runs})
        self.progress.say(f"Dagster is killed; runs under way: {', '.join(runs) or 'none'}")

    def _settle(self) -> None:
        """Wait for a fresh reply of every device, end the collector, and wait until all is delivered."""
        began, calm = time.monotonic(), time.time_ns()
        end = began + SETTLE_MINUTES * 60
        names = {at.emulated.variable for at in self.lab.devices.places}
        self.progress.say("faults are over; waiting for fresh replies")
        while len(self.progress.devices_since(calm)) < len(names) and time.monotonic() < end:
            self._until(time.monotonic() + 2)
        if len(self.progress.devices_since(calm)) == len(names):
            self.seen.fresh_replies_s = round(time.monotonic() - began, 1)
        self.ends.append(End(time.time_ns(), killed=False))
        self.lab.stop_collector()
        with all_occupied(self.lab.home / "collector", JOURNALS):  # otherwise the schedule would ask them
            self.progress.say("waiting until everything journalled is delivered")
            while not self.progress.delivered(self.lab) and time.monotonic() < end:
                self._until(time.monotonic() + 2)
            if self.progress.delivered(self.lab):
                self.seen.delivered_s = round(time.monotonic() - began, 1)

    def _verdict(self) -> None:
        seen, found = self.seen, self.seen.judgement
        happened = {
            "the collector was not killed": len(seen.collector_kills) < KILLS,
            "Dagster was not killed": len(seen.dagster_kills) < KILLS,
            "MongoDB was not away": len(seen.outage) < 2,
            "no fresh reply of every device came through": seen.fresh_replies_s is None,
            "not everything was delivered in time": seen.delivered_s is None,
            "a kind of fault did not happen": len(found.faults) < len(records.FAULTS),
        }
        found.broken[:0] = [what for what, is_so in happened.items() if is_so]
        seen.verdict = "; ".join(found.broken) or "every promise was kept"


def gathered(lab: Lab, server: Mongod, ends: Sequence[End]) -> Evidence:
    """Read everything that a lab left behind."""
    asked, spoilt = records.requests(lab.requests)
    ports = {at.port: at.emulated.name for at in lab.devices.places}
    return Evidence(
        records.replies(lab.replies),
        asked,
        spoilt,
        records.journals(lab.home / "journal", ports),
        records.stored(server.url, DATABASE, lab.home / "readings.db"),
        ends,
    )


def soak(folder: Path, plan: Plan) -> Seen:
    """Do it in an empty folder."""
    with Mongod(folder / "mongod") as server, Progress(server, plan.minutes) as progress:
        return Soak(folder, server, plan, progress).run()


def _now() -> str:
    return _text(time.time_ns())


def _text(at: int) -> str:
    return datetime.fromtimestamp(at / 1e9, UTC).isoformat(timespec="milliseconds")


def main() -> int:
    """Run it, write what it saw, and say by the exit code whether every promise was kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--json", type=Path, help="where to write what was seen; otherwise it is printed")
    parser.add_argument("--folder", type=Path, help="an empty folder that is kept; otherwise a temporary one")
    asked = parser.parse_args()
    plan = Plan.draw(asked.seed, asked.minutes)
    if asked.folder:
        asked.folder.mkdir(parents=True, exist_ok=True)
        seen = soak(asked.folder.absolute(), plan)
    else:
        with tempfile.TemporaryDirectory() as folder:
            seen = soak(Path(folder), plan)
    written(asdict(seen), asked.json)
    sys.stderr.write(f"{seen.verdict}\n")
    return 1 if seen.judgement.broken else 0


if __name__ == "__main__":
    sys.exit(main())
