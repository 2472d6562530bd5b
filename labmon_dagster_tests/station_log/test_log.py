"""A station log: what a write returned for is an entry of the journal, cut only where a point ends."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmon_dagster.journal import Refusing
from labmon_dagster.sources.line_protocol.parser import parse
from labmon_dagster.station_log import log as writing
from labmon_dagster.station_log.log import StationLog, portions

LINE = b"pps,station=KP pps_offset=-3i 1617672549204824064"


@pytest.fixture
def log() -> Iterator[StationLog]:
    made = StationLog("eht/vlbimon")
    yield made
    made.close()


def payloads(log: StationLog) -> list[bytes]:
    return [entry.payload for day in log.journal.days() for entry in log.journal.read(day)]


def test_a_write_is_an_entry_as_it_came(log: StationLog, home: Path) -> None:
    written = log.write(LINE)
    assert log.journal.folder == home / "journal" / "eht" / "vlbimon"
    assert payloads(log) == [LINE]
    assert written.synced(5)
    log.write(LINE + b"\n" + LINE + b"\n")
    assert payloads(log)[1:] == [LINE + b"\n" + LINE + b"\n"]
    assert log.sync(5)


@pytest.mark.parametrize("nothing", [b"", b"\n", b" \r\n\n"])
def test_no_line_is_refused(log: StationLog, nothing: bytes) -> None:
    with pytest.raises(ValueError, match="no message"):
        log.write(nothing)
    assert log.journal.days() == []


def test_what_no_asset_can_be_named_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot name a journal"):
        StationLog("../elsewhere")


def test_a_closed_log_takes_nothing(tmp_path: Path) -> None:
    log = StationLog("s", tmp_path)
    log.write(LINE)
    assert log.close()
    with pytest.raises(Refusing, match="closed"):
        log.write(LINE)


def test_a_log_can_be_pickled(tmp_path: Path) -> None:
    log = StationLog("s", tmp_path, csvlogfile=tmp_path / "log.csv")
    again = pickle.loads(pickle.dumps(log))
    again.write(LINE)
    assert payloads(log) == [LINE]
    assert again.close()
    assert (tmp_path / "log.csv").read_bytes().endswith(b"1617672549204824064,pps,KP,-3\n")
    assert log.close()


def test_many_lines_are_some_entries_of_one_write(log: StationLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "PORTION", 1000)
    lines = b"\n".join([LINE] * 100)
    written = log.write(lines)
    found = payloads(log)
    assert b"".join(found) == lines
    assert {len(one) for one in found[:-1]} == {20 * (len(LINE) + 1)}
    assert written.end == log.journal.size(written.day)


TEXTS = st.text(st.sampled_from('a "\\\n,='), max_size=30)


@given(st.lists(TEXTS, min_size=1, max_size=40), st.booleans(), st.integers(1, 200))
def test_lines_are_cut_where_a_point_ends(texts: list[str], ended: bool, size: int) -> None:
    quoted = ['"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"' for text in texts]
    lines = [f'm,tag=a"b x={text},n={n}i {n}'.encode() for n, text in enumerate(quoted)]
    whole = b"\n".join(lines) + b"\n" * ended
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(writing, "PORTION", size)
        pieces = list(portions(whole))
    assert b"".join(pieces) == whole
    assert all(pieces)
    read = [parse(piece) for piece in pieces]
    assert not any(one.bad for one in read)
    found = [row for one in read for points in one.points for row in points.rows.select("n", "x").rows()]
    assert found == list(enumerate(texts))


def test_a_forked_child_keeps_many_texts_as_one_entry(
    log: StationLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "PORTION", 100)
    assert len(list(portions(b'm x="a" 1\n' * 50))) > 1  # polars is used here
    child = os.fork()
    if child == 0:
        log.write(b'm x="a" 1\n' * 50)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert payloads(log) == [b'm x="a" 1\n' * 50]


def test_what_is_no_point_is_kept_too(log: StationLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "PORTION", 100)
    lines = b'm x="a text that does not end\n' + b"\n".join([LINE] * 30)
    log.write(lines)
    assert b"".join(payloads(log)) == lines
