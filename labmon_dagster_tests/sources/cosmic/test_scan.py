"""Events are found however a stream is cut, wrapped and disturbed; and nothing of it is lost."""

from __future__ import annotations

import json
import re
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from labmon_dagster.sources.cosmic import Piece, Scanner, pieces, read_event
from labmon_dagster.sources.cosmic.opened import CUT, INTERRUPTED, LARGEST, TOO_LARGE
from labmon_dagster.sources.cosmic.scan import GARBAGE_BYTES
from labmon_dagster.sources.cosmic.shapes import SHAPES
from labmon_dagster_tests.sources.cosmic.sample import CASES, DUMP, LINES, scanned

SEPARATORS = re.compile(rb"(?:[\s,\]\[]|\xef\xbb\xbf)*")
WORDS = rb"""["a": 1|{"b":|}|]|[|{|"|\|,|:|12|x|["c": [1], "d": {"e": "}"}}|{"f": "\"]"}|["g|["h": 7}"""
SOUP = st.lists(
    st.sampled_from(
        [
            *WORDS.split(b"|"),
            *(b"\n", b"\r\n", b" ", b"\xef\xbb\xbf", b"\xef", *LINES, LINES[1] + b"\n"),
            *(b'\n["h": 7}\n', b'\n["i": 8}\n', b'\n{"j":\n{"k": 1}}\n'),
        ]
    ),
    max_size=40,
).map(b"".join)


def cut(text: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(text) + 1) for place in places), len(text)]
    return [text[a:b] for a, b in pairwise(edges)]


def wrapped(text: bytes, chance: st.DataObject) -> bytes:
    """The text with some of its white space made line ends."""
    words = text.split(b" ")
    ends = chance.draw(
        st.lists(st.sampled_from([b" ", b"\n", b"\r\n"]), min_size=len(words), max_size=len(words))
    )
    return b"".join(word + end for word, end in zip(words, ends, strict=True)).strip()


@given(SOUP, st.lists(st.integers(0, 10**6), max_size=12))
@example(b'["a": 1}\n["a": 2}\n', [5, 9])
@example(b'\xef\xbb\xbf["a": 1}', [1, 2])
@example(b'{"a":\n{"b": 1}\n{"c": 2}\n', [8, 9, 14, 15, 16])
@example(b'["a": "x\n["b": 1}', [8, 9, 10, 11, 12])
def test_portions_change_nothing(text: bytes, places: list[int]) -> None:
    assert scanned(cut(text, places)) == scanned([text])


@given(SOUP)
def test_nothing_is_left_out_but_separators(text: bytes) -> None:
    behind = 0
    for piece in scanned([text]):
        assert text[piece.offset : piece.offset + len(piece.raw)] == piece.raw
        assert SEPARATORS.fullmatch(text[behind : piece.offset])
        assert piece.line == 1 + text[: piece.offset].count(b"\n")
        behind = piece.offset + len(piece.raw)
    assert SEPARATORS.fullmatch(text[behind:])


@given(SOUP, st.integers(0, 10**6))
def test_a_scanner_goes_on_where_another_one_waited(text: bytes, place: int) -> None:
    first = Scanner()
    found = list(first.feed(text[: place % (len(text) + 1)]))
    offset, line = first.waiting
    found += scanned([text[offset:]], Scanner(offset, line))
    assert found == scanned([text])


@given(SOUP)
def test_a_shape_that_is_known_changes_nothing(text: bytes) -> None:
    known = scanned([text])
    SHAPES.forget()
    assert scanned([text]) == known


@given(st.data(), st.lists(st.sampled_from(LINES), max_size=6))
def test_events_are_whole_wherever_they_are_wrapped(chance: st.DataObject, lines: list[bytes]) -> None:
    texts = [wrapped(b"{" + one[1:] if chance.draw(st.booleans()) else one, chance) for one in lines]
    between = chance.draw(st.sampled_from([b"\n", b"\r\n\r\n", b",\n", b" ", b""]))
    found = scanned([between.join(texts)])
    assert [(one.raw, one.why) for one in found] == [(text, "") for text in texts]
    assert [read_event(one.raw).raw for one in found] == [read_event(one).raw for one in lines]


