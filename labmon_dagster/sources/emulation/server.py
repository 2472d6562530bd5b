"""Serves an instrument on UDP or TCP, with its faults, and notes every numbered reply it sends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from labmon_dagster.sources.emulation.faults import Behaviour, Fault
from labmon_dagster.sources.emulation.instrument import Instrument, Wire

Note: TypeAlias = Callable[[int | None, int, Fault], None]
"""Told of each reply sent: its serial if it carries one, time of sending (UTC ns), fault."""
Send: TypeAlias = Callable[[bytes], None]


def _nobody(serial: int | None, sent: int, fault: Fault) -> None: ...


@dataclass
class Served:
    """An instrument on the wire. ``port`` 0 takes a free one, which is then in ``port``.

    ``reply_port``: UDP replies go to this port of the asking host, as some modules do; 0: to its sender.
    """

    instrument: Instrument
    host: str = "127.0.0.1"
    port: int = 0
    behaviour: Behaviour = field(default_factory=Behaviour)
    note: Note = _nobody
    reply_port: int = 0
    _transport: asyncio.DatagramTransport | None = field(default=None, init=False)
    _server: asyncio.Server | None = field(default=None, init=False)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set, init=False)
    _writers: set[asyncio.StreamWriter] = field(default_factory=set, init=False)
    _place: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    async def start(self) -> None:
        """Serve. Raises OSError if the port is taken."""
        if self.instrument.wire is Wire.UDP:
            loop = asyncio.get_running_loop()
            self._transport, _ = await loop.create_datagram_endpoint(
                lambda: _Datagrams(self), (self.host, self.port)
            )
            self.port = self._transport.get_extra_info("sockname")[1]
        else:
            self._server = await asyncio.start_server(self._connected, self.host, self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Be gone from the wire; `start` takes the same port again."""
        if self._transport:
            self._transport.close()
        if self._server:
            self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        while self._writers:
            await asyncio.sleep(0)

    def push(self, payload: bytes, to: tuple[str, int]) -> None:
        """Send a message that nobody asked for (UDP)."""
        if self._transport is None:
            raise RuntimeError("an instrument that is not served on UDP pushes nothing")
        self._transport.sendto(payload, to)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            async with self._place if self.instrument.wire is Wire.TCP_SINGLE else nullcontext():
                await self._serve(reader, writer)
        except ConnectionError:
            pass  # the other side is gone, as clients go
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        buffer = b""
        while chunk := await reader.read(4096):
            requests, buffer = self.instrument.cut(buffer + chunk)
            for request in requests:
                self._answer(request, writer.write, writer.transport.abort)

    def received(self, request: bytes, sender: tuple[str, int]) -> None:
        """Answer a datagram."""
        to = (sender[0], self.reply_port or sender[1])
        transport = self._transport

        def send(payload: bytes) -> None:
            if transport is not None and not transport.is_closing():
                transport.sendto(payload, to)

        self._answer(request, send, lambda: None)

    def _answer(self, request: bytes, send: Send, drop: Callable[[], None]) -> None:
        fault = self.behaviour.next()
        self.instrument.alarm = fault is Fault.ALARM or self.behaviour.always is Fault.ALARM
        reply = self.instrument.reply(request)
        if reply is None:
            return
        delay = {Fault.LATE: self.behaviour.late, Fault.SLOW: self.behaviour.slow}.get(fault, 0.0)
        payload = self._spoilt(reply.payload, fault)

        def send_now() -> None:
            if payload is not None:
                send(payload)
                self.note(reply.serial, time.time_ns(), fault)
            if fault in {Fault.DISCONNECT, Fault.HALF}:
                drop()

        if delay:
            self._later(delay, send_now)
        else:
            send_now()

    def _later(self, delay: float, work: Callable[[], None]) -> None:
        async def wait() -> None:
            await asyncio.sleep(delay)
            with suppress(RuntimeError, ConnectionError):  # the connection may be gone by then
                work()

        task = asyncio.get_running_loop().create_task(wait())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _spoilt(self, payload: bytes, fault: Fault) -> bytes | None:
        if fault in {Fault.SILENCE, Fault.DISCONNECT}:
            return None
        if fault is Fault.GARBAGE:
            return self.behaviour.garbage(len(payload))
        if fault is Fault.HALF:
            return self.instrument.half(payload)
        return self.instrument.too_long(payload) if fault is Fault.WRONG_LENGTH else payload


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, served: Served) -> None:
        self._served = served

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        self._served.received(data, addr)
