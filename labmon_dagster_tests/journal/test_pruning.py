"""What was pruned is gone on purpose, and everybody can see it; what comes later is kept."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from labmon_dagster.journal import FileError, Journal, Pruned, close_days, disk, prune, sources
from labmon_dagster_tests.journal.days import (
    DAY,
    LATER,
    LENGTH,
    NEXT,
    NOON,
    journal,
    names,
    payloads,
    put,
    read,
)


@pytest.fixture(params=["plain", "compressed", "both"])
def filled(tmp_path: Path, request: pytest.FixtureRequest) -> Journal:
    made = journal(tmp_path)
    put(made, *(b"%d" % n for n in range(20)))
    if request.param != "plain":
        close_days(made, LATER)
    if request.param == "both":
        put(made, b"late")
    put(made, b"other", received=NOON + LENGTH)
    return made


def test_a_pruned_day_is_gone_and_says_so(filled: Journal) -> None:
    size = filled.size(DAY)
    (pruned,) = prune(filled, [DAY], now_ns=LATER)
    assert (pruned.day, pruned.size, pruned.freed > 0) == (DAY, size, True)
    assert (filled.pruned(DAY), filled.pruned(NEXT), filled.pruned_days()) == (True, False, [DAY])
    assert filled.days() == [NEXT]
    assert (read(filled), read(filled, offset=size), filled.size(DAY)) == ([], [], size)
    assert names(filled) == [f"{DAY}.pruned", f"{NEXT}.jsonl"]
    assert json.loads((filled.folder / f"{DAY}.pruned").read_text()) == {
        "labmon_pruned": 1,
        "source": "lab/s",
        "when": "2021-06-28T12:00:00.000000000Z",
        "size": size,
    }
    assert prune(filled, [DAY], now_ns=LATER) == []


def test_what_comes_later_is_kept_and_can_be_compressed_and_pruned(filled: Journal) -> None:
    size = filled.size(DAY)
    prune(filled, [DAY], now_ns=LATER)
    late = put(filled, b"late", b"later")
    assert late[0].offset > size
    for _ in range(2):
        assert filled.days() == [DAY, NEXT]
        assert filled.pruned(DAY)
        assert read(filled) == read(filled, offset=size) == read(filled, offset=size // 2) == late
        assert read(filled, offset=late[0].end) == late[1:]
        assert filled.size(DAY) == late[-1].end
        assert filled.last(lambda e: e.day == DAY) == late[-1]
        close_days(filled, LATER)
    more = put(filled, b"more")
    assert read(filled) == late + more
    assert [one.size for one in prune(filled, [DAY], now_ns=LATER)] == [more[0].end]
    assert (read(filled), filled.size(DAY), filled.days()) == ([], more[0].end, [NEXT])


@pytest.mark.parametrize("late", [False, True])
def test_a_prune_that_was_broken_off_is_finished(
    filled: Journal, monkeypatch: pytest.MonkeyPatch, late: bool
) -> None:
    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", die)
        with pytest.raises(KeyboardInterrupt):
            prune(filled, [DAY], now_ns=LATER)
    assert filled.pruned(DAY)
    assert (read(filled), filled.days()) == ([], [NEXT])
    came = put(filled, b"late") if late else []
    assert read(filled) == came
    close_days(filled, LATER)
    assert read(filled) == came
    if not late:
        assert [one.day for one in prune(filled, [], now_ns=LATER)] == [DAY]
        assert names(filled) == [f"{DAY}.pruned", f"{NEXT}.jsonl.gz"]


def test_only_days_that_are_over(filled: Journal) -> None:
    now = NOON + LENGTH + LENGTH // 2
    with pytest.raises(ValueError, match=f"{NEXT} is not over"):
        prune(filled, [DAY, NEXT], now_ns=now)
    assert filled.days() == [DAY, NEXT]
    today = time.strftime("%Y-%m-%d", time.gmtime())
    with pytest.raises(ValueError, match="is not over"):
        prune(filled, [today])


def test_a_day_that_has_grown_is_left(filled: Journal) -> None:
    sizes = {DAY: filled.size(DAY), NEXT: filled.size(NEXT)}
    put(filled, b"late")
    assert [one.day for one in prune(filled, [DAY, NEXT], sizes, now_ns=LATER)] == [NEXT]
    assert payloads(filled)[-1] == b"late"


def test_nothing_there_is_nothing_pruned(tmp_path: Path) -> None:
    assert prune(journal(tmp_path), [DAY], now_ns=LATER) == []
    assert not list(tmp_path.iterdir())


def test_a_mark_that_cannot_be_understood_is_told(filled: Journal) -> None:
    prune(filled, [DAY], now_ns=LATER)
    for text in ("", "{}", '{"labmon_pruned":2,"source":"s","when":"","size":5}'):
        (filled.folder / f"{DAY}.pruned").write_text(text)
        with pytest.raises(FileError, match=f"{DAY}.pruned"):
            put(filled, b"late")


def test_the_mark_stands_before_anything_is_removed(filled: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []
    sync = disk.sync_folder

    def watch(folder: Path) -> None:
        seen.append((filled.folder / f"{DAY}.pruned").exists() and filled.day(DAY).plain.exists())
        sync(folder)

    put(filled, b"more")
    monkeypatch.setattr(disk, "sync_folder", watch)
    assert isinstance(prune(filled, [DAY], now_ns=LATER)[0], Pruned)
    assert seen == [True, False]


def test_journals_are_found(tmp_path: Path) -> None:
    for name in ("b", "a/x", "a"):
        Journal(tmp_path, name, lambda: NOON).append(b"1")
    (tmp_path / "empty" / ".hidden").mkdir(parents=True)
    (tmp_path / "empty" / ".hidden" / f"{DAY}.jsonl").touch()
    prune(Journal(tmp_path, "b"), [DAY])
    assert sources(tmp_path) == ["a", "a/x", "b"]
    assert sources(tmp_path / "none") == []
