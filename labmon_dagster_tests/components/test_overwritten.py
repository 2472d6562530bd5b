"""Landing files that LoggerNet overwrites: each content once, an unfinished line only when it settled."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import pytest

from labmon_dagster.components.overwritten import Overwritten
from labmon_dagster.journal import Journal
from labmon_dagster.model import Mark
from labmon_dagster.sources.loggernet.folder import Folder
from labmon_dagster_tests import tables

FIRST = datetime(2021, 6, 25, 10, 50, 5)


@pytest.fixture
def overwritten(tmp_path: Path) -> Overwritten:
    (tmp_path / "pc").mkdir()
    return Overwritten(
        Folder(str(tmp_path / "pc"), ("46m_*.dat",)), Journal(tmp_path / "journal", "umbs/tower")
    )


def path(overwritten: Overwritten) -> Path:
    return Path(overwritten.folder.url) / "46m_Test.dat"


def contents(overwritten: Overwritten) -> list[tuple[bytes, bool]]:
    return [(snapshot.content, snapshot.settled) for snapshot in overwritten.landed({})]


def test_each_content_is_landed_once(overwritten: Overwritten) -> None:
    for record in (0, 60, 30):
        tables.write(path(overwritten), tables.header(), tables.rows(FIRST, 60, record=record))
        for _ in range(3):
            assert overwritten.look() == []
    assert [
        tables.rows(FIRST, 60, record=r).encode() in c
        for (c, _), r in zip(contents(overwritten), (0, 60, 30), strict=True)
    ] == [True] * 3


def test_a_new_process_does_not_land_the_same_again(overwritten: Overwritten, tmp_path: Path) -> None:
    tables.write(path(overwritten), tables.header(), tables.rows(FIRST, 6))
    overwritten.look()
    anew = Overwritten(overwritten.folder, Journal(tmp_path / "journal", "umbs/tower"))
    anew.look()
    assert len(contents(anew)) == 1


def test_an_unfinished_line_is_settled_at_the_second_look(overwritten: Overwritten) -> None:
    tables.write(path(overwritten), tables.header(), tables.rows(FIRST, 3).removesuffix("\r\n"))
    for _ in range(4):
        overwritten.look()
    assert [settled for _, settled in contents(overwritten)] == [False, True]


def test_a_file_that_moved_on_meanwhile_has_not_settled(overwritten: Overwritten) -> None:
    text = tables.rows(FIRST, 3).removesuffix("\r\n")
    for n in range(3):
        tables.write(path(overwritten), tables.header(), text)
        os.utime(path(overwritten), (1_700_000_000 + n, 1_700_000_000 + n))
        overwritten.look()
    assert [settled for _, settled in contents(overwritten)] == [False]


def test_trouble_is_told_and_the_other_files_are_landed(
    overwritten: Overwritten, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables.write(path(overwritten), tables.header(), tables.rows(FIRST, 3))
    tables.write(path(overwritten).with_name("46m_Other.dat"), tables.header(), tables.rows(FIRST, 3))
    opened = Folder.open

    def refuse(self: Folder, found: object) -> object:
        if "Test" in str(found):
            raise PermissionError(13, "Permission denied")
        return opened(self, found)  # type: ignore[arg-type]

    monkeypatch.setattr(Folder, "open", refuse)
    assert overwritten.look() == ["46m_Test.dat cannot be read: Permission denied"]
    assert len(contents(overwritten)) == 1


def test_a_folder_that_is_away_is_told(tmp_path: Path) -> None:
    gone = Overwritten(Folder(str(tmp_path / "gone"), ("*",)), Journal(tmp_path / "journal", "a/b"))
    assert gone.look() == [f"folder {tmp_path / 'gone'} does not exist"]


def test_what_waits_is_what_lies_behind_the_position(overwritten: Overwritten) -> None:
    tables.write(path(overwritten), tables.header(), tables.rows(FIRST, 3))
    assert not overwritten.waiting({})
    overwritten.look()
    assert overwritten.waiting({})
    (snapshot,) = overwritten.landed({})
    assert not overwritten.waiting({snapshot.stream: Mark(snapshot.end)})
    assert list(overwritten.landed({snapshot.stream: Mark(snapshot.end)})) == []
