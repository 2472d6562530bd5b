"""The outage drill: 30 kills of the database, most in the middle of a write, and nothing is lost or twice."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from labmon_dagster_tests.servers import found
from labmon_dagster_tests.system.outage import KILLS, drill

SEED, PROVEN = 7, 20


@pytest.mark.slow
def test_thirty_kills_of_the_database_lose_nothing(tmp_path: Path) -> None:
    found.influxd()
    seen = drill(tmp_path / "influxd", SEED)
    (tmp_path / "outage.json").write_text(json.dumps(asdict(seen)))
    assert seen.kills >= KILLS
    assert seen.mid_write >= PROVEN, f"only {seen.mid_write} of {seen.kills} kills fell into a write"
    assert seen.landings_failed > 1
    assert seen.landings_done >= KILLS // 3  # how many depends on when the kills fall
