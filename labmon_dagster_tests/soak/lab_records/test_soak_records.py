"""A short soak of the records on each store, and the judge of it, which sees what was tampered with."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from labmon_dagster.records.lab import LabRecords
from labmon_dagster_tests.soak.lab_records.judge import judge
from labmon_dagster_tests.soak.lab_records.notes import DONE, REFUSED, Call, Notes, calls
from labmon_dagster_tests.soak.lab_records.reader import Stored, stored
from labmon_dagster_tests.soak.lab_records.soak import soak
from labmon_dagster_tests.soak.lab_records.worker import DETECTORS, Settings, work
from labmon_dagster_tests.stores.records.conftest import factory, store, url
from labmon_dagster_tests.stores.records.worker import opened

__all__ = ["factory", "store", "url"]
Seen: TypeAlias = tuple[Stored, list[Call]]


@pytest.mark.slow
def test_nobody_wins_twice_and_nothing_is_lost(url: str, tmp_path: Path) -> None:
    seen = soak(url, tmp_path / "notes", total=400, kills=16, workers=6, seed=1)
    assert seen.broken == []
    assert seen.figures["kills"] == 16


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    """What one worker left behind that nobody killed."""
    folder = tmp_path_factory.mktemp("soak")
    url = f"sqlite:///{folder / 'lab.db'}"
    opening = opened(url)
    for name in DETECTORS:
        LabRecords.of(opening).detectors.create({"name": name})
    opening.close()
    work(Settings(url, 1, 3, 400, folder / "notes"))
    return stored(url), list(calls(folder / "notes").values())


@pytest.fixture
def seen(honest: Seen) -> Seen:
    assert judge(*honest) == []
    return deepcopy(honest)


def of(seen: Seen, **wanted: Any) -> Call:
    """The first call of that kind."""
    return next(one for one in seen[1] if all(getattr(one, name) == value for name, value in wanted.items()))


def body(seen: Seen, call: Call) -> dict[str, Any]:
    return next(one for one in seen[0][call.kind] if one["name"] == call.record)


def history(seen: Seen) -> tuple[list[dict[str, Any]], Call]:
    call = of(seen, op="history", outcome=DONE)
    return body(seen, call)["history"], call


def lose_an_entry(seen: Seen) -> None:
    history(seen)[0].pop(0)


def double_an_entry(seen: Seen) -> None:
    entries, _ = history(seen)
    entries.append(dict(entries[0]))


def invent_an_entry(seen: Seen) -> None:
    entries, _ = history(seen)
    entries.append({**entries[0], "label": "9-9"})


def keep_a_refused_entry(seen: Seen) -> None:
    entries, _ = history(seen)
    entries.append({**entries[0], "label": of(seen, op="history", outcome=REFUSED).id})


def change_an_entry(seen: Seen) -> None:
    history(seen)[0][0]["code_commit"] = "another"


def add_before_the_stop(seen: Seen) -> None:
    _, call = history(seen)
    call.began = call.ended = 0


def shift_a_start(seen: Seen) -> None:
    found = body(seen, of(seen, op="start", outcome=DONE))
    found["start_date"] += timedelta(milliseconds=1)
    found["start_date_ns"] += 1_000_000


def shift_an_exact_time(seen: Seen) -> None:
    body(seen, of(seen, op="start", outcome=DONE))["start_date_ns"] += 1


def lose_a_start(seen: Seen) -> None:
    body(seen, of(seen, op="stop", outcome=DONE)).pop("start_date")


def lose_a_stop(seen: Seen) -> None:
    body(seen, of(seen, op="stop", outcome=DONE)).pop("stop_date")


def stop_before_the_start(seen: Seen) -> None:
    found = body(seen, of(seen, op="stop", outcome=DONE))
    found["stop_date"] = found["start_date"] - timedelta(days=1)


def win_twice(seen: Seen) -> None:
    won = of(seen, op="start", outcome=DONE)
    seen[1].append(replace(won, id="9-9", given={"moment": "2022-05-11T01:00:00+00:00"}))


def refuse_the_winner(seen: Seen) -> None:
    of(seen, op="stop", outcome=DONE).outcome = REFUSED


def refuse_what_nobody_did(seen: Seen) -> None:
    call = of(seen, op="stop", outcome=DONE)
    for field in ("stop_date", "stop_date_ns", "history", "temperature", "bbox_status"):
        body(seen, call).pop(field, None)
    seen[1][:] = [one for one in seen[1] if one.record != call.record or one.op in {"create", "start"}]
    seen[1].append(replace(call, outcome=REFUSED, why="it was stopped already"))


def lose_a_field(seen: Seen) -> None:
    body(seen, of(seen, op="create", kind="stream", outcome=DONE)).pop("acq_config")


def add_a_field(seen: Seen) -> None:
    seen[0]["run"][0]["more"] = 1


def change_a_field(seen: Seen) -> None:
    seen[0]["run"][0]["detector"].pop()


def lose_a_record(seen: Seen) -> None:
    seen[0]["run"].pop(0)


def double_a_record(seen: Seen) -> None:
    seen[0]["run"].append(dict(seen[0]["run"][0]))


def invent_a_record(seen: Seen) -> None:
    seen[0]["run"].append({**seen[0]["run"][0], "name": "run99"})


def double_a_detector(seen: Seen) -> None:
    channels = body(seen, of(seen, op="detector", outcome=DONE))["channel_config"]
    channels.append(dict(channels[-1]))


def add_what_was_there(seen: Seen) -> None:
    of(seen, op="detector", outcome=DONE).given["det_name"] = "D0"


def lose_a_detector(seen: Seen) -> None:
    body(seen, of(seen, op="detector", outcome=DONE))["channel_config"].pop()


def lose_half_of_a_detector(seen: Seen) -> None:
    body(seen, of(seen, op="detector", outcome=DONE))["acq_config"] = {"d2": 250}


def lose_a_temperature(seen: Seen) -> None:
    body(seen, of(seen, op="temperature", outcome=DONE)).pop("temperature")


def invent_a_temperature(seen: Seen) -> None:
    body(seen, of(seen, op="temperature", outcome=DONE))["temperature"] = {"mean": 4.5, "std": 0.02}


def keep_an_old_temperature(seen: Seen) -> None:
    first = of(seen, op="temperature", outcome=DONE)
    body(seen, first)["temperature"] = dict(first.given)


TAMPERINGS: dict[Callable[[Seen], None], str] = {
    lose_an_entry: "was acknowledged, and is lost",
    double_an_entry: "is there 2 times",
    invent_an_entry: "history 9-9: nobody added it",
    keep_a_refused_entry: "refused, but there",
    change_an_entry: "is not as it was given",
    add_before_the_stop: "before any stop was asked for",
    shift_a_start: "start is that of nobody",
    shift_an_exact_time: "start_date and start_date_ns are not the same",
    lose_a_start: "a stop without a start",
    lose_a_stop: "stop is that of None",
    stop_before_the_start: "the stop lies before the start",
    win_twice: "start was acknowledged 2 times",
    refuse_the_winner: "stop is that of",
    refuse_what_nobody_did: "stop was refused as done already, and is not done",
    lose_a_field: "fields are missing: ['acq_config']",
    add_a_field: "nobody gave it the fields ['more']",
    change_a_field: "field detector is not as it was made",
    lose_a_record: "there is no such record",
    double_a_record: "2 records of this name",
    invent_a_record: "run run99: creation is that of",
    double_a_detector: "a detector is there more than once",
    add_what_was_there: "it was there from the start",
    lose_a_detector: "it must be one of",
    lose_half_of_a_detector: "acq_config lacks what came with it",
    lose_a_temperature: "the temperature was acknowledged, and is lost",
    invent_a_temperature: "nobody gave it the temperature",
    keep_an_old_temperature: "but a later one was acknowledged",
}


@pytest.mark.parametrize("tamper", TAMPERINGS, ids=lambda one: one.__name__)
def test_the_judge_sees_it(seen: Seen, tamper: Callable[[Seen], None]) -> None:
    tamper(seen)
    assert [told for told in judge(*seen) if TAMPERINGS[tamper] in told]


def test_what_is_unknown_may_be_either(seen: Seen) -> None:
    """Of a worker that was killed inside a call nobody knows whether it was done."""
    entries, call = history(seen)
    call.outcome = call.ended = None
    assert judge(*seen) == []
    entries[:] = [one for one in entries if one["label"] != call.id]
    assert judge(*seen) == []


def test_notes_that_were_cut_short_go_on(tmp_path: Path) -> None:
    path = tmp_path / "notes"
    first = Notes(path)
    first.intent("1-0", "start", "run", "run0", {})
    with path.open("ab") as file:
        file.write(b'{"outcome": "1-0", "wh')
    again = Notes(path)
    assert again.intents == 1
    again.intent("1-1", "start", "run", "run0", {})
    again.outcome("1-1", REFUSED, "why")
    assert [(one.id, one.outcome, one.why) for one in calls(path).values()] == [
        ("1-0", None, ""),
        ("1-1", REFUSED, "why"),
    ]
