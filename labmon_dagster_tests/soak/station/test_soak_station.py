"""A short soak of the station log, and the judge of it, which sees what was tampered with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from labmon_dagster_tests.servers.influx import Influxd
from labmon_dagster_tests.soak.station.judge import Row, judge, stored
from labmon_dagster_tests.soak.station.notes import MEASUREMENT, Notes, Point, Write, writes
from labmon_dagster_tests.soak.station.soak import soak


@pytest.mark.slow
def test_what_returned_is_in_both_servers_once(tmp_path: Path) -> None:
    seen = soak(tmp_path / "station", minutes=0.5, seed=1, scale=0.2)
    assert seen.broken == []
    assert seen.figures["faults"]["program kills"] == 3


def noted(folder: Path) -> list[Write]:
    """Two writes that returned, one that was refused, one that its writer was killed in."""
    notes = Notes(folder / "notes")
    for number, kept in enumerate([True, True, False, None]):
        notes.attempt([Point("0-1", 3 * number + n, 10 * number + n) for n in range(3)])
        if kept is not None:
            notes.returned(kept)
    return list(writes(folder / "notes"))


def rows(of: list[Write]) -> list[Row]:
    return [{"time": one.time, "who": one.who, **one.values} for write in of for one in write.points]


def test_notes_are_read_back(tmp_path: Path) -> None:
    found = noted(tmp_path)
    assert [one.returned for one in found] == [True, True, False, None]
    assert found[1].points == [Point("0-1", 3 + n, 10 + n) for n in range(3)]


def lose_a_point(there: list[Row]) -> None:
    del there[1]


def lose_a_write(there: list[Row]) -> None:
    del there[3:6]


def double_a_point(there: list[Row]) -> None:
    there.append({**there[0], "time": 77})


def invent_a_point(there: list[Row]) -> None:
    there.append({**there[0], "n": 99, "time": 99})


def invent_a_series(there: list[Row]) -> None:
    there.append({**there[0], "who": "9-9"})


def alter_a_float(there: list[Row]) -> None:
    there[2]["x"] += 1e-9


def alter_a_text(there: list[Row]) -> None:
    there[2]["text"] = there[2]["text"].replace("\n", "\\n")


def alter_a_kind(there: list[Row]) -> None:
    there[2]["even"] = int(there[2]["even"])


def add_a_field(there: list[Row]) -> None:
    there[2]["y"] = 1


def keep_a_refused_write(there: list[Row]) -> None:
    there += rows([Write([Point("0-1", 6 + n, 20 + n) for n in range(3)])])


def keep_half_a_write(there: list[Row]) -> None:
    there += rows([Write([Point("0-1", 9, 30)])])


TAMPERINGS: dict[Callable[[list[Row]], None], str] = {
    lose_a_point: "1 of 3 points of a write that returned are lost",
    lose_a_write: "3 of 3 points of a write that returned are lost",
    double_a_point: "is there 2 times",
    invent_a_point: "nobody wrote point 99 of 0-1",
    invent_a_series: "nobody wrote point 0 of 9-9",
    alter_a_float: "point 2 of 0-1 is altered",
    alter_a_text: "point 2 of 0-1 is altered",
    alter_a_kind: "point 2 of 0-1 is altered",
    add_a_field: "point 2 of 0-1 is altered",
    keep_a_refused_write: "a write that was refused is there",
    keep_half_a_write: "half a write is there",
}


@pytest.mark.parametrize("tamper", TAMPERINGS, ids=lambda one: one.__name__)
def test_the_judge_sees_what_was_tampered_with(tmp_path: Path, tamper: Callable[[list[Row]], None]) -> None:
    found = noted(tmp_path)
    there = rows(found[:2])
    assert judge("local", there, found) == judge("local", [*there, *rows(found[3:])], found) == []
    tamper(there)
    assert any(
        one.startswith("local: ") and TAMPERINGS[tamper] in one for one in judge("local", there, found)
    )


def test_a_server_is_read_by_its_own_query_language(influxd: Influxd, influx_database: str) -> None:
    point = Point("0-1", 1, 5)
    text = str(point.values["text"]).replace("\\", "\\\\").replace('"', '\\"')
    line = f'{MEASUREMENT},who=0-1 n=1i,x={point.values["x"]!r},even=false,text="{text}",_read=3i 5'
    influxd._http.request("POST", f"{influxd.url}/write?db={influx_database}", body=line.encode())
    there = stored(influxd, influx_database)
    assert judge("local", there, [Write([point], True)]) == []
    assert judge("local", there, []) == ["local: nobody wrote point 1 of 0-1 at 5"]
