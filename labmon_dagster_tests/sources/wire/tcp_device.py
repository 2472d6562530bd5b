"""A TCP server that does as it is told, and instruments that note what they sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from labmon_dagster.sources.emulation.instrument import Instrument, Reply

END = None
Script = Callable[[bytes], Sequence[bytes | None]]


@dataclass
class Scripted:
    """Sends the pieces that its script gives for what came, one by one; END closes the connection."""

    script: Script
    port: int = 0
    heard: list[bytes] = field(default_factory=list)
    connections: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while request := await reader.read(4096):
                self.heard.append(request)
                if not await self._send(self.script(request), writer):
                    break
        except ConnectionError:
            pass  # the other side is gone, as clients go
        finally:
            writer.close()

    async def _send(self, pieces: Sequence[bytes | None], writer: asyncio.StreamWriter) -> bool:
        for piece in pieces:
            if piece is END:
                return False
            writer.write(piece)
            await asyncio.sleep(0.005)
        return True


@asynccontextmanager
async def scripted(script: Script) -> AsyncIterator[Scripted]:
    """Serve a script on a free port."""
    made = Scripted(script)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        await asyncio.sleep(0.01)


async def until(true: Callable[[], bool]) -> None:
    """Wait for something that happens on the other side of the wire. Raises TimeoutError after 10 s."""
    async with asyncio.timeout(10):
        while not true():
            await asyncio.sleep(0.002)


class Recording:
    """An instrument whose replies, as they are before any fault, are noted by their requests."""

    def __init__(self, instrument: Instrument) -> None:
        self._instrument = instrument
        self.wire = instrument.wire
        self.clock = instrument.clock
        self.cut = instrument.cut
        self.half = instrument.half
        self.too_long = instrument.too_long
        self.replies: list[tuple[bytes, bytes]] = []

    @property
    def alarm(self) -> bool:
        return self._instrument.alarm

    @alarm.setter
    def alarm(self, given: bool) -> None:
        self._instrument.alarm = given

    def reply(self, request: bytes) -> Reply | None:
        reply = self._instrument.reply(request)
        if reply is not None:
            self.replies.append((request, reply.payload))
        return reply
