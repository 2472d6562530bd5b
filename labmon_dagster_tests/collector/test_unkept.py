"""A message that no line of a journal can hold: its file and its entry are there together, or neither."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path

import pytest

from labmon_dagster.collector.unkept import FOLDER, UNKEPT, Unkept
from labmon_dagster.journal import Entry, GroupWriter, Journal, line
from labmon_dagster.model.devices import Heard

LARGE = bytes(range(256)) * 1000
PATIENCE = 60.0


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Journal:
    monkeypatch.setattr(line, "LINE_LIMIT", 200_000)
    return Journal(tmp_path, "cosmic/events")


@pytest.fixture
def writer(journal: Journal) -> Iterator[GroupWriter]:
    """A writer that takes nothing more while such a message waits, as with 70 MiB of it."""
    made = GroupWriter(journal, flush_seconds=0, limit_bytes=len(LARGE) // 2)
    yield made
    made.close()


def files(journal: Journal) -> list[Path]:
    return [*(journal.folder / FOLDER).glob("*")]


def test_it_is_written_though_it_is_more_than_the_writer_holds(journal: Journal, writer: GroupWriter) -> None:
    heard = Heard(LARGE, journal.now(), "message")
    told = Unkept(writer, heard, {"form": "message"}).instead(writer.submit(LARGE, {}, heard.received))
    assert told.result(PATIENCE).meta["form"] == UNKEPT
    (entry,) = [one for day in journal.days() for one in journal.read(day) if isinstance(one, Entry)]
    assert (entry.received, entry.payload) == (heard.received, LARGE[: 64 * 2**10])
    (file,) = files(journal)
    assert file.read_bytes() == LARGE
    assert entry.meta["file"] == f"{FOLDER}/{file.name}"


def test_no_file_stays_that_no_entry_tells_of(
    journal: Journal, writer: GroupWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> list[Entry]:
        raise OSError(errno.ENOSPC, "No space left on device")

    heard = Heard(LARGE, journal.now(), "message")
    monkeypatch.setattr(Journal, "append_many", full)
    told = Unkept(writer, heard, {}).instead(writer.submit(LARGE, {}, heard.received))
    with pytest.raises(OSError, match="No space left"):
        told.result(PATIENCE)
    assert files(journal) == []
