"""A compressor is asked by pymodbus against a server that sends what it is told to, byte by byte."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from itertools import chain, pairwise, repeat

import pytest

from labmon_dagster.model.devices import Address, DeviceError, DeviceSettings, Heard, SwitchingError
from labmon_dagster.sources.cryomech.asking import Compressor, Link
from labmon_dagster_tests.sources.wire.tcp_device import END, Scripted, scripted, until

TAIL = bytes.fromhex("01046a") + bytes(range(106))


def settings(port: int, timeout: float = 5.0, **options: object) -> DeviceSettings:
    return DeviceSettings("pulse_tube", "CMCPA", Address("tcp", "127.0.0.1", port), timeout, options)


def good(request: bytes) -> bytes:
    return request[:4] + b"\0\x6d" + TAIL


def turns(*scripts: Callable[[bytes], list[bytes | None]]) -> Callable[[bytes], list[bytes | None]]:
    """Give the scripts one after another, then good replies."""
    left = chain(scripts, repeat(lambda request: [good(request)]))
    return lambda request: next(left)(request)


def polled(
    script: Callable[[bytes], list[bytes | None]], times: int, timeout: float = 5.0, **options: object
) -> tuple[list[Heard | DeviceError], list[Heard], Scripted]:
    strays: list[Heard] = []

    async def run() -> tuple[list[Heard | DeviceError], Scripted]:
        found: list[Heard | DeviceError] = []
        async with scripted(script) as server:
            device = Compressor(settings(server.port, timeout, **options), strays.append)
            for _ in range(times):
                try:
                    found.append(await device.poll())
                except DeviceError as error:
                    found.append(error)
            await device.close()
            return found, server

    found, server = asyncio.run(run())
    return found, strays, server


def one_bad(
    script: Callable[[bytes], list[bytes | None]], timeout: float = 5.0
) -> tuple[Heard, Heard, Scripted]:
    """Poll a server that misbehaves once; the second poll must be good, on a new connection."""
    found, strays, server = polled(turns(script), 2, timeout)
    assert isinstance(found[0], Heard)
    assert isinstance(found[1], Heard)
    assert found[1].trouble == ""
    assert found[1].payload == good(server.heard[1])
    assert server.connections == 2
    assert not strays
    return found[0], found[1], server


@pytest.mark.parametrize("size", [1, 2, 7, 9, 60, 115])
def test_a_reply_is_kept_as_it_came_in_however_many_pieces(size: int):
    def script(request: bytes) -> list[bytes | None]:
        reply = good(request)
        return [reply[at : at + size] for at in range(0, len(reply), size)]

    found, strays, server = polled(script, 2) if size > 2 else polled(slowly(size), 2)
    assert [type(one) for one in found] == [Heard, Heard]
    for heard, request in zip(found, server.heard, strict=True):
        assert isinstance(heard, Heard)
        assert (heard.payload, heard.form, heard.trouble) == (good(request), "modbus", "")
    assert server.connections == 1
    assert not strays


def slowly(size: int) -> Callable[[bytes], list[bytes | None]]:
    """Give the head in small pieces, and the rest at once."""

    def script(request: bytes) -> list[bytes | None]:
        reply = good(request)
        return [*(reply[at : at + size] for at in range(0, 12, size)), reply[12:]]

    return script


def test_queries_are_those_of_the_maker_with_numbers_of_their_own():
    _, _, server = polled(turns(), 3)
    assert [request[2:] for request in server.heard] == [bytes.fromhex("00000006010400010035")] * 3
    assert len({request[:2] for request in server.heard}) == 3


def test_no_two_connections_use_the_same_numbers():
    _, _, server = polled(turns(lambda request: [END], lambda request: [], lambda request: [END]), 4, 0.2)
    assert server.connections == 4
    numbers = [int.from_bytes(request[:2], "big") for request in server.heard]
    assert [(later - number) % 65_000 for number, later in pairwise(numbers)] == [1, 1, 1]


@pytest.mark.parametrize("host", ["a..b", "a" * 70 + ".x", "a\0b"])
def test_a_host_that_cannot_be(host: str):
    given = DeviceSettings("pulse_tube", "CMCPA", Address("tcp", host), 2.0)
    with pytest.raises(DeviceError, match="no connection: "):
        asyncio.run(Compressor(given, lambda heard: None).poll())


def test_the_options_are_asked_for():
    _, _, server = polled(turns(), 1, firmware="3", unit=16)
    assert server.heard[0][2:] == bytes.fromhex("00000006100400010037")


def test_silence():
    found, _, server = polled(turns(lambda request: []), 2, 0.2)
    assert isinstance(found[0], DeviceError)
    assert str(found[0]) == f"tcp://127.0.0.1:{server.port}: no reply within 0.2 s"
    assert isinstance(found[1], Heard)
    assert not found[1].trouble
    assert server.connections == 2


def test_a_reply_that_stops_half_way():
    heard, _, server = one_bad(lambda request: [good(request)[:50]], 0.2)
    assert heard.payload == good(server.heard[0])[:50]
    assert heard.trouble == "only 50 bytes of a reply within 0.2 s"


def test_a_connection_closed_half_way_and_at_once():
    heard, _, server = one_bad(lambda request: [good(request)[:50], END])
    assert heard.payload == good(server.heard[0])[:50]
    assert heard.trouble == "the connection was closed by the compressor after 50 bytes"
    found, _, _ = polled(turns(lambda request: [END]), 2)
    assert isinstance(found[0], DeviceError)
    assert "closed by the compressor after 0 bytes" in str(found[0])
    assert isinstance(found[1], Heard)


@pytest.mark.parametrize("number", [b"\0\0", b"\x12\x34"])
def test_the_reply_to_another_query(number: bytes):
    heard, _, _ = one_bad(lambda request: [number + good(request)[2:]])
    assert heard.payload[:2] == number
    assert heard.trouble.startswith(f"transaction and protocol are {number.hex()}0000, expected")


def test_the_reply_of_another_unit():
    heard, _, server = one_bad(lambda request: [good(request)[:6] + b"\7" + good(request)[7:]])
    assert heard.payload == good(server.heard[0])[:6] + b"\7" + TAIL[1:]
    assert heard.trouble == "unit 7 answered, expected 1"


def test_the_reply_of_another_function():
    heard, _, server = one_bad(lambda request: [request[:7] + b"\6" + request[8:]])
    assert heard.payload == server.heard[0][:7] + b"\6" + server.heard[0][8:]
    assert heard.trouble == "function 6 in the reply, expected 4"


def test_more_than_a_reply():
    heard, _, server = one_bad(lambda request: [good(request) + b"??"])
    assert heard.payload == good(server.heard[0]) + b"??"
    assert heard.trouble == "117 bytes came, expected 115"


def test_more_garbage_than_any_frame_has():
    heard, _, _ = one_bad(lambda request: [bytes(100_000)])
    assert heard.payload == bytes(len(heard.payload))
    assert len(heard.payload) > 264
    assert heard.trouble.startswith("transaction and protocol are 00000000")


def test_an_exception_reply_is_a_reply():
    found, _, server = polled(turns(lambda request: [request[:4] + b"\0\3\1\x84\2"]), 2)
    assert isinstance(found[0], Heard)
    assert found[0].payload == server.heard[0][:4] + b"\0\3\1\x84\2"
    assert not found[0].trouble
    assert server.connections == 1


def test_what_comes_between_polls_is_kept_and_the_next_begins_anew():
    strays: list[Heard] = []

    async def run() -> None:
        async with scripted(turns(lambda request: [good(request), b"what?"])) as server:
            device = Compressor(settings(server.port), strays.append)
            await device.poll()
            await until(lambda: bool(strays))
            assert (await device.poll()).payload == good(server.heard[1])
            assert server.connections == 2
            await device.close()

    asyncio.run(run())
    assert [(one.payload, one.form, one.trouble) for one in strays] == [
        (b"what?", "modbus", "it came without having been asked for")
    ]


def test_a_connection_closed_between_polls_costs_nothing():
    async def run() -> None:
        async with scripted(turns(lambda request: [END])) as server:
            link = Link(settings(server.port), lambda heard: None)
            await link.connect()
            link.client.ctx.send(b"goodbye")
            await until(lambda: not link.usable)
            device = Compressor(settings(server.port), lambda heard: None)
            device._link = link
            assert (await device.poll()).payload == good(server.heard[1])
            await device.close()

    asyncio.run(run())


def test_nobody_there():
    async def run(port: int) -> None:
        device = Compressor(settings(port), lambda heard: None)
        with pytest.raises(DeviceError, match=r"^tcp://127\.0\.0\.1:\d+: no connection: .*[Cc]onnect"):
            await device.poll()
        await device.close()

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        asyncio.run(run(taken.getsockname()[1]))


def test_a_poll_that_is_given_up_leaves_nothing_behind():
    async def run() -> None:
        async with scripted(turns(lambda request: [])) as server:
            device = Compressor(settings(server.port), lambda heard: None)
            asking = asyncio.create_task(device.poll())
            await until(lambda: bool(server.heard))
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            assert (await device.poll()).payload == good(server.heard[1])
            assert server.connections == 2
            await device.close()

    asyncio.run(run())


def test_nothing_but_the_query_can_be_sent_on_the_connection():
    async def run() -> None:
        async with scripted(turns()) as server:
            link = Link(settings(server.port), lambda heard: None)
            await link.connect()
            with pytest.raises(SwitchingError, match="function 6 is not sent"):
                await link.client.write_register(1, 1, device_id=1)
            with pytest.raises(SwitchingError, match="function 16 is not sent"):
                await link.client.write_registers(1, [1], device_id=1)
            assert (await link.ask()).payload == good(server.heard[0])
            assert server.heard[0][2:] == bytes.fromhex("00000006010400010035")
            link.close()

    asyncio.run(run())