@given(st.integers(2, len(LINES[0]) - 1), st.booleans())  # a bracket alone might be that of a list
def test_an_event_after_a_power_cut_is_whole(kept: int, plain: bool) -> None:
    first, second = (b"{" + one[1:] if plain else one for one in LINES[:2])
    broken, *whole = scanned([first[:kept] + b"\n" + second + b"\n" + second + b"\n"])
    assert (broken.raw, bool(broken.why)) == (first[:kept].rstrip(), True)
    assert [one.raw for one in whole] == [second, second]


@given(st.integers(1, len(LINES[0]) - 1))
def test_what_is_cut_at_the_end_is_told(kept: int) -> None:
    scanner = Scanner()
    assert list(scanner.feed(LINES[1] + b"\n" + LINES[0][:kept])) == [Piece(LINES[1], 0, 1)]
    assert scanner.waiting == (len(LINES[1]) + 1, 2)
    (rest,) = scanner.close()
    assert (rest.raw, rest.line) == (LINES[0][:kept].rstrip(), 2)
    assert rest.why == CUT or kept == 1


@pytest.mark.parametrize(
    "event", [b'["a": "}{][\\"", "b": {"c": "\\\\"}}', b'{"a": [{"b": [[]]}, "\\\\\\""]}', b"{}"]
)
def test_brackets_in_texts_are_texts(event: bytes) -> None:
    assert scanned([event * 3]) == [Piece(event, n * len(event), 1) for n in range(3)]


def test_an_event_that_ends_with_its_last_byte_does_not_wait() -> None:
    scanner = Scanner()
    assert [one.raw for one in scanner.feed(DUMP[:-1])] == LINES


def test_what_never_closes_is_given_in_parts() -> None:
    text = b'["a": ' + b"1, " * LARGEST
    found = scanned(cut(text, list(range(0, len(text), 100_000))))
    assert {len(one.raw) for one in found[:10]} <= {GARBAGE_BYTES, GARBAGE_BYTES - 1}
    assert found[0].why == TOO_LARGE and found[-1].why != TOO_LARGE
    assert sum(len(one.raw) for one in found) > 0.99 * len(text)
    assert max(len(one.raw) for one in found) <= GARBAGE_BYTES


def test_the_largest_event_is_whole_and_a_larger_one_is_none() -> None:
    room = LARGEST - len(b'["a": ""}')
    for size, why in ((room, ""), (room + 1, TOO_LARGE)):
        assert scanned([b'["a": "%b"}' % (b"x" * size)])[0].why == why


def test_a_new_event_within_a_line_shows_where_the_old_one_was_cut() -> None:
    broken, whole = scanned([LINES[0][:40] + LINES[1]])
    assert (broken.raw, broken.why, whole.raw) == (LINES[0][:40], INTERRUPTED, LINES[1])


@pytest.mark.parametrize(
    "payload",
    [
        *LINES,
        DUMP,
        b" \n" + DUMP + b"\n\n",
        b"[" + b",".join(LINES) + b"]",
        json.dumps([read_event(one).raw for one in LINES], indent=1).encode(),
        b"\n".join(json.dumps(read_event(one).raw).encode() for one in LINES),
        (CASES / "wrapped" / "input.dat").read_bytes(),
    ],
)
def test_a_message_has_one_event_or_several(payload: bytes) -> None:
    for _ in range(2):  # the second time shapes are known
        found = list(pieces(payload))
        assert [one.why for one in found] == [""] * len(found)
        assert [payload[one.offset :][: len(one.raw)] for one in found] == [one.raw for one in found]
        wanted = LINES if len(found) == 3 else [payload]
        assert [read_event(one.raw).digest for one in found] == [read_event(one).digest for one in wanted]


@pytest.mark.parametrize("payload", [b"", b"\n", b"[]", b" [ ] "])
def test_a_message_may_hold_nothing(payload: bytes) -> None:
    assert list(pieces(payload)) == []


@pytest.mark.parametrize("payload", [b"offline", b"[1, 2]", b"null", b"[", b'["a", "b"]', b"\x00\xff", b"}"])
def test_a_message_that_is_no_event_is_told(payload: bytes) -> None:
    found = list(pieces(payload))
    assert b"".join(one.raw for one in found).strip(b"]") == payload.strip(b"]")
    assert all(one.why for one in found)
