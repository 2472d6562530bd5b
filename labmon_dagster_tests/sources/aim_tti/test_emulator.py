"""The emulated supply on its own: lines as real supplies give them, a state that only time moves."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmon_dagster.sources.aim_tti.emulator import CPX200Emulator, serial_in
from labmon_dagster.sources.emulation.server import Served

NOON = 1_780_000_000.0
QUERIES = (
    *("V1?", "I1?", "I1O?", "OP1?", "OVP1?", "OCP1?", "LSR1?", "*IDN?", "CONFIG?"),
    *("V2?", "I2?", "V2O?", "I2O?", "OP2?", "OVP2?", "OCP2?", "LSR2?"),
)


def line(query: str, alarm: bool = False, now: float = NOON) -> bytes:
    made = CPX200Emulator(0, lambda: now)
    made.alarm = alarm
    reply = made.reply(query.encode())
    assert reply is not None
    return reply.payload


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        ("V1?", b"V1 12.50\r\n"),
        ("I1?", b"I1 3.000\r\n"),
        ("OP1?", b"1\r\n"),
        ("OVP1?", b"VP1 66.0\r\n"),
        ("OCP1?", b"CP1 10.00\r\n"),
        ("LSR1?", b"1\r\n"),
        ("V1O?", b"12.5000001V\r\n"),
        ("V2O?", b"5.00V\r\n"),
        ("CONFIG?", b"2\r\n"),
        ("*IDN?", b"THURLBY THANDAR, CPX200DP, 400000, 2.00-4.20\r\n"),
    ],
)
def test_lines(query: str, answer: bytes):
    assert line(query) == answer
    assert line(query + "\r") == answer


def test_an_alarm_is_a_trip():
    assert line("OP1?", alarm=True) == b"0\r\n"
    assert line("LSR1?", alarm=True) == b"4\r\n"
    assert line("V1O?", alarm=True) == b"-0.0100001V\r\n"
    assert line("I1O?", alarm=True) == b"0.000A\r\n"


def test_it_trips_within_days_and_its_load_follows_the_day():
    hours = [line("LSR1?", now=NOON + 300 * step) for step in range(600)]
    assert set(hours) == {b"1\r\n", b"8\r\n"}
    loads = {float(line("I1O?", now=NOON + 3600 * hour)[:-3]) for hour in range(24)}
    assert max(loads) - min(loads) > 0.5


@given(
    st.text(max_size=10) | st.sampled_from(["OP1 0", "OPALL 0", "V1 60", "TRIPRST", "CONFIG 0", "V1?;OP1 0"])
)
def test_commands_get_no_reply_and_change_nothing(command: str):
    made = CPX200Emulator(0, lambda: NOON)
    before = [made.reply(query.encode()) for query in QUERIES]
    if command.strip() not in {*QUERIES, "V1O?"}:
        assert made.reply(command.encode("latin-1", "replace")) is None
    assert [made.reply(query.encode()) for query in QUERIES] == before


def test_replies_are_numbered():
    made = CPX200Emulator(0, lambda: NOON)
    for serial in range(1, 40_001):
        reply = made.reply(b"V1O?")
        assert reply is not None
        assert reply.serial == serial
        assert serial_in({"output_1_voltage": float(reply.payload[:-3])}) == serial
    assert serial_in({"output_2_voltage": 5.0}) is None


def test_a_second_client_waits_until_the_first_has_left():
    async def run() -> None:
        served = Served(CPX200Emulator(0, lambda: NOON))
        await served.start()
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(b"OP1?\n")
        assert await asyncio.wait_for(reader.readline(), 5) == b"1\r\n"
        second, writer_2 = await asyncio.open_connection("127.0.0.1", served.port)
        writer_2.write(b"V2?\n")
        waiting = asyncio.create_task(second.readline())
        for _ in range(20):
            writer.write(b"OP1?\n")
            assert await asyncio.wait_for(reader.readline(), 5) == b"1\r\n"
        assert not waiting.done()
        writer.close()
        assert await asyncio.wait_for(waiting, 5) == b"V2 5.00\r\n"
        writer_2.close()
        await served.stop()

    asyncio.run(run())
