"""Devices asked without a collector: when they are due, never beside one, into the same journal."""

from __future__ import annotations

import os
import time
from pathlib import Path

from labmon_dagster.collector.occupied import occupied
from labmon_dagster.collector.once import poll_due
from labmon_dagster.journal import Journal, Message
from labmon_dagster.model import DAY
from labmon_dagster_tests.collector.fakes import Script, counting, heard, silent, station


def payloads(tmp_path: Path) -> list[bytes]:
    journal = Journal(tmp_path / "journal", "lab/fake")
    return [entry.payload for day in journal.days() for entry in journal.read(day)]


def poll(tmp_path: Path, *scripts: Script, poll: float | None = 1.0) -> list[str]:
    stations = [station(script, f"d{n}", poll) for n, script in enumerate(scripts)]
    return poll_due(stations, tmp_path / "journal", tmp_path / "collector")


def long_ago(tmp_path: Path, seconds: float) -> None:
    for stamp in (tmp_path / "collector" / "polled" / "lab%2Ffake").iterdir():
        then = time.time_ns() - int(seconds * 1e9)
        os.utime(stamp, ns=(then, then))


def test_a_device_is_asked_and_its_answer_is_on_disk(tmp_path: Path) -> None:
    assert poll(tmp_path, Script(counting), Script(counting)) == []
    assert payloads(tmp_path) == [b"1", b"1"]


def test_who_does_not_answer_is_told_and_the_others_are_journalled(tmp_path: Path) -> None:
    assert poll(tmp_path, Script(silent), Script(counting)) == ["lab/fake d0: no answer within 1 s"]
    assert payloads(tmp_path) == [b"1"]


def test_what_cannot_be_believed_is_told_and_journalled(tmp_path: Path) -> None:
    script = Script(lambda number: heard("x", trouble="cut short"))
    assert poll(tmp_path, script) == ["lab/fake d0: cut short"]
    assert payloads(tmp_path) == [b"x"]


def test_days_that_are_over_are_compressed(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal", "lab/fake")
    journal.append_many([Message(b"old", {}, time.time_ns() - 3 * DAY)])
    assert poll(tmp_path, Script(counting)) == []
    old, today = sorted(path.name for path in journal.folder.iterdir() if path.name[0] != ".")
    assert old.endswith(".jsonl.gz")
    assert today.endswith(".jsonl")
    assert payloads(tmp_path) == [b"old", b"1"]


def test_it_asks_no_oftener_than_every_five_minutes(tmp_path: Path) -> None:
    script = Script(counting)
    poll(tmp_path, script)
    poll(tmp_path, script)
    assert script.asked == 1
    long_ago(tmp_path, 280)
    poll(tmp_path, script)
    assert script.asked == 2


def test_a_longer_interval_is_kept(tmp_path: Path) -> None:
    script = Script(counting)
    poll(tmp_path, script, poll=3600)
    long_ago(tmp_path, 300)
    poll(tmp_path, script, poll=3600)
    assert script.asked == 1


def test_a_stamp_from_the_future_holds_nothing_up(tmp_path: Path) -> None:
    script = Script(counting)
    poll(tmp_path, script)
    long_ago(tmp_path, -7200)
    poll(tmp_path, script)
    assert script.asked == 2


def test_beside_a_collector_nothing_is_asked(tmp_path: Path) -> None:
    script = Script(counting)
    with occupied(tmp_path / "collector", "lab/fake") as free:
        assert free
        assert poll(tmp_path, script) == []
    assert script.asked == 0
    poll(tmp_path, script)
    assert script.asked == 1


def test_a_device_that_is_only_listened_to_is_not_asked(tmp_path: Path) -> None:
    script = Script(counting)
    poll(tmp_path, script, poll=None)
    assert script.asked == 0
