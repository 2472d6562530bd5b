"""The folder of dump files: what is new goes into the journal, whatever becomes of the files."""

from __future__ import annotations

import gzip
import os
import time
from pathlib import Path

import pytest

from labmon_dagster import settings
from labmon_dagster.collector.occupied import occupied
from labmon_dagster.components import Feed
from labmon_dagster.journal import disk
from labmon_dagster_tests.clients.ricochetdb.daq_lab import deliver, stored
from labmon_dagster_tests.components.cosmic_lab import (
    ASSET,
    cosmic,
    event,
    feed,
    journalled,
    look,
    quarantined,
)
from labmon_dagster_tests.sources.cosmic.sample import DUMP, LINES


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "dumps"
    found.mkdir()
    return found


def numbers(asset: Feed) -> list[int]:
    """Deliver what the journal has; give the event numbers there are."""
    deliver(asset)
    return sorted(one.body["number"] for one in stored(asset))


def append(path: Path, text: bytes) -> None:
    """Write more; the file counts as changed now, however coarse the disk's clock is."""
    with path.open("ab") as file:
        file.write(text)
    os.utime(path, ns=(time.time_ns(), path.stat().st_mtime_ns + 1))


def test_events_are_journalled_as_they_stood_and_where(folder: Path) -> None:
    (folder / "a.dat").write_bytes(b"hello\n" + DUMP)
    asset = feed(folder)
    assert look(asset) == []
    garbage, events = journalled()
    assert (garbage.payload, garbage.meta["form"], garbage.meta["line"]) == (b"hello", "garbage", 1)
    assert str(garbage.meta["trouble"]).startswith("no event")
    assert events.payload == DUMP.rstrip()
    told = {"device": "dumps", "type": "file", "address": str(folder), "form": "dump", "sender": "a.dat"}
    assert events.meta == {**told, "offset": 6, "line": 2}
    assert numbers(asset) == [4917, 4918, 4919]
    (piece,) = quarantined()
    assert (piece.raw, piece.place.partition(" ")[2]) == ("hello", "a.dat:1")


def test_a_file_is_read_on_where_it_was_read_to(folder: Path) -> None:
    path, asset = folder / "a.dat", feed(folder)
    path.write_bytes(LINES[0] + b"\n")
    look(asset)
    look(asset)
    append(path, LINES[1] + b"\n" + LINES[2][:40])
    look(asset)
    look(asset)
    append(path, LINES[2][40:])
    look(asset)
    assert [entry.payload for entry in journalled()] == [LINES[0], LINES[1], LINES[2]]
    assert [entry.meta["line"] for entry in journalled()] == [1, 2, 3]


def test_an_event_that_was_cut_off_waits_and_comes_whole_in_the_end(folder: Path) -> None:
    path, asset = folder / "a.dat", feed(folder)
    path.write_bytes(LINES[0] + b"\n" + LINES[1][:100])
    look(asset)
    look(asset, later=590)
    assert len(journalled()) == 1
    look(asset, later=700)
    look(asset, later=1400)
    _, cut = journalled()
    assert (cut.payload, cut.meta["form"], cut.meta["line"]) == (LINES[1][:100], "garbage", 2)
    assert numbers(asset) == [4917]
    append(path, LINES[1][100:] + b"\n")
    look(asset)
    assert journalled()[-1].payload == LINES[1]
    assert numbers(asset) == [4917, 4918]


@pytest.mark.parametrize("how", ["smaller", "other inode", "other beginning", "other end"])
def test_a_file_that_was_replaced_is_read_anew(folder: Path, how: str) -> None:
    path, asset = folder / "a.dat", feed(folder)
    path.write_bytes(DUMP * 20)
    look(asset)
    if how == "smaller":
        path.write_bytes(event(1))
    elif how == "other inode":
        (folder / "new").write_bytes(DUMP * 20 + event(1))
        (folder / "new").replace(path)
    elif how == "other end":
        path.write_bytes(DUMP * 19 + event(1) + DUMP)
    else:
        path.write_bytes(event(1) + b"\n" + DUMP * 20)
    os.utime(path, ns=(time.time_ns(), path.stat().st_mtime_ns + 1))
    look(asset)
    assert event(1) in b"".join(entry.payload for entry in journalled())
    assert journalled()[1].meta["offset"] == 0
    assert set(numbers(asset)) == ({1, 4917, 4918, 4919})


def test_lost_notes_make_files_journalled_again_and_change_nothing_in_the_store(folder: Path) -> None:
    (folder / "a.dat").write_bytes(DUMP)
    asset = feed(folder)
    look(asset)
    assert numbers(asset) == [4917, 4918, 4919]
    before = stored(asset)
    notes = settings.collector_folder() / "dumps" / f"{ASSET}.json"
    notes.write_bytes(b"{spoilt")
    look(asset)
    assert len(journalled()) == 2
    counts, in_store = deliver(asset)
    assert (counts.stored, counts.repeated, in_store) == (0, 6, 3)
    assert stored(asset) == before


