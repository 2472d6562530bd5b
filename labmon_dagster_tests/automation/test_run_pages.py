"""The pages of runs: one for each, made anew when it changes, whatever the names are."""

from __future__ import annotations

import base64
import re
from datetime import timedelta

import pytest

from labmon_dagster.automation import derived
from labmon_dagster.automation.runs import RANGE_END, RANGE_START
from labmon_dagster.records.lab import LabRecords
from labmon_dagster.stores import SqliteStore
from labmon_dagster_tests.automation.derived_lab import Lab, lab, records
from labmon_dagster_tests.records.thermometer import enter, run, say, stream

__all__ = ["lab", "records"]


def test_runs_have_pages_that_follow_them(lab: Lab, records: LabRecords, embedded: SqliteStore) -> None:
    run(records, "run1", 0, 100, description="cold | dry")
    run(records, "run2", 200, None)
    run(records, "old", -400_000, -300_000)
    say(embedded, {second: 3.6 + second / 1000 for second in range(0, 100, 5)})
    enter(embedded, 20, written=1)
    (request,), _ = lab.tick()
    assert request.tags["dagster/asset_partition_range_start"] == "run1"
    assert request.tags["dagster/asset_partition_range_end"] == "run2"
    lab.run(request)
    pages = lab.pages()
    assert set(pages) == {"run1", "run2"}
    said = str(pages["run1"]["page"].value)
    assert r"cold \| dry" in said and "00:01:40" in said and "RED15" in said
    assert b"<polyline" in base64.b64decode(re.findall(r"base64,([^)]*)", said)[0])
    assert len(str(pages["run1"]["temperature"].value)) < 1000
    assert pages["run2"]["temperature"].value == "no readings"
    assert lab.tick() == ([], "nothing new")
    records.runs.stop("run2")
    (request,), _ = lab.tick()
    assert request.tags["dagster/asset_partition_range_start"] == "run2"
    lab.run(request)
    assert lab.pages()["run2"]["state"].value == "stopped"
    stream(records, "s1", 10, 20)
    lab.settle()
    shown = str(lab.pages()["run1"]["streams"].value)
    assert (
        "s1" in shown and "3.6150\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}0.0041\N{NO-BREAK SPACE}K |" in shown
    ), "after its temperature the page is made once more"


def test_days_that_are_proven_make_the_page_anew(
    lab: Lab, records: LabRecords, embedded: SqliteStore
) -> None:
    run(records, "run1", 0, 100)
    say(embedded, {5: 3.6})
    enter(embedded, 1, written=1)
    assert lab.settle() == ["ricochet/runs"]
    enter(embedded, 1, written=2)
    assert lab.tick() == ([], "nothing new")
    enter(embedded, 1, written=3, proven=True)
    assert lab.settle() == ["ricochet/runs"]


def test_a_page_that_failed_is_asked_for_again(
    lab: Lab, records: LabRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(records, "run1", 0, 100)
    (request,), _ = lab.tick()
    with monkeypatch.context() as broken:
        broken.setattr("labmon_dagster.components.run_pages.page", lambda *_: 1 / 0)
        lab.run(request, ok=False)
    requests, said = lab.tick()
    assert requests == [] and "1 runs failed in a row" in said
    monkeypatch.setattr("labmon_dagster.automation.runs.pause_after", lambda _: timedelta(0))
    assert lab.settle() == ["ricochet/runs"]


def test_a_lost_cursor_costs_one_run(lab: Lab, records: LabRecords) -> None:
    for name in ("a", "b", "c"):
        run(records, name, 0, 100)
    assert lab.settle() == ["ricochet/runs"]
    lab.cursor = "no cursor"
    assert lab.settle() == []
    records.runs.create({"name": "d", "detector": []})
    (request,), _ = lab.tick()
    lab.run(request)
    lab.cursor = "no cursor"
    assert lab.settle() == ["ricochet/runs"], "whether Dagster took what the tick asked for is not known"


def test_what_dagster_did_not_take_is_asked_again(lab: Lab, records: LabRecords) -> None:
    run(records, "a", 0, None)
    lab.settle()
    before = lab.cursor
    records.runs.stop("a")
    assert lab.tick()[0]
    lab.cursor = before
    assert lab.settle() == ["ricochet/runs"]
    assert lab.pages()["a"]["state"].value == "stopped"


def test_thousands_of_pages_are_made_some_at_a_time_and_leave_the_cursor_small(
    lab: Lab, records: LabRecords
) -> None:
    names = [f"run{n:03}" for n in range(derived.PAGES_PER_RUN * derived.RUNS_PER_TICK + 1)]
    for name in names:
        run(records, name, None, None)
    requests, _ = lab.tick()
    ends = [(one.tags[RANGE_START], one.tags[RANGE_END]) for one in requests]
    assert ends == [
        (names[first], names[first + derived.PAGES_PER_RUN - 1])
        for first in range(0, len(names) - 1, derived.PAGES_PER_RUN)
    ]
    lab.report(names)
    lab.tick()
    assert lab.tick() == ([], "nothing new")
    assert lab.cursor == "{}"


def test_a_name_that_dagster_refuses_keeps_no_other_run_from_its_page(lab: Lab, records: LabRecords) -> None:
    run(records, "a...b", 0, 100)
    run(records, "good", 0, 100)
    (request,), _ = lab.tick()
    assert request.tags["dagster/asset_partition_range_start"] == "good"
    lab.run(request)
    requests, said = lab.tick()
    assert requests == [] and "run 'a...b': no name for a page" in said
