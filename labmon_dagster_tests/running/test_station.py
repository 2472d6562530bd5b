"""The simulated EHT station: its points go into the log as those of a real one do."""

from __future__ import annotations

import threading
from pathlib import Path

from labmon_dagster import settings
from labmon_dagster.journal import Journal
from labmon_dagster.model import SECOND
from labmon_dagster.running.station import SimulatedStation
from labmon_dagster.sources.line_protocol.parser import parse

SECOND_OF = 1_700_000_000


def written() -> list[bytes]:
    journal = Journal(settings.journal_root(), "eht/vlbimon")
    return [entry.payload for day in journal.days() for entry in journal.read(day)]


def test_the_same_second_says_the_same(home: Path) -> None:
    for seed in (1, 1, 2):
        SimulatedStation(seed=seed).catch_up(SECOND_OF)
    first, again, other = written()
    assert first == again != other


def test_its_points_can_be_read(home: Path) -> None:
    assert SimulatedStation(name="PV").catch_up(SECOND_OF) == 3
    assert SimulatedStation().catch_up(SECOND_OF + 1) == 2, "weather comes every ten seconds"
    parsed = parse(written()[0])
    assert not parsed.bad
    found = {points.measurement.name: points.rows for points in parsed.points}
    assert set(found) == {"pps", "receiver", "weather"}
    for rows in found.values():
        assert rows["station"].to_list() == ["PV"]
        assert rows["time"].cast(int).to_list() == [SECOND_OF * SECOND]
    assert found["pps"].schema["pps_offset"].is_integer() and found["receiver"].schema["tsys"].is_float()


def test_it_writes_until_it_is_told_to_stop(home: Path) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=SimulatedStation().run, args=(stop,))
    thread.start()
    for _ in range(300):
        if settings.journal_root().exists() and written():
            break
        stop.wait(0.1)
    stop.set()
    thread.join(30)
    assert not thread.is_alive() and written()