def test_compressed_files_are_read_whole_when_they_stand_still(folder: Path) -> None:
    path, asset = folder / "a.dat.gz", feed(folder)
    path.write_bytes(gzip.compress(DUMP))
    look(asset)
    assert journalled() == []
    look(asset, later=5, most=len(LINES[0]))
    look(asset, later=5)
    look(asset, later=5)
    assert numbers(asset) == [4917, 4918, 4919]
    assert [entry.meta["line"] for entry in journalled()] == [1]


def test_a_damaged_gzip_file_is_told_once_and_what_it_held_is_there(folder: Path) -> None:
    path, asset = folder / "a.dat.gz", feed(folder)
    text = b"\n".join(event(number, bits=number * 7919 % 2**16) for number in range(3000))
    path.write_bytes(gzip.compress(text)[:-30])
    look(asset, later=5)
    assert "garbage" not in {entry.meta["form"] for entry in journalled()}
    look(asset, later=700)
    look(asset, later=1400)
    last = journalled()[-1]
    assert str(last.meta["trouble"]).startswith("the gzip file is damaged or not whole")
    found = numbers(asset)
    assert found == list(range(len(found))) and len(found) > 100
    assert len([one for one in quarantined() if "gzip" in one.reason]) == 1


def test_a_huge_file_is_read_some_at_a_look_and_small_ones_come_first(folder: Path) -> None:
    asset = feed(folder)
    many = b"\n".join(event(number) for number in range(2000))
    (folder / "a.dat").write_bytes(many)
    (folder / "b.dat").write_bytes(event(5000))
    look(asset, most=300_000)
    first = journalled()
    assert first[0].meta["sender"] == "b.dat"
    assert sum(len(one.payload) for one in first) < len(many)
    for _ in range(5):
        look(asset, most=300_000)
    assert max(len(one.payload) for one in journalled()) < 300_000
    assert numbers(asset) == [*range(2000), 5000]


def test_files_of_other_names_are_left_alone_and_none_is_changed(folder: Path) -> None:
    (folder / "a.dat").write_bytes(DUMP)
    (folder / "notes.md").write_bytes(DUMP)
    look(feed(folder))
    assert {entry.meta["sender"] for entry in journalled()} == {"a.dat"}
    assert [path.read_bytes() for path in sorted(folder.iterdir())] == [DUMP, DUMP]


def test_a_folder_that_is_not_there_is_told_unless_it_is_ours(folder: Path) -> None:
    folder.rmdir()
    assert look(feed(folder)) == [f"folder {folder} does not exist"]
    assert cosmic(folder).absent == ("directory", f"there is no folder {folder} yet")
    assert (look(feed()), cosmic().absent) == ([], None)


def test_while_another_looks_nothing_is_done(folder: Path) -> None:
    (folder / "a.dat").write_bytes(DUMP)
    with occupied(settings.collector_folder(), f"dumps of {ASSET}"):
        assert look(feed(folder)) == []
    assert journalled() == []


def test_a_file_that_cannot_be_read_holds_up_no_other(folder: Path) -> None:
    (folder / "a.dat").mkdir()
    (folder / "b.dat").symlink_to("b.dat")
    (folder / "c.dat").write_bytes(DUMP)
    (folder / "d.dat").symlink_to("/proc/self/mem")
    told = look(feed(folder))
    assert [line.partition(":")[0] for line in told] == ["d.dat cannot be read"]
    assert len(journalled()) == 1


def test_many_small_files_are_brought_to_the_disk_together(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(1200):
        (folder / f"{number}.dat").write_bytes(event(number))
    asset, create = feed(folder), disk.create
    written: list[Path] = []

    def noted(path: Path, content: bytes) -> None:
        written.append(path)
        create(path, content)

    monkeypatch.setattr(disk, "create", noted)
    assert look(asset) == []
    assert len([path for path in written if path.suffix == ".json"]) == 3
    assert numbers(asset) == list(range(1200))
    assert {entry.meta["sender"] for entry in journalled()} == {f"{number}.dat" for number in range(1200)}


def test_what_one_look_leaves_the_next_ones_take(folder: Path) -> None:
    for number in range(5):
        (folder / f"{number}.dat").write_bytes(event(number))
    asset = feed(folder)
    for _ in range(3):
        look(asset, most=2 * len(event(0)))
    assert [entry.meta["sender"] for entry in journalled()] == [f"{number}.dat" for number in range(5)]
