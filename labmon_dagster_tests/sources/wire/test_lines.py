"""Lines over TCP: whole lines as they came, and nothing else is taken for an answer."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest

from labmon_dagster.model.devices import DeviceError
from labmon_dagster.sources.wire.lines import LineError, Lines, connected
from labmon_dagster_tests.sources.wire.tcp_device import END, Script, Scripted, scripted, until


def with_lines(script: Script, work: Callable[[Lines, Scripted], Awaitable[None]]) -> None:
    async def run() -> None:
        async with scripted(script) as device:
            lines = await connected("127.0.0.1", device.port, 1.0)
            try:
                await work(lines, device)
            finally:
                lines.close()

    asyncio.run(run())


def refused(pieces: list[bytes | None], reason: str, heard: bytes) -> None:
    async def work(lines: Lines, device: Scripted) -> None:
        with pytest.raises(LineError, match=reason) as caught:
            await lines.ask(b"V1?\n", 0.2)
        assert caught.value.heard == heard

    with_lines(lambda _: pieces, work)


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("size", [1, 3, 100])
def test_a_line_is_given_as_it_came_in_however_many_pieces(end: bytes, size: int):
    line = b"V1 5.00 \xb5" + end

    async def work(lines: Lines, device: Scripted) -> None:
        for _ in range(2):
            assert await lines.ask(b"V1?\n", 2.0) == line
        assert device.heard == [b"V1?\n", b"V1?\n"]
        assert lines.usable
        assert lines.received > 0

    with_lines(lambda _: [line[at : at + size] for at in range(0, len(line), size)], work)


def test_silence():
    refused([], r"no answer within 0\.2 s", b"")


def test_half_a_line():
    refused([b"V1 5"], r"only 4 bytes of an answer within 0\.2 s", b"V1 5")


def test_a_connection_closed_before_and_within_the_line():
    refused([END], "closed the connection after 0 bytes", b"")
    refused([b"V1", END], "closed the connection after 2 bytes", b"V1")


def test_more_than_a_line():
    refused([b"5\r\n6"], "1 bytes came behind the line", b"5\r\n6")


def test_a_line_without_an_end():
    async def work(lines: Lines, device: Scripted) -> None:
        with pytest.raises(LineError, match="bytes came without an end of line") as caught:
            await lines.ask(b"V1?\n", 5.0)
        assert len(caught.value.heard) > 65_536
        assert set(caught.value.heard) == set(b"x")

    with_lines(lambda _: [b"x" * 70_000], work)


def test_what_came_unasked_is_found_before_the_next_question():
    async def work(lines: Lines, device: Scripted) -> None:
        assert await lines.ask(b"?\n", 1.0) == b"1\n"
        assert await lines.waiting() == b""
        came = b""
        async with asyncio.timeout(10):
            while not came:
                await asyncio.sleep(0.002)
                came = await lines.waiting()
        assert came == b"late\n"
        assert lines.usable

    with_lines(lambda _: [b"1\n", b"late\n"], work)


def test_a_device_that_has_left_is_known():
    async def work(lines: Lines, device: Scripted) -> None:
        assert await lines.ask(b"?\n", 1.0) == b"1\n"
        await until(lambda: not lines.usable)
        with pytest.raises(LineError, match=r"closed the connection after 0 bytes|connection was lost"):
            await lines.ask(b"?\n", 1.0)

    with_lines(lambda _: [b"1\n", END], work)


def test_nobody_there():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(DeviceError, match=r"no connection: .*[Cc]onnect"):
            asyncio.run(connected("127.0.0.1", taken.getsockname()[1], 1.0))


def test_no_connection_in_time():
    with pytest.raises(DeviceError, match=r"no connection within 0 s"):
        asyncio.run(connected("127.0.0.1", 9, 0.0))


@pytest.mark.parametrize("host", ["a..b", "a" * 70 + ".x", "a\0b"])
def test_a_host_that_cannot_be(host: str):
    with pytest.raises(DeviceError, match="no connection: "):
        asyncio.run(connected(host, 9, 1.0))
