"""What is appended is read again, exactly, for ever at the same place."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labmon_dagster.journal import Entry, FormatError, Journal, line

NOON = 1_624_622_400_000_000_000  # 2021-06-25 12:00 UTC
DAY = 86_400_000_000_000


class Clock:
    """Ticks through the given instants, then stays at the last one."""

    def __init__(self, *instants: int) -> None:
        self.instants = list(instants)

    def __call__(self) -> int:
        return self.instants.pop(0) if len(self.instants) > 1 else self.instants[0]


def everything(journal: Journal) -> list[Entry]:
    return [entry for day in journal.days() for entry in journal.read(day)]


def test_the_file_is_as_the_readme_says(tmp_path: Path):
    journal = Journal(tmp_path, "ameriflux/46m", Clock(NOON))
    journal.append(b'"2021-06-25 10:50:05",260623\r\n', {"file": "46m_Test.dat", "size": 29})
    journal.append(b"\xff\x00")
    assert (tmp_path / "ameriflux/46m/2021-06-25.jsonl").read_bytes() == (
        b'{"labmon_journal":1,"source":"ameriflux/46m"}\n'
        b'{"received":1624622400000000000,"meta":{"file":"46m_Test.dat","size":29},'
        b'"text":"\\"2021-06-25 10:50:05\\",260623\\r\\n"}\n'
        b'{"received":1624622400000000000,"base64":"/wA="}\n'
    )


def test_append_returns_what_read_gives(tmp_path: Path):
    journal = Journal(tmp_path, "s", Clock(NOON, NOON + 1, NOON + 2))
    written = [journal.append(f"{n}".encode(), {"n": n}) for n in range(3)]
    assert list(journal.read("2021-06-25")) == written
    assert [e.received for e in written] == [NOON, NOON + 1, NOON + 2]
    assert (
        written[-1].end == journal.size("2021-06-25") == (journal.folder / "2021-06-25.jsonl").stat().st_size
    )


def test_every_end_is_where_the_next_read_goes_on(tmp_path: Path):
    journal = Journal(tmp_path, "s", Clock(NOON))
    written = [journal.append(bytes([n])) for n in range(200, 205)]
    for n, entry in enumerate(written):
        assert list(journal.read(entry.day, entry.offset)) == written[n:]
        assert list(journal.read(entry.day, entry.end)) == written[n + 1 :]


@settings(max_examples=150)
@given(
    st.lists(
        st.tuples(
            st.binary() | st.text(st.characters(exclude_categories=["Cs"])).map(str.encode),
            st.dictionaries(
                st.text(st.characters(exclude_categories=["Cs"])),
                st.text(st.characters(exclude_categories=["Cs"]))
                | st.integers()
                | st.floats(allow_nan=False, allow_infinity=False)
                | st.booleans()
                | st.none(),
            ),
        ),
        max_size=5,
    ),
    st.integers(-(2**61), 2**62),
)
def test_any_bytes_and_meta_come_back(messages, now):
    for payload, meta in messages:
        raw = line.encode(now, payload, meta)
        received, again, meta_again = line.decode(raw[:-1])
        assert (received, again, meta_again) == (now, payload, meta)
        assert [type(v) for v in meta_again.values()] == [type(v) for v in meta.values()]
        assert raw.count(b"\n") == 1


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\r\n",
        b"\n\n",
        b"\0",
        b"\xef\xbb\xbfbom",
        "\u2028\u2029\x85\x7f".encode(),
        b"\xed\xa0\x80",
        b"\\u0000",
    ],
)
def test_awkward_payloads_come_back_from_the_file(tmp_path: Path, payload: bytes):
    journal = Journal(tmp_path, "s", Clock(NOON))
    journal.append(payload)
    journal.append(b"next")
    assert [e.payload for e in everything(journal)] == [payload, b"next"]


@pytest.mark.parametrize(
    "meta",
    [{"a": float("nan")}, {"a": float("inf")}, {"a": "\ud800"}, {1: "a"}, {"a": [1]}, {"a": {}}, {"a": b"x"}],
)
def test_meta_that_cannot_come_back_is_refused_and_nothing_is_kept(tmp_path: Path, meta):
    journal = Journal(tmp_path, "s", Clock(NOON))
    journal.append(b"before")
    with pytest.raises(ValueError, match="cannot keep"):
        journal.append_many([(b"good", {}), (b"bad", meta)])
    assert [e.payload for e in everything(journal)] == [b"before"]


def test_a_message_too_long_for_a_line_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(line, "LINE_LIMIT", 100)
    journal = Journal(tmp_path, "s", Clock(NOON))
    with pytest.raises(ValueError, match="too long"):
        journal.append(b"x" * 100)
    assert everything(journal) == []


def test_a_batch_over_midnight_goes_to_both_days(tmp_path: Path):
    journal = Journal(tmp_path, "s", Clock(NOON, NOON + DAY, NOON + DAY + 1, NOON + 2))
    written = journal.append_many((bytes([n]), {}) for n in range(4))
    assert journal.days() == ["2021-06-25", "2021-06-26"]
    assert [e.payload for e in journal.read("2021-06-25")] == [b"\0", b"\3"]
    assert [e.payload for e in journal.read("2021-06-26")] == [b"\1", b"\2"]
    assert sorted(written, key=lambda e: (e.day, e.offset)) == everything(journal)


def test_one_sync_per_file_of_a_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    journal = Journal(tmp_path, "s", Clock(NOON))
    journal.append(b"creates the file")
    synced: list[int] = []
    monkeypatch.setattr("os.fsync", synced.append)
    journal.append_many([(b"a", {}), (b"b", {}), (b"c", {})])
    assert len(synced) == 1


def test_a_new_file_is_synced_and_so_is_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    seen: list[str] = []
    monkeypatch.setattr("os.fsync", lambda fd: seen.append(Path(f"/proc/self/fd/{fd}").readlink().name))
    Journal(tmp_path, "a/b", Clock(NOON)).append(b"x")
    # the parents of the new folders, the header, the name of the file, the message
    assert seen == [tmp_path.name, "a", ".2021-06-25.jsonl.new", "b", "2021-06-25.jsonl"]


def test_a_clock_that_steps_back_goes_to_its_own_day(tmp_path: Path):
    journal = Journal(tmp_path, "s", Clock(NOON, NOON - DAY, NOON - 5))
    written = [journal.append(bytes([n])) for n in range(3)]
    assert [e.day for e in written] == ["2021-06-25", "2021-06-24", "2021-06-25"]
    assert [e.received for e in journal.read("2021-06-25")] == [NOON, NOON - 5]


def test_nothing_written_is_nothing_read(tmp_path: Path):
    journal = Journal(tmp_path, "s")
    assert journal.append_many([]) == []
    assert (journal.days(), journal.size("2021-06-25"), list(journal.read("2021-06-25"))) == ([], 0, [])
    assert journal.last() is None
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "source", ["", "/etc", "..", "a/../b", "a//b", "a/", "./a", ".lock", "a.jsonl/b", "\0"]
)
def test_a_source_that_is_no_relative_path_is_refused(tmp_path: Path, source: str):
    with pytest.raises(ValueError, match="cannot name a journal"):
        Journal(tmp_path, source)


@pytest.mark.parametrize("day", ["", "../2021-06-25", "20210625", "2021-6-25", "2021-W25-5", "2021-06-31"])
def test_a_day_that_is_none_is_refused(tmp_path: Path, day: str):
    with pytest.raises(ValueError, match=r"."):
        Journal(tmp_path, "s").size(day)


def test_a_source_within_a_source_keeps_to_itself(tmp_path: Path):
    Journal(tmp_path, "a", Clock(NOON)).append(b"outer")
    Journal(tmp_path, "a/b", Clock(NOON)).append(b"inner")
    assert [e.payload for e in everything(Journal(tmp_path, "a"))] == [b"outer"]
    assert [e.payload for e in everything(Journal(tmp_path, "a/b"))] == [b"inner"]


def test_last_goes_back_over_days_and_answers_the_question(tmp_path: Path):
    journal = Journal(tmp_path, "s", Clock(NOON, NOON, NOON + DAY, NOON + DAY))
    written = [
        journal.append(b"x" * size, {"file": name}) for size, name in ((1, "a"), (9000, "b"), (1, "c"))
    ]
    assert journal.last() == written[2]
    assert journal.last(lambda e: e.meta["file"] == "b") == written[1]
    assert journal.last(lambda e: e.meta["file"] == "a") == written[0]
    assert journal.last(lambda e: e.meta["file"] == "d") is None


@pytest.mark.parametrize("version", [2, "1.1", 0, None])
def test_an_unknown_version_is_refused_by_name_and_left_alone(tmp_path: Path, version):
    journal = Journal(tmp_path, "s", Clock(NOON))
    journal.folder.mkdir()
    path = journal.folder / "2021-06-25.jsonl"
    path.write_text(before := json.dumps({"labmon_journal": version, "new": {"x": []}}) + "\n{}\n")
    for attempt in (lambda: list(journal.read("2021-06-25")), journal.last, lambda: journal.append(b"x")):
        with pytest.raises(FormatError, match=f"2021-06-25.jsonl: journal format {version!r}"):
            attempt()
    assert path.read_text() == before


@pytest.mark.parametrize("shift", [-1, 1, 1000])
def test_an_offset_of_another_file_is_an_error(tmp_path: Path, shift: int):
    journal = Journal(tmp_path, "s", Clock(NOON))
    entry = journal.append(b"x")
    with pytest.raises(ValueError, match=r"2021-06-25\.jsonl"):
        list(journal.read(entry.day, entry.end + shift))
