"""A supply is asked over a connection to a server that does what it is told to."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable

import pytest

from labmon_dagster.model.devices import Address, DeviceError, DeviceSettings, Heard
from labmon_dagster.sources.aim_tti import asking
from labmon_dagster.sources.aim_tti.asking import Supply
from labmon_dagster.sources.aim_tti.emulator import CPX200Emulator
from labmon_dagster.sources.wire import exchange
from labmon_dagster_tests.sources.wire.tcp_device import END, Scripted, scripted, until

Answer = Callable[[bytes], list[bytes | None]]
ONE_OUTPUT = 10


def settings(port: int, timeout: float = 5.0) -> DeviceSettings:
    return DeviceSettings("supply", "CPX200", Address("tcp", "127.0.0.1", port), timeout, {"outputs": [1]})


def but(other: dict[bytes, list[bytes | None]]) -> Answer:
    """Answer as a supply does, but to some questions otherwise."""
    made = CPX200Emulator(0, lambda: 1.78e9)

    def script(request: bytes) -> list[bytes | None]:
        if request in other:
            return other[request]
        reply = made.reply(request)
        return [reply.payload] if reply else []

    return script


def polled(
    script: Answer, times: int = 1, timeout: float = 5.0
) -> tuple[list[Heard | DeviceError], list[Heard], Scripted]:
    strays: list[Heard] = []

    async def run() -> tuple[list[Heard | DeviceError], Scripted]:
        found: list[Heard | DeviceError] = []
        async with scripted(script) as server:
            device = Supply(settings(server.port, timeout), strays.append)
            for _ in range(times):
                try:
                    found.append(await device.poll())
                except DeviceError as error:
                    found.append(error)
            await device.close()
            return found, server

    found, server = asyncio.run(run())
    return found, strays, server


def answers(heard: Heard | DeviceError) -> dict[str, bytes | str | None]:
    """Give answers, or errors, by their questions."""
    assert isinstance(heard, Heard)
    assert heard.form == "exchange"
    return {one.asked: one.answer or one.error for one in exchange.parse(heard.payload)}


def test_one_question_at_a_time_and_one_connection():
    found, strays, server = polled(but({}), 3)
    expected = ("V1?", "OP1?", "I1?", "V1O?", "OVP1?", "I1O?", "OCP1?", "LSR1?", "*IDN?", "CONFIG?")
    assert server.heard == [query.encode() + b"\n" for query in expected] * 3
    assert server.connections == 1
    assert not strays
    for heard in found:
        told = answers(heard)
        assert tuple(told) == expected
        assert told["V1?"] == b"V1 12.50\r\n"
        assert isinstance(heard, Heard)
        assert not heard.trouble


def test_pieces_are_put_together():
    found, _, _ = polled(but({b"V1?\n": [b"V", b"1 12", b".5", b"0\r", b"\n"]}))
    assert answers(found[0])["V1?"] == b"V1 12.50\r\n"


@pytest.mark.parametrize(
    ("pieces", "noted"),
    [
        ([], "no answer within 0.2 s"),
        ([b"0.1"], b"0.1"),
        ([END], "the device closed the connection after 0 bytes"),
        ([b"0.1", END], b"0.1"),
        ([b"\xff\xfe\r\n"], b"\xff\xfe\r\n"),
        ([b"I1 0.1\r\n"], b"I1 0.1\r\n"),
        ([b"0.1A\r\n0.2A\r\n"], b"0.1A\r\n0.2A\r\n"),
    ],
)
def test_one_bad_answer_costs_one_quantity_and_a_new_connection(
    pieces: list[bytes | None], noted: bytes | str
):
    found, strays, server = polled(but({b"I1O?\n": pieces}), 2, timeout=0.2)
    assert not strays
    for heard in found:
        told = answers(heard)
        assert len(told) == ONE_OUTPUT
        assert told["I1O?"] == noted
        assert told["V1?"] == b"V1 12.50\r\n"
        assert told["CONFIG?"] == b"2\r\n"
        assert isinstance(heard, Heard)
        assert not heard.trouble
    assert server.connections == 3


def test_an_answer_too_much_is_not_taken_for_the_next():
    """The second line is there before or after the next question; it is never its answer."""
    found, _, _ = polled(but({b"V1O?\n": [b"12.5V\r\n", b"12.5V\r\n"]}), 1)
    told = answers(found[0])
    assert told["OVP1?"] in (b"12.5V\r\n", b"12.5V\r\nVP1 66.0\r\n", b"VP1 66.0\r\n")
    assert told["I1O?"] != b"VP1 66.0\r\n"
    assert len(told) == ONE_OUTPUT


def test_a_supply_that_is_silent_is_left_alone_after_two_questions():
    found, _, server = polled(but({b"V1O?\n": [], b"OVP1?\n": []}), 1, timeout=0.2)
    told = answers(found[0])
    assert told["I1?"] == b"I1 3.000\r\n"
    assert told["V1O?"] == told["OVP1?"] == "no answer within 0.2 s"
    assert told["I1O?"] == told["CONFIG?"] == "not asked: the supply gave no good answers"
    assert len(server.heard) == 5


def test_a_slow_supply_keeps_what_was_heard_in_time(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(asking, "_LONGEST", 0.3)
    answer = but({})

    def slowly(request: bytes) -> list[bytes | None]:
        time.sleep(0.08)
        return answer(request)

    found, _, server = polled(slowly)
    told = answers(found[0])
    assert told["V1?"] == b"V1 12.50\r\n"
    assert told["CONFIG?"] == asking.TOO_LONG
    assert len(server.heard) == len([one for one in told.values() if one != asking.TOO_LONG]) < 6
    assert isinstance(found[0], Heard)
    assert not found[0].trouble


def test_nothing_but_silence():
    found, _, server = polled(lambda request: [], 1, timeout=0.2)
    assert isinstance(found[0], DeviceError)
    assert str(found[0]) == f"tcp://127.0.0.1:{server.port}: V1?: no answer within 0.2 s"
    assert server.heard == [b"V1?\n", b"OP1?\n"]


def test_nothing_but_garbage_is_kept_and_not_believed():
    found, _, _ = polled(lambda request: [b"\x00\xff\n"], 1)
    assert isinstance(found[0], Heard)
    assert found[0].trouble == "V1?: b'\\x00\\xff\\n' is no line of printable characters"
    assert answers(found[0])["V1?"] == b"\x00\xff\n"


def test_what_comes_between_polls_is_kept_and_the_next_begins_anew():
    strays: list[Heard] = []

    async def run() -> None:
        async with scripted(but({b"CONFIG?\n": [b"2\r\n", b"9.99V\r\n"]})) as server:
            device = Supply(settings(server.port), strays.append)
            async with asyncio.timeout(20):
                while not strays:
                    told = answers(await device.poll())
                    assert told["V1?"] in (b"V1 12.50\r\n", b"9.99V\r\n")  # the latter is refused
                    assert told["OP1?"] == b"1\r\n"
                    await asyncio.sleep(0.02)
            assert server.connections > 1
            await device.close()

    asyncio.run(run())
    assert (strays[0].payload, strays[0].trouble) == (b"9.99V\r\n", "it came without having been asked for")


def test_a_poll_that_is_given_up_leaves_nothing_behind():
    async def run() -> None:
        async with scripted(but({b"I1?\n": []})) as server:
            device = Supply(settings(server.port), lambda heard: None)
            asking = asyncio.create_task(device.poll())
            await until(lambda: b"I1?\n" in server.heard)
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            server.script = but({})
            assert answers(await device.poll())["I1?"] == b"I1 3.000\r\n"
            assert server.connections == 2
            await device.close()

    asyncio.run(run())


def test_nobody_there():
    async def run(port: int) -> None:
        device = Supply(settings(port), lambda heard: None)
        with pytest.raises(DeviceError, match=rf"^tcp://127\.0\.0\.1:{port}: no connection: .*[Cc]onnect"):
            await device.poll()

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        asyncio.run(run(taken.getsockname()[1]))
