"""Short soaks of the collector: many devices, many datagrams, devices that hang, a disk that fills."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from labmon_dagster_tests.soak import disk as soak_disk
from labmon_dagster_tests.soak import hang as soak_hang
from labmon_dagster_tests.soak import many as soak_many
from labmon_dagster_tests.soak import udp as soak_udp
from labmon_dagster_tests.system.journal_disk import namespace

pytestmark = pytest.mark.slow


def test_of_many_devices_each_answer_is_kept_once(tmp_path: Path) -> None:
    seen = soak_many.soak(tmp_path, devices=44, minutes=0.1, seed=1)
    assert seen.wrong == []
    assert seen.figures["counts"]["polls"] > 44


def test_each_datagram_is_kept_once_or_counted_as_dropped(tmp_path: Path) -> None:
    seen = soak_udp.soak(tmp_path, rate=2000, seconds=3, flood_seconds=1)
    assert seen.wrong == []


def test_devices_that_hang_disturb_no_other(tmp_path: Path) -> None:
    seen = soak_hang.soak(tmp_path, minutes=0.1, rounds=1, seed=1)
    assert seen.wrong == []


def test_a_disk_that_fills_holds_the_collector_up_and_loses_nothing(tmp_path: Path) -> None:
    if namespace() is None:
        pytest.skip("no tmpfs can be mounted here, neither as root nor in a user namespace")
    code = soak_disk.inside(["--once", "--hold", "3", "--out", str(tmp_path / "seen.json")])
    seen = json.loads((tmp_path / "seen.json").read_text())
    assert (code, seen["broken"]) == (0, [])
