"""Runs and streams begin and end once, whoever asks."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, date, datetime, timedelta, timezone
from threading import Barrier
from typing import Any

import pytest

from labmon_dagster.records import managers
from labmon_dagster.records.errors import RecordError
from labmon_dagster.records.lab import LabRecords
from labmon_dagster.stores.records import Change, RecordStore
from labmon_dagster_tests.records.conftest import BEGIN, END, Whole, run, stream

KINDS = pytest.mark.parametrize("kind", ["runs", "streams"])
NEVER = datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-2)))


def test_a_run_begins_and_ends(lab: LabRecords) -> None:
    lab.runs.create({"name": "run1", "detector": [{"name": "RED15"}]})
    assert lab.runs.start("run1", BEGIN).running
    ended = lab.runs.stop("run1", END.replace(tzinfo=timezone(timedelta(hours=2))) + timedelta(hours=2))
    assert (ended.start_date, ended.stop_date) == (
        BEGIN.replace(microsecond=412000, tzinfo=UTC),
        END.replace(tzinfo=UTC),
    )
    assert ended == lab.runs.get("run1")


@KINDS
def test_now_is_the_default(lab: LabRecords, kind: str) -> None:
    records = getattr(lab, kind)
    records.create({**run("a"), **stream("a", start_date=None, stop_date=None)})
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    records.start("a")
    ended = records.stop("a")
    assert before <= ended.start_date <= ended.stop_date <= datetime.now(UTC)


@KINDS
@pytest.mark.parametrize(
    ("act", "state", "moment", "why"),
    [
        ("start", "nothing", None, "field name: there is no such record"),
        ("start", "running", None, "field start_date: it was started already, at 2022-05-11 14:35:30.412"),
        ("start", "over", None, "field start_date: it was started already"),
        ("start", "new", "2022-05-11", "field start_date: a datetime, not '2022-05-11'"),
        ("start", "new", date(2022, 5, 11), "field start_date: a datetime, not datetime.date"),
        ("start", "new", NEVER, "field start_date: 9999-12-31 23:00:00-02:00 lies outside the years 1–9999"),
        ("start", "new", datetime(1500, 1, 1), "start_date: the time 1500-01-01 00:00:00+00:00 lies outside"),
        ("stop", "nothing", None, "field name: there is no such record"),
        ("stop", "new", END, "field stop_date: a stop_date, but no start_date"),
        ("stop", "over", END, "field stop_date: it was stopped already, at 2022-05-11 14:43:48.586"),
        (
            "stop",
            "running",
            BEGIN - timedelta(days=1),
            "field stop_date: stop_date 2022-05-10 14:35:30.412345",
        ),
        ("stop", "running", 1652279730, "field stop_date: a datetime, not 1652279730"),
    ],
)
def test_rules(lab: LabRecords, whole: Whole, kind: str, act: str, state: str, moment: Any, why: str) -> None:
    records, common = getattr(lab, kind), {**run(), **stream(start_date=None, stop_date=None)}
    for name, dates in {"new": {}, "running": {"start_date": BEGIN}}.items():
        records.create({**common, "name": name, **dates})
    records.create({**common, "name": "over", "start_date": BEGIN, "stop_date": END})
    before = whole()
    with pytest.raises(RecordError, match=re.escape(why)) as caught:
        getattr(records, act)(state, moment)
    assert str(caught.value).startswith(f"{kind[:-1]} {state!r} in lio_{kind[:-1]}_info: ")
    assert whole() == before


@pytest.mark.parametrize("name", [7, None, {"$gt": ""}, b"run1"])
def test_what_is_no_name(lab: LabRecords, name: Any) -> None:
    lab.runs.create(run())
    for act in (lab.runs.start, lab.runs.stop, lab.runs.get):
        with pytest.raises(RecordError, match="field name: a name is text"):
            act(name)


def test_records_that_are_not_understood_are_told(lab: LabRecords) -> None:
    """Other programs may have made them; the others are given all the same."""
    lab.runs.create(run("a"))
    lab.runs.store.insert("lio_run_info", "b", {"start_date": "someday"})
    trouble: list[str] = []
    assert [one.name for one in lab.runs.all(trouble.append)] == ["a"]
    (told,) = trouble
    assert told == "run 'b' in lio_run_info: field start_date: Input should be a valid datetime"
    with pytest.raises(RecordError, match="run 'b'"):
        list(lab.runs.all())
    with pytest.raises(RecordError, match="run 'b'"):
        lab.runs.start("b")


@pytest.mark.parametrize("act", ["start", "stop"])
def test_of_several_at_once_one_wins_and_the_others_get_the_error(
    lab: LabRecords, factory: Callable[[], RecordStore], act: str
) -> None:
    begin, dates = Barrier(4), {"start_date": BEGIN} if act == "stop" else {}
    moments = [END + timedelta(seconds=n) for n in range(4)]

    def work(moment: datetime, name: str) -> str:
        with closing(factory()) as store:
            records = LabRecords.of(store).runs
            records.get(name)
            begin.wait()
            try:
                getattr(records, act)(name, moment)
            except RecordError as error:
                return str(error)
        return ""

    with ThreadPoolExecutor(4) as pool:
        for name in ("run1", "run2", "run3"):
            lab.runs.create(run(name, **dates))
            told = list(pool.map(work, moments, [name] * 4))
            won = told.index("")
            assert getattr(lab.runs.get(name), f"{act}_date") == moments[won].replace(tzinfo=UTC)
            others = [one for one in told if one]
            assert len(others) == 3
            assert all(f"run '{name}'" in one and "already" in one for one in others)


def test_who_was_too_slow_decides_again(lab: LabRecords) -> None:
    lab.streams.create(stream())
    seen: list[int] = []

    def decide(found: Any) -> Change:
        seen.append(len(found.history))
        if len(seen) < 3:  # another is faster
            entry = lab.streams.history_entry("stream1", END, det_name="FID1", label="x", code_commit="1")
            lab.streams.add_history("stream1", entry)
        return Change({"status": len(found.history)})

    assert lab.streams.changed("stream1", decide).status == 2
    assert seen == [0, 1, 2]


def test_it_does_not_try_for_ever(lab: LabRecords, whole: Whole, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(managers, "_TRIES", 3)
    lab.runs.create(run())

    def decide(_: Any) -> Change:
        found = lab.runs.store.find("lio_run_info", "run1")
        assert found is not None
        assert lab.runs.store.change("lio_run_info", found, Change({"others": found.revision}))
        return Change({"ours": 1})

    with pytest.raises(RecordError, match="run 'run1' in lio_run_info: others were faster 3 times"):
        lab.runs.changed("run1", decide)
    assert whole()[-1][2]["others"] == 3
    assert "ours" not in whole()[-1][2]
