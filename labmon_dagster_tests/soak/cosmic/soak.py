"""COSMIC detectors publish while broker, collector and MongoDB come and go; then every event is looked for.

`python -m labmon_dagster_tests.soak.cosmic.soak --minutes 10 --rate 1000 --seed 1 --out FILE`. A real
mosquitto is ended (SIGTERM) and started again three times, the collector is killed (SIGKILL) five times,
MongoDB is killed and away for five minutes (half of a shorter soak), and the asset cosmic/events is
materialized all the time. At last MongoDB is compared with the log of what the broker has acknowledged.
Exit code 1: a promise was broken.

mosquitto is not killed with SIGKILL unless ``--sigkill`` is given: it acknowledges a message before it writes
it to its file, whatever its settings, so that it may lose what it has acknowledged and not yet passed on.
With SIGTERM it writes all. Measured at 1,000 events/s, the file written at every change: five of six SIGKILLs
lost one acknowledged message while the subscriber was away, none of six did while it was there. So a soak
with ``--sigkill`` may end with 1, and lose a message or two that the collector was never sent.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from labmon_dagster.journal import Journal
from labmon_dagster_tests.servers.mongo import Mongod
from labmon_dagster_tests.servers.mosquitto import Mosquitto
from labmon_dagster_tests.soak import run as running
from labmon_dagster_tests.soak.cosmic.judge import Found, Published, judge
from labmon_dagster_tests.soak.cosmic.lab import CosmicLab
from labmon_dagster_tests.soak.cosmic.lander import ASSET
from labmon_dagster_tests.soak.cosmic.plan import KILLS, RESTARTS, Plan
from labmon_dagster_tests.soak.processes import DATABASE
from labmon_dagster_tests.soak.run import Seen

MINUTES, RATE, COLLECTION = 10.0, 1000.0, "cosmic_events"
_RUN_EVERY, _PAUSE = 20.0, 2.0  # s
_DRAIN, _LAST_RUN = 900.0, 900.0  # s
_STILL = 150.0  # s in which nothing more is stored
_HIDDEN = {"_labmon": 0}


class Soak:
    """Servers, processes, and what is done to them."""

    def __init__(self, folder: Path, plan: Plan, rate: float, *, sigkill: bool = False) -> None:
        self.plan, self.rate, self.sigkill = plan, rate, sigkill
        self.pause = min(_PAUSE, plan.seconds / 100)
        self.mongod = Mongod(folder / "mongod")
        # To write its file at every change takes most of its time: done where nothing is written at its end.
        self.broker = Mosquitto(folder / "mosquitto", autosave=sigkill, more="log_type subscribe\n")
        self.home = folder / "home"
        self.done: Counter[str] = Counter()
        self.figures: dict[str, Any] = {}

    def run(self) -> Found:
        """Do it, and judge. Raises NotReadyError, TimeoutError where a process does not do its part."""
        with ExitStack() as stack:
            stack.enter_context(self.mongod)
            stack.enter_context(self.broker)
            lab = CosmicLab(self.home, self.mongod, self.broker)
            stack.callback(lab.stop)
            lab.await_collector()
            self._torment(lab)
            published = self._settle(lab)
            return self._judged(published)

    def _torment(self, lab: CosmicLab) -> None:
        """Publish, and do at each moment what is planned for it."""
        whole = self.plan.seconds
        lander = self._lander = lab.land(min(_RUN_EVERY, whole / 10))
        self._detectors = lab.publish(self.rate, int(self.rate * whole), self.plan.seed)
        began = time.monotonic()
        for at, what in sorted(self._events(lab), key=lambda event: event[0]):
            while time.monotonic() < began + at:
                lab.watch()
                time.sleep(0.1)
            self._say(began, what.__name__.strip("_").replace("_", " "))
            what()
        lab.end_of(self._detectors, whole + _DRAIN)
        self._say(began, "everything published is acknowledged")
        assert lander.code is None

    def _events(self, lab: CosmicLab) -> list[tuple[float, Callable[[], None]]]:
        def _kill_the_collector() -> None:
            lab.kill_collector(self.pause)
            self.done["collector kills"] += 1

        begin, end = self.plan.outage
        return [
            *((at, _kill_the_collector) for at in self.plan.kills),
            *((at, self._restart_the_broker) for at in self.plan.restarts),
            (begin, self._kill_mongodb),
            (end, self._start_mongodb),
        ]

    def _restart_the_broker(self) -> None:
        self.broker.kill() if self.sigkill else self.broker.stop()
        time.sleep(self.pause)
        self.broker.start()
        self.done["broker restarts"] += 1

    def _kill_mongodb(self) -> None:
        self.mongod.kill()
        self._away = time.monotonic()

    def _start_mongodb(self) -> None:
        self.mongod.start()
        self.figures["mongodb_away_s"] = round(time.monotonic() - self._away, 1)
        self.done["outages of MongoDB"] += 1

    def _settle(self, lab: CosmicLab) -> Published:
        """Wait until everything is stored, or nothing comes any more; end all as an operator does."""
        began = time.monotonic()
        self.figures |= lab.said(self._detectors)
        published = Published.read(lab.log)
        stored, since = self._stored(), began
        while stored < len(published.events) and time.monotonic() < since + _STILL:
            lab.watch()
            time.sleep(1)
            if (now := self._stored()) != stored:
                stored, since = now, time.monotonic()
        self.figures["drained_s"] = round(time.monotonic() - began, 1)
        lab.stop_collector()
        lab.enough.touch()
        lab.end_of(self._lander, _LAST_RUN)
        runs = lab.runs_noted()
        self.figures["runs"] = {"all": len(runs), "failed": sum(not one["success"] for one in runs)}
        self.figures["last_run"] = runs[-1]
        return published

    def _judged(self, published: Published) -> Found:
        with MongoClient[dict[str, Any]](self.mongod.url, tz_aware=True) as client:
            database = client[DATABASE]
            found = judge(database[COLLECTION].find({}, _HIDDEN), published)
            self.figures["quarantined"] = database["labmon_quarantine"].count_documents({})
        journalled = self._journalled()
        self.figures |= {
            "acknowledged_events": len(published.events),
            "acknowledged_messages": published.lines,
            "journalled_messages": journalled,
            "journalled_again": journalled - published.lines,
            "reused_numbers": published.reused,
            "stored": found.documents,
            "lost": found.lost,
            "twice": found.twice,
            "invented": found.invented,
            "altered": found.altered,
        }
        return found

    def _journalled(self) -> int:
        journal = Journal(self.home / "journal", ASSET)
        return sum(1 for day in journal.days() for _ in journal.read(day, 0, lambda damage: None))

    def _stored(self) -> int:
        try:
            with MongoClient[dict[str, Any]](self.mongod.url, serverSelectionTimeoutMS=5000) as client:
                return client[DATABASE][COLLECTION].estimated_document_count()
        except PyMongoError:
            return 0

    def _say(self, began: float, what: str) -> None:
        sys.stderr.write(f"{time.monotonic() - began:6.1f} s: {what}\n")


def soak(folder: Path, minutes: float, rate: float, seed: int, *, sigkill: bool = False) -> Seen:
    """Do it, and judge."""
    seen = Seen("cosmic", seed, {"minutes": minutes, "rate": rate, "sigkill": sigkill})
    began = time.monotonic()
    one = Soak(folder, Plan.draw(seed, minutes * 60), rate, sigkill=sigkill)
    found = one.run()
    seen.broken += found.broken
    seen.figures = one.figures | {"faults": dict(one.done), "seconds": round(time.monotonic() - began, 1)}
    _expect(seen, one)
    return seen.end()


def _expect(seen: Seen, one: Soak) -> None:
    """See that the soak was one, and that its books are in order."""
    figures, done = seen.figures, one.done
    wanted = int(one.rate * one.plan.seconds)
    seen.expect(figures["published"] == figures["acknowledged"], "not everything published was acknowledged")
    seen.expect(figures["acknowledged_messages"] == figures["acknowledged"], "the log lacks lines")
    seen.expect(figures["acknowledged_events"] == wanted, f"not {wanted} events were published")
    seen.expect(figures["quarantined"] == 0, f"{figures['quarantined']} pieces are in quarantine")
    seen.expect(figures["reused_numbers"] > 0, "no counter began again")
    seen.expect(figures["last_run"]["success"], "the last run failed")
    seen.expect(done["collector kills"] == KILLS, f"the collector was killed {done['collector kills']} times")
    seen.expect(done["broker restarts"] == RESTARTS, f"the broker ended {done['broker restarts']} times")
    seen.expect(done["outages of MongoDB"] == 1, "MongoDB was not away")
    seen.expect(figures["connects"] > RESTARTS, "the detectors did not notice every restart", timed=True)


def main() -> int:
    """Run it, write what it saw, and say by the exit code whether every promise was kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=MINUTES)
    parser.add_argument("--rate", type=float, default=RATE, help="events a second")
    parser.add_argument("--sigkill", action="store_true", help="kill mosquitto with SIGKILL too")
    asked = running.asked_for(parser)
    given = asked.minutes, asked.rate, asked.seed
    seen = running.in_folder(lambda home: soak(home / "cosmic", *given, sigkill=asked.sigkill))
    return running.told(seen, asked.out)


if __name__ == "__main__":
    sys.exit(main())
