"""The emulated detectors: the form of what they say, by its published description, and how it is counted."""

from __future__ import annotations

import json
from collections import Counter
from itertools import islice, pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmon_dagster.sources.cosmic.emulator import Damage, Detectors, Made

PUBLISHED = """["Epoch": 4009558015, "CounterClocks": 2764593408, "DetectorId": 0, "RunNumber": 12345,
"TriggerCounter": null, "EventCounter": 3121872896, "ClockCount": null, "Format": 1,
"EventNumber": 4917, "TDC": {"1": {"Calib": [null, null], "Data": 5112064, "Calib1":
3521728, "Calib2": 12407809}, "0": {"Calib": [null, null], "Data": 6554112, "Calib1":
15075584, "Calib2": 15360512}}, "Timestamp": 622234535, "TriggerBits": 71, "CosmicBlock":
2}"""
NOON = 1_793_534_400  # 2026-11-01T12:00:00Z


def said(one: Made) -> dict[str, Any]:
    assert one.text.startswith(b'["Epoch": ') and one.text.endswith(b"}") and b"\n" not in one.text
    return dict(json.loads(b"{" + one.text[1:]))


def swapped(value: int, width: int) -> int:
    return int.from_bytes(value.to_bytes(width, "little"), "big")


def test_an_event_has_the_keys_of_the_published_one_in_their_order() -> None:
    published = json.loads("{" + PUBLISHED[1:])
    made = said(Detectors().event(0))
    assert list(made) == [*published, "Serial"]
    assert made["TDC"].keys() == published["TDC"].keys()
    assert list(made["TDC"]["1"]) == list(published["TDC"]["1"])
    assert [type(made[key]) for key in published] == [type(value) for value in published.values()]


def test_bytes_are_swapped_and_ten_periods_last_ten_times_as_long() -> None:
    events = [said(one) for one in islice(Detectors(begin=NOON).events(), 300)]
    assert [swapped(one["EventCounter"], 4) for one in events[::3]] == list(range(390, 490))
    for one in events:
        tdc = one["TDC"]["0"]
        first, second = (swapped(tdc[key], 3) for key in ("Calib1", "Calib2"))
        assert 2500 < first < 2550 and 9.9 < second / first < 10.1
        assert 2520 < (second - first) / 9 < 2545
        odd = one["TDC"]["1"]
        assert (swapped(odd["Calib2"], 3) < swapped(odd["Calib1"], 3)) == (one["DetectorId"] == 0)


def test_times_are_seconds_since_2000_and_numbers_go_up_by_one() -> None:
    detectors = Detectors(count=2, rate=4, begin=NOON)
    events = [said(one) for one in islice(detectors.events(), 16)]
    seconds = [one["Timestamp"] + 946_684_800 - NOON for one in events]
    assert seconds == [0] * 4 + [1] * 4 + [2] * 4 + [3] * 4
    for detector in (0, 1):
        numbers = [one["EventNumber"] for one in events if one["DetectorId"] == detector]
        assert numbers == list(range(1, 9))
    assert [one["Serial"] for one in events] == list(range(16))


@given(st.integers(1, 5), st.floats(0.05, 900), st.integers(1, 5))
def test_every_hour_has_a_run_that_counts_from_one(count: int, rate: float, hour: int) -> None:
    detectors = Detectors(count=count, rate=rate, begin=NOON)
    near = detectors.due(NOON + hour * 3600)
    events = [detectors.event(serial) for serial in range(max(0, near - 9), near + 9)]
    runs = sorted({one.run for one in events})
    assert runs[0] >= 900_000 and len(runs) <= 2 + 18 / rate / 3600
    for run in runs[1:]:
        for detector in range(count):
            numbers = [one.number for one in events if (one.run, one.detector) == (run, detector)]
            assert numbers == list(range(1, len(numbers) + 1))


def test_who_is_started_again_goes_on_with_the_same_numbers() -> None:
    first, due = Detectors.going_on(NOON + 100.5, rate=7)
    again, later = Detectors.going_on(NOON + 2000, rate=7)
    assert (due, later) == (704, 14_000)
    assert first.event(14_000) == again.event(14_000)


def test_another_seed_gives_other_events_and_the_same_one_the_same() -> None:
    texts = [[one.text for one in islice(Detectors(seed=seed).events(), 5)] for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]


def test_a_counter_that_restarts_uses_numbers_again_for_other_events() -> None:
    events = list(islice(Detectors(count=2, restart_every=5, begin=NOON).events(), 40))
    known = Counter((one.detector, one.run, one.number) for one in events)
    assert set(known.values()) == {4} and {one.number for one in events} == {1, 2, 3, 4, 5}
    assert len({one.content for one in events}) == 40


def test_some_come_twice_and_some_too_late_and_none_is_lost() -> None:
    events = list(islice(Detectors().events(), 2000))
    come = [one.serial for one in Damage(duplicates=0.1, reorder=0.1, seed=3).unruly(events)]
    times = Counter(come)
    assert times.keys() == set(range(2000)) and set(times.values()) == {1, 2}
    assert 100 < len(come) - 2000 < 300
    late = sum(after < before for before, after in pairwise(come))
    assert 100 < late < 300


def test_a_dump_file_may_be_wrapped_cut_and_have_garbage() -> None:
    events = list(islice(Detectors().events(), 50))
    damaged = b"".join(Damage(wrapped=True, garbage=0.3, truncated=True).dump(events))
    assert max(map(len, damaged.split(b"\n"))) <= 90
    whole = b"".join(Damage().dump(events))
    assert whole.split(b"\n")[:-1] == [one.text for one in events]
    unwrapped = damaged.replace(b"\n", b" ")
    assert all(one.text in unwrapped for one in events[:-1]) and events[-1].text not in unwrapped
    assert unwrapped.rpartition(b'["Epoch')[2] in events[-1].text
    assert len(damaged) > len(whole)


@pytest.mark.parametrize("settings", [{"count": 0}, {"rate": 0}, {"rate": 2e6}, {"restart_every": -1}])
def test_what_no_detector_can_do(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="one detector or more, 0 < rate"):
        Detectors(**settings)
