"""Frames: the one query there is, and when a reply is whole, or is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmon_dagster.model.devices import SwitchingError
from labmon_dagster.sources.cryomech.frames import checked_query, is_whole, registers, registers_query

GOLDEN = bytes.fromhex("099900000006010400010035")
REPLY = bytes.fromhex("09990000006d01046a") + bytes(106)
EXCEPTION = bytes.fromhex("099900000003018402")


def test_the_query_of_the_makers_samples():
    assert registers_query() == GOLDEN
    assert registers_query(55, 16, 7) == bytes.fromhex("000700000006100400010037")


def test_a_query_passes():
    assert checked_query(GOLDEN) == GOLDEN


@pytest.mark.parametrize(
    ("frame", "told"),
    [
        ("099900000006010600010001", "function 6"),
        ("09990000000601060001ffff", "function 6"),
        ("0999000000060106000100ff", "function 6"),
        ("09990000000901100001000102" + "0001", "function 16"),
        ("099900000006010300010035", "function 3"),
        ("0999", "2 bytes"),
        ("0999000000060104000100350000", "function 4"),
    ],
)
def test_everything_else_is_refused(frame: str, told: str):
    with pytest.raises(SwitchingError, match=f"Modbus {told} is not sent"):
        checked_query(bytes.fromhex(frame))


@given(st.binary(max_size=20))
def test_only_function_4_passes(frame: bytes):
    try:
        assert checked_query(frame)[7] == 4
    except SwitchingError:
        assert len(frame) != 12 or frame[7] != 4


@pytest.mark.parametrize("reply", [REPLY, EXCEPTION])
def test_a_reply_is_whole_with_its_last_byte(reply: bytes):
    for size in range(len(reply)):
        assert not is_whole(reply[:size], GOLDEN)
    assert is_whole(reply, GOLDEN)


@pytest.mark.parametrize(
    ("heard", "told"),
    [
        (b"\x09\x98" + REPLY[2:], "transaction and protocol are 09980000, expected 09990000"),
        (b"\0\0" + REPLY[2:], "transaction and protocol are 00000000"),
        (b"\x0a", "transaction and protocol are 0a"),
        (REPLY[:2] + b"\0\1" + REPLY[4:], "transaction and protocol are 09990001"),
        (REPLY[:6] + b"\2" + REPLY[7:], "unit 2 answered, expected 1"),
        (REPLY[:5] + b"\x6f" + REPLY[6:], "the reply says that it has 117 bytes, expected 115"),
        (REPLY[:7] + b"\6" + REPLY[8:], "function 6 in the reply, expected 4"),
        (REPLY[:8] + b"\x69" + REPLY[9:], "105 bytes of registers, expected 106"),
        (REPLY + b"\0", "116 bytes came, expected 115"),
        (EXCEPTION + b"\0", "10 bytes came, expected 9"),
    ],
)
def test_what_cannot_be_the_reply_is_known_at_once(heard: bytes, told: str):
    with pytest.raises(ValueError, match=told):
        is_whole(heard, GOLDEN)


@given(st.binary(max_size=130) | st.binary(max_size=120).map(lambda rest: GOLDEN[:4] + rest))
def test_any_bytes_are_whole_or_not_or_refused(heard: bytes):
    try:
        if is_whole(heard, GOLDEN):
            assert len(heard) in (9, 115)
    except ValueError as error:
        assert "expected" in str(error)


@given(st.lists(st.integers(0, 0xFFFF), max_size=120))
def test_registers_are_found_again(words: list[int]):
    data = b"".join(word.to_bytes(2, "big") for word in words)
    head = b"\0\1\0\0" + (len(data) + 3).to_bytes(2, "big") + bytes([9, 4, len(data)])
    assert registers(head + data) == tuple(words)
