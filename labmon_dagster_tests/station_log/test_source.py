"""Entries of a station log as readings: where they are filed, what is refused, how it is read again."""

from __future__ import annotations

import json
import time
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from labmon_dagster.journal import Journal
from labmon_dagster.journal.line import Message
from labmon_dagster.model import NOWHERE, ORDER, PLACE, TIME, Batch, Readings, Reject, Request, Window
from labmon_dagster.model.window import day_number
from labmon_dagster.station_log.source import LogJournal, LogReadings

DAY = date(2024, 5, 1)
NOON = int(datetime(2024, 5, 1, 12, tzinfo=UTC).timestamp()) * 10**9
HOUR = 3600 * 10**9


@pytest.fixture
def log(tmp_path: Path) -> LogReadings:
    return LogReadings(LogJournal(Journal(tmp_path, "eht/vlbimon"), DAY))


def write(log: LogReadings, *payloads: bytes, at: int = NOON) -> None:
    log.journal.journal.append_many([Message(one, {}, at) for one in payloads])


def read(log: LogReadings) -> tuple[Readings, list[Batch]]:
    readings = log.read(Request(Window.of_days(DAY, DAY), NOWHERE, NOWHERE, time.time_ns()))
    return readings, list(readings.batches)


def rows(log: LogReadings) -> list[dict[str, object]]:
    return [row for batch in read(log)[1] for row in pl.DataFrame(batch.rows).iter_rows(named=True)]


def rejects(log: LogReadings) -> list[Reject]:
    return [one for batch in read(log)[1] for one in batch.rejects]


def test_any_time_is_filed_under_the_day_of_receipt(log: LogReadings) -> None:
    write(log, b"pps,station=KP pps_offset=0i 1617672549204824064\npps pps_offset=1i 5\n")
    batch, end = read(log)[1]
    assert end.rows.num_rows == 0
    frame = pl.DataFrame(batch.rows)
    assert frame[TIME].cast(pl.Int64).to_list() == [1617672549204824064, 5]
    assert frame[ORDER].unique().to_list() == [day_number(DAY)]
    assert batch.measurement.tags == ("station",) and batch.stream == str(DAY)
    (first, second) = frame[PLACE].to_list()
    assert second == first + 1


def test_a_point_without_a_time_has_that_of_its_receipt(log: LogReadings) -> None:
    write(log, b"pps offset=1i", at=NOON + 123)
    (row,) = rows(log)
    (stamp,) = pl.DataFrame(read(log)[1][0].rows)[TIME].cast(pl.Int64)
    assert stamp == NOON + 123 and row["offset"] == 1


def test_fields_that_a_point_does_not_name_are_none_of_its_batch(log: LogReadings) -> None:
    write(log, b"w a=1 5\nw b=2 6\nw a=3,b=4 7\nw b=5 5")
    found = [
        ([field.name for field in b.measurement.fields], b.rows.num_rows) for b in read(log)[1] if b.rows
    ]
    assert sorted(found) == [(["a"], 1), (["a", "b"], 1), (["b"], 1), (["b"], 1)]


def test_a_bad_line_is_kept_and_its_neighbours_go_on(log: LogReadings) -> None:
    write(log, b"good x=1 5", b"good x=2 6\nno point at all\ngood x=3 7", b"good x=4 8")
    assert [row["x"] for row in rows(log)] == [1, 2, 3, 4]
    (piece,) = rejects(log)
    assert piece.raw == "no point at all" and "'point': = and a value are missing" in piece.reason
    offset = json.loads(piece.context)["offset"]
    assert piece.place == f"eht/vlbimon/{DAY}:{offset}" and piece.day == DAY
    again = list(log.again(piece, NOON).batches)
    assert [one.raw for batch in again for one in batch.rejects] == [piece.raw]
    assert sum(batch.rows.num_rows for batch in again) == 2


def test_a_quote_left_open_does_not_reach_into_the_next_entry(log: LogReadings) -> None:
    write(log, b'm s="a\nb",x=1 5', b'm s="open 6', b'm s="shut" 7', b"m x=2 8")
    assert sorted(str(row.get("s")) for row in rows(log)) == ["None", "a\nb", "shut"]
    (piece,) = rejects(log)
    assert piece.raw == 'm s="open 6'


def test_a_clock_that_is_ahead_of_its_receipt_is_not_believed(log: LogReadings) -> None:
    write(log, b"m x=1 %d\nm x=2 %d" % (NOON + HOUR, NOON + HOUR // 3))
    assert [row["x"] for row in rows(log)] == [2]
    (piece,) = rejects(log)
    assert "2024-05-01T13:00:00.000000000Z lies more than 30 minutes after its receipt" in piece.reason


def test_the_points_of_each_measurement_are_counted(log: LogReadings) -> None:
    write(log, b"a x=1 1\nb x=1 1\na x=2 2")
    readings, _ = read(log)
    assert readings.facts["points"] == {"a": 2, "b": 1}


def test_an_empty_entry_moves_the_mark(log: LogReadings) -> None:
    write(log, b"\n# a comment\n")
    (batch,) = [one for one in read(log)[1] if one.mark.offset][-1:]
    assert batch.rows.num_rows == 0 and batch.mark.offset == log.journal.journal.size(str(DAY))
