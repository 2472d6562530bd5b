"""Devices that hang, each in a way of its own, in a process of their own.

`python -m labmon_dagster_tests.soak.hanging` says a line of JSON with the port of each way (see
`WAYS`), and goes on until SIGTERM.
"""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

HOST = "127.0.0.1"
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
_DRIP, _TRICKLE = 1.0, 0.2  # s between bytes
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 100000\r\n\r\n"
_NAMES = {b"MMR3": b"MMR3_01_2_073_v2.2", b"MP71": b"MP710508 V1.1 SN:00002338"}


_NAMED = (
    ("supply", "CPX200", "tcp"),
    ("compressor", "CMCPA", "tcp"),
    ("page", "CRYO", "http"),
    ("bridge", "MMR3", "udp"),
)


@dataclass(frozen=True, slots=True)
class Way:
    """A way to hang. ``longest``: s that a poll may take by the time-outs of its kind, 1 s for an answer."""

    type: str
    scheme: str
    longest: float
    how: str
    host: str = HOST


WAYS = {
    "supply says nothing": Way("CPX200", "tcp", 3.0, "silent"),
    "supply gives half an answer": Way("CPX200", "tcp", 3.0, "half"),
    "supply gives a byte a second": Way("CPX200", "tcp", 3.0, "drip"),
    "supply does not accept": Way("CPX200", "tcp", 2.0, "backlog"),
    "compressor says nothing": Way("CMCPA", "tcp", 2.0, "silent"),
    "compressor gives a byte a second": Way("CMCPA", "tcp", 2.0, "drip"),
    "compressor does not accept": Way("CMCPA", "tcp", 2.0, "backlog"),
    "page says nothing": Way("CRYO", "http", 1.5, "silent"),
    "page trickles": Way("CRYO", "http", 1.5, "trickle"),
    "page does not accept": Way("JSON-SCALE", "http", 1.5, "backlog"),
    "bridge says nothing": Way("MMR3", "udp", 5.5, "mute"),
    "bridge says its name only": Way("MMR3", "udp", 12.0, "name"),
    **{
        f"the name of a {what} is not found": Way(kind, scheme, 2.0, "mute", f"{what}.hangs")
        for what, kind, scheme in _NAMED
    },
}
"""UDP: s of grace for late answers come to its time-outs, twice, since a second silence ends a round."""


async def _silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    await asyncio.Event().wait()


async def _half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await reader.read(4096):
        writer.write(b"THURLBY THANDAR, CPX")


async def _drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(4096)
    await _dripping(writer, b"\0", _DRIP)


async def _trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(4096)
    writer.write(_ANSWER)
    await _dripping(writer, b"<", _TRICKLE)


async def _dripping(writer: asyncio.StreamWriter, byte: bytes, seconds: float) -> None:
    while not writer.is_closing():
        writer.write(byte)
        await writer.drain()
        await asyncio.sleep(seconds)


_TALKS: dict[str, Talk] = {"silent": _silent, "half": _half, "drip": _drip, "trickle": _trickle}


class Mute(asyncio.DatagramProtocol):
    """Hears datagrams; where it is to, it answers the question for its name, and nothing else."""

    def __init__(self, name: bytes | None) -> None:
        self._name = name
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        """Keep the way out."""
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Hear a question."""
        if self._name and self._transport and data.startswith(b"*IDN?"):
            self._transport.sendto(self._name, addr)


class Hanging:
    """All of them; what is open stays open until the process ends."""

    def __init__(self) -> None:
        self._kept: list[object] = []

    async def serve(self, way: Way) -> int:
        """Serve one; gives its port."""
        if way.how in {"mute", "name"}:
            return await self._mute(way)
        if way.how == "backlog":
            return self._full()
        talk = _TALKS[way.how]

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with suppress(ConnectionError):
                await talk(reader, writer)

        server = await asyncio.start_server(connected, HOST, 0)
        self._kept.append(server)
        return int(server.sockets[0].getsockname()[1])

    async def _mute(self, way: Way) -> int:
        name = _NAMES[way.type[:4].encode()] if way.how == "name" else None
        made = await asyncio.get_running_loop().create_datagram_endpoint(lambda: Mute(name), (HOST, 0))
        self._kept.append(made)
        return int(made[0].get_extra_info("sockname")[1])

    def _full(self) -> int:
        """Listen, accept nobody, and fill the queue of those who wait: connecting then hangs."""
        listener = socket.create_server((HOST, 0), backlog=0)
        self._kept.append(listener)
        address = listener.getsockname()
        for _ in range(4):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(address)
            self._kept.append(one)
        return int(address[1])


async def main() -> None:
    """Hang until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    hanging = Hanging()
    ports = {name: await hanging.serve(way) for name, way in WAYS.items()}
    sys.stdout.write(json.dumps(ports) + "\n")
    sys.stdout.flush()
    await stop.wait()


if __name__ == "__main__":
    asyncio.run(main())
