"""The text of dump files in a journal: read back, it says what the file said, and where."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from labmon_dagster.collector.station import heard_in
from labmon_dagster.events.entries import DUMP, Portion, Portions, message_of, pieces_in
from labmon_dagster.events.seen import Seen
from labmon_dagster.journal import Entry
from labmon_dagster.sources.cosmic.scan import Piece
from labmon_dagster_tests.sources.cosmic.sample import LINES, scanned

BITS = st.sampled_from(
    [
        *LINES,
        LINES[0].replace(b", ", b",\r\n"),
        b'{"a": "}"}',
        b"hello",
        b"\n",
        b"\r\n \n",
        b", ",
        b"}",
        b"[",
        b"\xff",
    ]
)
TEXTS = st.lists(BITS, max_size=12).map(b"".join)


def entry_of(found: Portion | Piece) -> Entry:
    message = message_of(found, "lab", "a.dat", 1)
    return Entry(1, message.payload, message.meta, "1970-01-01", 0, 1)


def parted(text: bytes, size: int, begin: int = 0, line: int = 1) -> list[Portion | Piece]:
    """What is made of a text that is fed so many bytes at once, and goes on where another ended."""
    portions = Portions(begin, line)
    found: list[Portion | Piece] = []
    for first in range(begin, len(text), size):
        found += portions.feed(text[first : first + size])
    return [*found, *portions.close()]


@given(TEXTS, st.integers(1, 700))
def test_entries_say_what_the_file_said_and_where(text: bytes, size: int) -> None:
    back: list[Piece] = []
    for one in parted(text, size):
        entry = entry_of(one)
        if isinstance(one, Portion):
            assert entry.meta["form"] == DUMP
            assert text[one.pieces[0].offset :].startswith(entry.payload)
            back += pieces_in(entry, heard_in(entry))
        else:
            assert (entry.meta["trouble"], entry.payload) == (one.why, one.raw)
            back.append(one)
    assert back == scanned([text])


@given(TEXTS, st.integers(1, 700))
def test_reading_goes_on_where_it_waits(text: bytes, size: int) -> None:
    portions = Portions()
    found = list(portions.feed(text[:size]))
    found += parted(text, 4096, *portions.waiting)
    pieces = [piece for one in found for piece in (one.pieces if isinstance(one, Portion) else (one,))]
    assert pieces == scanned([text])


def test_a_part_of_a_portion_is_its_text_as_it_stood() -> None:
    (whole,) = parted(b"\n\n".join(LINES), 10_000)
    assert isinstance(whole, Portion)
    part = whole.part(1, 2)
    assert (part.text, part.pieces) == (b"\n\n".join(LINES[1:]), whole.pieces[1:])
    (piece,) = whole.part(0, 0).pieces
    assert replace(piece, raw=b"") == Piece(b"", 0, 1)
    assert message_of(part, "lab", "a.dat").meta["line"] == 3


def test_what_was_seen_is_known_and_numbers_of_several_contents_are_named() -> None:
    seen = Seen()
    ids = [f"0/1/{number}/{'a' * 16}" for number in range(50)]
    assert (seen.add(ids), seen.add(ids), seen.reused()) == (50, 0, (0, []))
    assert seen.add(one.replace("a", "b") for one in ids[:30]) == 30
    number, names = seen.reused()
    assert (number, len(names), names[0]) == (30, 20, "0/1/0")
    seen.close()
