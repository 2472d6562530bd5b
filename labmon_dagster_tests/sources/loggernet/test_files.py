"""LoggerNet's three modes, and files that vanish, change or refuse while they are read."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import pytest

from labmon_dagster.model import NOWHERE, SourceError
from labmon_dagster.sources.loggernet import files as module
from labmon_dagster.sources.loggernet.folder import Folder, with_backups
from labmon_dagster_tests.sources.loggernet.reading import (
    HEADER,
    SPEC,
    Look,
    files,
    look,
    request,
    row,
    table,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a.dat"
    path.write_bytes(table(1, 2))
    return path


def at_read(monkeypatch: pytest.MonkeyPatch, nth: int, change: Callable[[], Any]) -> None:
    """Do ``change`` right after the ``nth`` block of a file was read."""
    real, seen = module._whole_lines, []

    def read(handle: IO[bytes], size: int) -> bytes:
        data = real(handle, size)
        seen.append(data)
        if len(seen) == nth:
            change()
        return data

    monkeypatch.setattr(module, "_whole_lines", read)


def test_backups_are_found():
    assert with_backups("46m_*.dat") == (
        "46m_*.dat",
        "46m_*.bak",
        "46m_*.bak[0-9]*",
        "46m_*.dat.bak",
        "46m_*.dat.bak[0-9]*",
    )


def test_only_the_files_of_the_pattern(tmp_path: Path):
    for name in ("a.dat", "a.bak", "a.bak12", "a.dat.bak", "b.dat", "a.txt", "a.bakery"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "a.bak2").mkdir()
    (tmp_path / "a.bak3").symlink_to(tmp_path / "b.dat")
    found = Folder(str(tmp_path), ("a.dat",)).look()
    assert sorted(one.name for one in found) == ["a.bak", "a.bak12", "a.bak3", "a.dat", "a.dat.bak"]


def test_renamed_while_it_grows(path: Path):
    position = look(files(path.parent)).position
    with path.open("ab") as file:
        file.write(row(3))
    path.rename(path.with_suffix(".bak"))
    path.write_bytes(table(4))
    seen = look(files(path.parent), position)
    assert seen.numbers == [3, 4]
    assert sorted(mark.notes["name"] for mark in seen.position.values()) == ["a.bak", "a.dat"]
    assert not files(path.parent).news(seen.position)


def test_create_new_over_many_collections(tmp_path: Path):
    """At each collection the old file becomes .bak, .bak1, … and a new one begins."""
    path, numbers, position = tmp_path / "a.dat", [], {}
    for n in range(6):
        path.write_bytes(table(3 * n, 3 * n + 1))
        seen = look(files(tmp_path), position)
        position, numbers = seen.position, numbers + seen.numbers
        with path.open("ab") as file:
            file.write(row(3 * n + 2))
        path.rename(tmp_path / f"a.bak{n or ''}")
    seen = look(files(tmp_path), position)
    assert numbers + seen.numbers == list(range(18))
    assert look(files(tmp_path)).numbers == list(range(18))


def test_rows_of_older_files_have_earlier_places(tmp_path: Path):
    for n, name in enumerate(["z.dat", "m.bak", "a.bak1"]):
        (tmp_path / name).write_bytes(table(10 * n, 10 * n + 1))
    places = [row["_place"] for row in look(files(tmp_path, SPEC, 1 << 16, "?.dat")).rows]
    assert len(places) == 6
    assert places == sorted(set(places))


def test_a_wild_first_stamp_stops_nothing(path: Path):
    wild = row(0).replace(b"2021-06-25 10:00:00", b"2099-01-01 00:00:00")
    (path.parent / "a.bak").write_bytes(HEADER + wild + row(3))
    (path.parent / "a.bak1").write_bytes(HEADER + b'"99-99","x",1,2\r\n' + row(4))
    seen = look(files(path.parent))
    assert sorted(seen.numbers) == [1, 2, 3, 4]
    assert len(seen.rejects) == 2


def test_two_files_that_begin_alike(path: Path):
    """A copy that went on by itself: each is a stream of its own, whichever of them changes."""
    copy = path.with_name("b.dat")
    shutil.copy(path, copy)
    with path.open("ab") as file:
        file.write(row(3))
    source = files(path.parent, SPEC, 1 << 16, "*.dat")
    first = look(source)
    assert sorted(first.numbers) == [1, 1, 2, 2, 3]
    assert len(first.position) == 2
    with copy.open("ab") as file:
        file.write(row(7) + row(8) + row(9))
    second = look(source, first.position)
    assert second.numbers == [7, 8, 9]
    assert second.position.keys() == first.position.keys()
    with path.open("ab") as file:
        file.write(row(4))
    third = look(source, second.position)
    assert third.numbers == [4]
    copy.rename(copy.with_name("c.dat"))
    fourth = look(source, third.position)
    assert (fourth.numbers, fourth.position.keys()) == ([], first.position.keys())


def test_headerless_files_that_begin_at_one_instant_have_places_of_their_own(tmp_path: Path):
    from dataclasses import replace

    spec = replace(SPEC, header="none", names=("TIMESTAMP", "A"))
    for n in range(3):
        (tmp_path / f"{n}.tst").write_text(f"2021-06-25 10:00:00,{n}\n")
    rows = look(files(tmp_path, spec, 1 << 16, "*.tst")).rows
    assert sorted(r["A"] for r in rows) == [0.0, 1.0, 2.0]
    assert len({r["_place"] for r in rows}) == 3


@pytest.mark.parametrize("nth", [1, 2, 3])
def test_overwritten_in_place_while_it_is_read(path: Path, monkeypatch: pytest.MonkeyPatch, nth: int):
    path.write_bytes(table(*range(1000)))
    other = HEADER + b"".join(row(n, "9.9") for n in range(2000, 3500))
    at_read(monkeypatch, nth, lambda: path.write_bytes(other))
    seen = look(files(path.parent, SPEC, 9000))
    assert seen.trouble == ["a.dat was overwritten while it was read"]
    assert seen.numbers == list(range(len(seen.numbers)))  # nothing of the other content
    assert all(r["A"] == 1.5 for r in seen.rows)
    assert look(files(path.parent), seen.position).numbers == list(range(2000, 3500))


def test_truncated_while_it_is_read(path: Path, monkeypatch: pytest.MonkeyPatch):
    path.write_bytes(table(*range(3000)))
    at_read(monkeypatch, 1, lambda: os.truncate(path, len(HEADER) + 9 * len(row(1)) + 7))
    seen = look(files(path.parent, SPEC, 9000))
    assert seen.trouble == ["a.dat became shorter while it was read"]
    assert not seen.rejects
    assert files(path.parent).news(seen.position)
    path.write_bytes(table(*range(3001)))
    again = look(files(path.parent), seen.position)
    assert seen.numbers + again.numbers == list(range(3001))


def test_cut_to_nothing_and_begun_anew(path: Path):
    position = look(files(path.parent)).position
    os.truncate(path, 0)
    empty = look(files(path.parent), position)
    assert (empty.rows, empty.rejects, empty.trouble) == ([], [], [])
    path.write_bytes(table(5, 6))
    assert look(files(path.parent), empty.position).numbers == [5, 6]


def test_grown_while_it_is_read(path: Path, monkeypatch: pytest.MonkeyPatch):
    def grow() -> None:
        with path.open("ab") as file:
            file.write(row(3) + row(4)[:-5])

    at_read(monkeypatch, 1, grow)
    seen = look(files(path.parent))
    assert seen.numbers == [1, 2, 3]
    assert files(path.parent).news(seen.position)


def test_vanished_between_look_and_open(path: Path, monkeypatch: pytest.MonkeyPatch):
    (path.parent / "b.dat").write_bytes(table(7))
    source = files(path.parent)
    position = look(source).position
    with path.open("ab") as file:
        file.write(row(3))
    readings = source.read(request(position))
    path.unlink()
    seen = Look(readings)
    assert seen.trouble == ["a.dat vanished before it was read"]
    assert seen.position == position  # should it come back, it is read on from there
    assert seen.numbers == []


class Forbidding:
    """A file system that lists files and does not open some of them."""

    def __init__(self, real: Any, name: str) -> None:
        self.real, self.name = real, name

    def open(self, path: str, mode: str) -> IO[bytes]:
        if path.endswith(self.name):
            raise PermissionError(13, "Permission denied", path)
        return self.real.open(path, mode)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


def test_no_permission(path: Path):
    (path.parent / "b.dat").write_bytes(table(7))
    source = files(path.parent)
    position = look(source).position
    system, root = source.folder._opened
    source.folder.__dict__["_opened"] = (Forbidding(system, "a.dat"), root)
    seen = look(source)
    assert seen.numbers == [7]
    assert seen.trouble == ["a.dat cannot be read: Permission denied"]
    path.write_bytes(table(1, 2, 3))
    assert source.news(position)
    assert look(source, position).position == position


def test_a_mistake_of_ours_is_no_trouble_of_the_file(path: Path, monkeypatch: pytest.MonkeyPatch):
    def mistake() -> None:
        raise KeyError("mistake")

    at_read(monkeypatch, 1, mistake)
    with pytest.raises(KeyError):
        look(files(path.parent))


def test_no_folder(tmp_path: Path):
    with pytest.raises(SourceError, match="nowhere does not exist"):
        files(tmp_path / "nowhere").read(request())


def test_no_file(tmp_path: Path):
    seen = look(files(tmp_path))
    assert seen.trouble == [f"no file in {tmp_path} matches *.dat"]
    assert not files(tmp_path).news(NOWHERE)
