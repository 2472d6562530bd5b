"""The emulated compressor on its own: bytes as the maker documents them, a state that only time moves."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmon_dagster.sources.cryomech.emulator import CompressorEmulator
from labmon_dagster.sources.cryomech.simulation import state_at

QUERY = bytes.fromhex("099900000006010400010035")
NOON = 1_780_000_000.0


def reply(request: bytes, firmware: str = "2", now: float = NOON) -> bytes:
    found = CompressorEmulator(0, lambda: now, firmware).reply(request)
    assert found is not None
    return found.payload


def float_at(frame: bytes, place: int) -> float:
    """Read a float at its place in the frame: the low word stands first."""
    found: float = struct.unpack(">f", frame[place + 2 : place + 4] + frame[place : place + 2])[0]
    return found


def test_a_reply_has_the_head_of_a_real_one():
    frame = reply(QUERY)
    assert len(frame) == 115
    assert frame[:9] == bytes.fromhex("09990000006d01046a")
    assert frame[65:77] == bytes.fromhex("00000000293c0418029a0475")
    assert frame[77:] == bytes(38)


def test_the_unit_is_given_back():
    assert reply(QUERY[:6] + b"\x10" + QUERY[7:])[6] == 16


def test_floats_have_their_low_word_first():
    running = reply(QUERY)
    assert running[9:13] == bytes.fromhex("00030001")
    assert running[13:21] == bytes.fromhex("0000800000008000")  # -0.0 twice: neither warnings nor alarms
    assert 60 < float_at(running, 21) < 70
    assert 280 < float_at(running, 45) < 310
    assert 22 < float_at(running, 57) < 25


def test_firmware_3_says_the_same_in_tenths():
    frame = reply(QUERY[:11] + b"\x37", "3")
    assert len(frame) == 119
    tenths = struct.unpack(">10H", frame[87:107])
    assert tenths[0] == round(float_at(frame, 21) * 10)
    assert tenths[9] == round(float_at(frame, 57) * 10)
    low, high = struct.unpack(">HH", frame[107:111])
    assert abs((high << 16 | low) / 10 - float_at(frame, 61)) < 0.11
    assert frame[111:] == bytes(8)


def test_an_alarm_is_shown():
    made = CompressorEmulator(0, lambda: NOON, "3")
    made.alarm = True
    found = made.reply(QUERY[:11] + b"\x37")
    assert found is not None
    assert found.payload[9:13] == bytes.fromhex("00070000")
    assert float_at(found.payload, 17) == -(2.0**27 + 16)
    assert found.payload[115:119] == bytes.fromhex("00100800")
    assert float_at(found.payload, 29) > 120


@pytest.mark.parametrize(
    ("request_", "exception"),
    [
        ("099900000006010600010001", "099900000003018601"),
        ("09990000000601060001ffff", "099900000003018601"),
        ("099900000006010300010035", "099900000003018301"),
        ("099900000006010400000035", "099900000003018402"),
        ("099900000006010400010036", "099900000003018402"),
        ("099900000006010400010000", "099900000003018403"),
        ("09990000000601040001007e", "099900000003018403"),
        ("09990000000401040001", "099900000003018403"),
    ],
)
def test_what_it_refuses(request_: str, exception: str):
    made = CompressorEmulator(0, lambda: NOON)
    before = made.reply(QUERY)
    refused = made.reply(bytes.fromhex(request_))
    assert refused is not None
    assert refused.payload.hex() == exception
    assert refused.serial is None
    after = made.reply(QUERY)
    assert before is not None
    assert after is not None
    assert after.payload[:29] == before.payload[:29]
    assert after.payload[31:] == before.payload[31:]


def test_some_registers_only():
    assert reply(bytes.fromhex("09990000000601040002" + "0001")) == bytes.fromhex("0999000000050104020001")


def test_replies_are_numbered_in_the_low_word_of_the_oil_temperature():
    made = CompressorEmulator(0, lambda: NOON)
    seen = set()
    for serial in range(1, 41_001):
        found = made.reply(QUERY)
        assert found is not None
        assert found.serial == serial
        seen.add(found.payload[29:31])
    assert len(seen) == 41_000


@given(st.floats(1.6e9, 2.6e9), st.integers(0, 1000))
def test_the_state_is_a_function_of_time_and_seed(now: float, seed: int):
    assert state_at(now, seed, alarm=False) == state_at(now, seed, alarm=False)


def test_it_trips_and_recovers_within_days():
    seen = [state_at(NOON + minute * 60, 0, alarm=False) for minute in range(3 * 1440)]
    assert {one.operating for one in seen} >= {3, 7}
    assert all((one.alarms != 0) == (one.operating == 7) for one in seen)
    low, high = zip(*((one.floats[4], one.floats[6]) for one in seen), strict=True)
    assert min(low) < 95 < 200 < max(low)
    assert min(high) < 235 < 290 < max(high)


@given(st.lists(st.binary(min_size=1, max_size=20), max_size=5), st.integers(1, 40))
def test_requests_are_cut_from_any_pieces(bodies: list[bytes], size: int):
    frames = [b"\0\1\0\0" + (len(body) + 1).to_bytes(2, "big") + b"\1" + body for body in bodies]
    stream, found, rest = b"".join(frames), [], b""
    made = CompressorEmulator()
    for at in range(0, len(stream), size):
        cut, rest = made.cut(rest + stream[at : at + size])
        found += cut
    assert (found, rest) == (frames, b"")


def test_what_is_no_request_is_thrown_away():
    assert CompressorEmulator().cut(b"GET / HTTP/1.1") == ([], b"")
