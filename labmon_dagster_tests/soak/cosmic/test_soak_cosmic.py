"""A short soak of COSMIC events, and the judge of it, which sees what was tampered with."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from labmon_dagster.sources.cosmic.emulator import Damage, Detectors
from labmon_dagster_tests.soak.cosmic.judge import Key, Published, judge
from labmon_dagster_tests.soak.cosmic.plan import Plan
from labmon_dagster_tests.soak.cosmic.soak import soak

Rows = list[dict[str, Any]]


@pytest.mark.slow
def test_every_event_that_was_acknowledged_is_stored_once(tmp_path: Path) -> None:
    seen = soak(tmp_path / "cosmic", minutes=0.5, rate=200, seed=1)
    assert seen.wrong == []
    assert seen.figures["stored"] == seen.figures["acknowledged_events"] == 6000


@pytest.fixture
def published(tmp_path: Path) -> Published:
    """Fifty events of two detectors that count to five; some were published twice."""
    log = tmp_path / "log"
    events = islice(Detectors(count=2, restart_every=5).events(), 50)
    with log.open("w") as lines:
        for one in Damage(duplicates=0.2, seed=1).unruly(events):
            told = {name: getattr(one, name) for name in ("detector", "run", "number", "serial", "content")}
            lines.write(json.dumps(told) + "\n")
    found = Published.read(log)
    assert (len(found.events), found.reused) == (50, 40) and found.lines > 50
    return found


@pytest.fixture
def rows() -> Rows:
    """The documents of these events, as they should be."""
    return [row(json.loads(b"{" + one.text[1:])) for one in islice(made(), 50)]


def made() -> Any:
    return Detectors(count=2, restart_every=5).events()


def row(raw: dict[str, Any]) -> dict[str, Any]:
    detector, run, number = raw["DetectorId"], raw["RunNumber"], raw["EventNumber"]
    return {
        "_id": f"{detector}/{run}/{number}/{raw['Serial']:016x}",
        "time": datetime(2000, 1, 1, tzinfo=UTC) + timedelta(seconds=raw["Timestamp"]),
        "detector": detector,
        "run": run,
        "number": number,
        "block": raw["CosmicBlock"],
        "trigger_bits": raw["TriggerBits"],
        "raw": raw,
    }


def test_the_judge_has_nothing_against_what_is_as_it_should_be(published: Published, rows: Rows) -> None:
    found = judge(rows, published)
    assert found.broken == [] and found.documents == 50


def lose_one(rows: Rows) -> None:
    del rows[7]


def lose_all_of_a_number_but_one(rows: Rows) -> None:
    """As if a number that is used again overwrote what had it before."""
    rows[:] = {(row["detector"], row["number"]): row for row in rows}.values()


def double_one(rows: Rows) -> None:
    rows.append({**copy.deepcopy(rows[3]), "_id": rows[3]["_id"][:-16] + "f" * 16})


def invent_one(rows: Rows) -> None:
    rows.append(row({**rows[0]["raw"], "Serial": 5000}))


def store_no_event(rows: Rows) -> None:
    rows.append({"_id": "x", "raw": {}})


def alter_a_register(rows: Rows) -> None:
    rows[4]["raw"]["TDC"]["0"]["Calib1"] += 1


def lose_a_key(rows: Rows) -> None:
    del rows[4]["raw"]["TriggerCounter"]


def alter_a_kind(rows: Rows) -> None:
    rows[4]["raw"]["EventNumber"] = float(rows[4]["raw"]["EventNumber"])


def alter_a_number(rows: Rows) -> None:
    rows[4]["number"] += 1


def alter_the_time(rows: Rows) -> None:
    rows[4]["time"] += timedelta(seconds=1)


def swap_two_ids(rows: Rows) -> None:
    rows[0]["_id"], rows[2]["_id"] = rows[2]["_id"], rows[0]["_id"]


def exchange_two_events(rows: Rows) -> None:
    rows[0]["raw"], rows[10]["raw"] = rows[10]["raw"], rows[0]["raw"]
    rows[0]["raw"]["Serial"], rows[10]["raw"]["Serial"] = 0, 10


TAMPERINGS: dict[Callable[[Rows], None], tuple[str, str]] = {
    lose_one: ("lost", "was acknowledged, and is not there"),
    lose_all_of_a_number_but_one: ("lost", "more of these"),
    double_one: ("twice", "is there 2 times"),
    invent_one: ("invented", "was never published"),
    store_no_event: ("invented", "was never published"),
    alter_a_register: ("altered", "the raw event is not the one"),
    lose_a_key: ("altered", "the raw event is not the one"),
    alter_a_kind: ("altered", "the raw event is not the one"),
    alter_a_number: ("altered", "and should be"),
    alter_the_time: ("altered", "time is"),
    swap_two_ids: ("altered", "its _id names another event"),
    exchange_two_events: ("altered", "the raw event is not the one"),
}


@pytest.mark.parametrize("tamper", TAMPERINGS, ids=lambda one: one.__name__)
def test_the_judge_sees_it(tamper: Callable[[Rows], None], published: Published, rows: Rows) -> None:
    tamper(rows)
    count, words = TAMPERINGS[tamper]
    found = judge(rows, published)
    assert getattr(found, count) > 0
    assert any(words in told for told in found.broken)


def test_a_log_that_lacks_an_event_makes_it_an_invented_one(published: Published, rows: Rows) -> None:
    del published.events[Key(0, 0)]
    assert judge(rows, published).invented == 1


def test_what_happens_follows_from_the_seed_and_fits_into_the_time() -> None:
    first, again, other = (Plan.draw(seed, 600) for seed in (1, 1, 2))
    assert first == again != other
    assert first.outage[1] - first.outage[0] == pytest.approx(300)
    for plan in (Plan.draw(seed, 60) for seed in range(50)):
        assert plan.outage[1] - plan.outage[0] == pytest.approx(30)
        assert (len(plan.kills), len(plan.restarts)) == (5, 3)
        assert all(0 < at < 60 for at in (*plan.kills, *plan.restarts, *plan.outage))
