"""The collector as a whole: everything accepted is in the journal, and no device disturbs another."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from labmon_dagster.collector import health
from labmon_dagster.collector.collector import Collector
from labmon_dagster.collector.station import Station, device_in, heard_in
from labmon_dagster.journal import Entry, Journal
from labmon_dagster_tests.collector.fakes import (
    Script,
    ScriptedDevice,
    counting,
    hanging,
    heard,
    silent,
    station,
)


def collect(tmp_path: Path, stations: Sequence[Station], seconds: float) -> health.Health:
    """Run a collector for some seconds, and give what it said of itself in the end."""

    async def run() -> list[str]:
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(seconds, stop.set)
        return await Collector(stations, tmp_path / "journal", tmp_path / "collector").run(stop)

    assert asyncio.run(run()) == []
    told = health.read(tmp_path / "collector")
    assert told is not None
    return told


def entries(tmp_path: Path, asset: str = "lab/fake") -> list[Entry]:
    journal = Journal(tmp_path / "journal", asset)
    return [entry for day in journal.days() for entry in journal.read(day)]


def test_every_answer_is_journalled_with_who_said_it(tmp_path: Path) -> None:
    script = Script(counting)
    told = collect(tmp_path, [station(script, poll=0.05)], 0.6)
    kept = entries(tmp_path)
    assert script.asked >= 5
    assert [one.payload for one in kept] == [str(n + 1).encode() for n in range(script.asked)]
    assert {**kept[0].meta} == {"device": "one", "type": "FAKE", "address": "fake://nowhere", "form": "text"}
    assert told.stopped
    assert told.devices[0].journalled == len(kept) == told.devices[0].answers


def test_a_device_that_hangs_delays_no_other(tmp_path: Path) -> None:
    good, stuck = Script(counting), Script(hanging)
    told = collect(tmp_path, [station(stuck, "stuck", 0.05), station(good, "good", 0.05)], 0.6)
    assert good.asked >= 5
    assert stuck.asked == 1
    assert {device_in(one) for one in entries(tmp_path)} == {"good"}
    by_name = {one.device: one for one in told.devices}
    assert by_name["good"].missed == 0
    assert stuck.closed == good.closed == 1


def test_a_poll_under_way_is_journalled_when_it_is_stopped(tmp_path: Path) -> None:
    async def slow(number: int) -> object:
        await asyncio.sleep(0.5)
        return counting(number)

    script = Script(slow)  # type: ignore[arg-type]
    collect(tmp_path, [station(script, poll=1)], 1.2)
    assert len(entries(tmp_path)) == script.asked >= 1


def test_errors_are_counted_and_forgotten_at_the_next_answer(tmp_path: Path) -> None:
    def answer(number: int) -> object:
        return silent(number) if number < 4 else counting(number)

    script = Script(answer)  # type: ignore[arg-type]
    told = collect(tmp_path, [station(script, poll=0.05)], 0.6)
    device = told.devices[0]
    assert device.polls - device.answers == 3
    assert device.errors_in_row == 0
    assert device.last_error == "no answer within 1 s"


def test_a_fault_in_the_code_of_one_kind_does_not_end_the_others(tmp_path: Path) -> None:
    def broken(number: int) -> object:
        raise ZeroDivisionError("who would have thought")

    good, bad = Script(counting), Script(broken)  # type: ignore[arg-type]
    told = collect(tmp_path, [station(bad, "bad", 0.05), station(good, "good", 0.05)], 0.4)
    assert bad.asked > 1
    assert good.asked > 1
    assert told.devices[0].last_error == "ZeroDivisionError: who would have thought"


def test_what_cannot_be_believed_is_kept_and_counts_as_an_error(tmp_path: Path) -> None:
    script = Script(lambda number: heard("5.", trouble="cut short"))
    told = collect(tmp_path, [station(script, poll=0.05)], 0.3)
    kept = [heard_in(one) for one in entries(tmp_path)]
    assert {(one.payload, one.trouble) for one in kept} == {(b"5.", "cut short")}
    assert told.devices[0].answers == 0
    assert told.devices[0].errors_in_row == told.devices[0].troubled == len(kept) > 0


def test_what_is_said_unasked_is_journalled(tmp_path: Path) -> None:
    script = Script(counting)
    listener = station(script, poll=None)

    async def run() -> None:
        stop = asyncio.Event()
        collector = Collector([listener], tmp_path / "journal", tmp_path / "collector")
        running = asyncio.create_task(collector.run(stop))
        while not script.opened:
            await asyncio.sleep(0.01)
        for number in range(500):
            script.unasked[0](heard(f"push {number}"))
        stop.set()
        assert await running == []

    asyncio.run(run())
    assert script.asked == 0
    assert [one.payload for one in entries(tmp_path)] == [b"push %d" % n for n in range(500)]


def test_a_fault_in_one_that_is_listened_to_ends_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("labmon_dagster.collector.poller._OPEN_AGAIN", 0.01)
    faulty, well = Script(counting), Script(counting)
    kind = station(faulty).kind

    class Faulty(ScriptedDevice):
        async def open(self) -> None:
            await super().open()
            raise RuntimeError("can't start new thread")

    broken = replace(kind, connect=lambda settings, unasked: Faulty(faulty, unasked))
    stations = [
        replace(station(faulty, poll=None), kind=broken),
        station(well, "well", poll=0.05),
    ]

    async def run() -> None:
        stop = asyncio.Event()
        collector = Collector(stations, tmp_path / "journal", tmp_path / "collector")
        running = asyncio.create_task(collector.run(stop))
        while faulty.opened < 3 or well.asked < 3:
            await asyncio.sleep(0.01)
            assert not running.done()
        stop.set()
        await running

    asyncio.run(run())
    told = health.read(tmp_path / "collector")
    assert told
    assert told.devices[0].last_error == "RuntimeError: can't start new thread"
    assert "can't start new thread" in caplog.text


def test_the_clock_of_a_device_is_compared_with_ours(tmp_path: Path) -> None:
    def ahead(number: int) -> object:
        said = heard("1")
        return type(said)(said.payload, said.received, said.form, clock=said.received + 7_000_000_000)

    told = collect(tmp_path, [station(Script(ahead), poll=0.05)], 0.3)  # type: ignore[arg-type]
    assert told.devices[0].offset == 7_000_000_000


def test_polls_that_a_long_one_has_run_over_are_missed_and_not_made_up_for(tmp_path: Path) -> None:
    async def slow(number: int) -> object:
        await asyncio.sleep(0.32)
        return counting(number)

    script = Script(slow)  # type: ignore[arg-type]
    told = collect(tmp_path, [station(script, poll=0.1)], 1.2)
    device = told.devices[0]
    assert 2 <= script.asked <= 4
    assert device.missed >= 2 * (script.asked - 1)


def test_it_looks_at_overwritten_files(tmp_path: Path) -> None:
    looked: list[int] = []

    def look() -> list[str]:
        looked.append(1)
        raise OSError("the share is away")

    async def run() -> None:
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(0.3, stop.set)
        looks = [("lab/tower", look)]
        await Collector([], tmp_path / "journal", tmp_path / "collector", looks).run(stop)

    asyncio.run(run())
    told = health.read(tmp_path / "collector")
    assert looked
    assert told is not None
    assert told.looks[0].trouble == "OSError: the share is away"
