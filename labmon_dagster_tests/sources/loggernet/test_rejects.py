"""What becomes of rejects: the day they are filed under, and reading them again."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from labmon_dagster.model import SourceError
from labmon_dagster_tests.sources.loggernet.reading import HEADER, NOW, SPEC, Look, files, look, row, table


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a.dat"
    path.write_bytes(table(1, 2))
    return path


def test_a_whole_table_refused_cannot_be_read_again_by_its_reject(path: Path):
    path.write_bytes(row(1))
    [reject] = look(files(path.parent)).rejects
    with pytest.raises(SourceError, match=r"a\.dat:1: the whole table was refused"):
        files(path.parent).again(reject, NOW)


def test_a_latin_1_line_is_read_again_once_the_encoding_is_declared(path: Path):
    lines = HEADER + row(1, "1", '"x"') + row(2, "1", '"Troms\xf8"').decode("utf-8").encode("latin-1")
    path.write_bytes(lines)
    [reject] = look(files(path.parent)).rejects
    seen = Look(files(path.parent, replace(SPEC, encoding="latin-1")).again(reject, NOW))
    assert [r["B"] for r in seen.rows] == ["Tromsø"]


def test_a_wild_stamp_is_read_again_with_text_beside_it(path: Path):
    path.write_bytes(HEADER + row(1, '"ok"') + row(2, '"7"').replace(b"2021-06-25", b"2021-07-02"))
    [reject] = look(files(path.parent)).rejects
    seen = Look(files(path.parent).again(reject, NOW + 3 * 86400 * 10**9))
    assert [(r["_order"], r["A"]) for r in seen.rows] == [(2, "7")]


def test_the_day_of_a_reject(path: Path):
    bad = b'"2021-06-25 10:00:00",1,x,2\r\n'
    day_after = row(5).replace(b"06-25", b"06-27")
    path.write_bytes(HEADER + bad + row(1) + bad + day_after + bad)
    os.utime(path, (NOW / 1e9, NOW / 1e9))
    days = [date(2021, 6, 25), date(2021, 6, 25), date(2021, 6, 27)]
    assert [one.day for one in look(files(path.parent)).rejects] == days
    path.write_bytes(HEADER + bad[:-4] + b"\r\n")
    os.utime(path, (NOW / 1e9, NOW / 1e9))
    assert [one.day for one in look(files(path.parent)).rejects] == [date(2021, 7, 1)]


def test_the_day_of_a_reject_at_the_beginning_of_a_later_read(path: Path):
    position = look(files(path.parent)).position
    with path.open("ab") as file:
        file.write(b"rubbish\r\n")
    [reject] = look(files(path.parent), position).rejects
    assert (reject.day, reject.place) == (date(2021, 6, 25), "a.dat:7")
