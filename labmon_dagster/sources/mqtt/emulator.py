"""A small MQTT 3.1.1 broker for machines without mosquitto: QoS 0 and 1, everything in memory.

It has persistent sessions, redelivery, retained messages and wildcards. It has no QoS 2 (a subscription is
granted QoS 1, such a message ends the connection), no wills, no passwords (whoever comes is let in), no TLS,
and nothing of it outlives its process. A session whose queue is full loses what comes, as mosquitto's does.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from uuid import uuid4

from labmon_dagster.sources.mqtt.emulated_packets import Body, RefusedError, Type, number, packet, read
from labmon_dagster.sources.mqtt.emulated_sessions import Message, Session, is_filter, matches

_LOG = logging.getLogger(__name__)
_PROTOCOL = "MQTT", 4
_REJECTED_VERSION, _REJECTED_ID, _UNAVAILABLE, _NOT_AUTHORIZED = 1, 2, 3, 5
_CLEAN, _WILL, _RETAIN = 0x02, 0x04, 0x01
_REFUSED_FILTER, _RESERVED = 0x80, 0x02
_QUEUE, _RETAINED, _SESSIONS = 100_000, 1000, 1000
_CONNECT_SECONDS = 10.0


class Broker:
    """The broker. ``queue``: how many messages may wait for a client."""

    def __init__(self, queue: int = _QUEUE) -> None:
        self.sessions: dict[str, Session] = {}
        self.retained: dict[str, Message] = {}
        self._queue = queue
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, host: str, port: int) -> int:
        """Serve, and give the port. Raises OSError where it is taken."""
        self._server = await asyncio.start_server(self._connected, host, port)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """End all connections."""
        if self._server:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        session: Session | None = None
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                session, patience = await self._admit(reader, writer)
            while session.writer is writer:
                async with asyncio.timeout(patience):
                    kind, flags, body = await read(reader)
                self._handle(session, kind, flags, body)
                await writer.drain()
        except RefusedError as error:
            _LOG.warning("client %s: %s", session.client if session else "(unknown)", error)
        except (asyncio.IncompleteReadError, ConnectionError, TimeoutError, asyncio.CancelledError):
            _LOG.debug("client %s is gone", session.client if session else "(unknown)")
        finally:
            self._tasks.discard(task)
            self._leave(session, writer)

    def _leave(self, session: Session | None, writer: asyncio.StreamWriter) -> None:
        writer.close()
        if session and session.writer is writer:
            session.writer = None
            if session.clean:
                del self.sessions[session.client]

    async def _admit(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> tuple[Session, float | None]:
        """Understand CONNECT and answer it; give the session, and how long (s) the client may be silent."""
        kind, _, body = await read(reader)
        if kind != Type.CONNECT:
            raise RefusedError(f"a packet of type {kind} before CONNECT")
        protocol, flags, alive = (body.text(), body.number(1)), body.number(1), body.number()
        client = body.text() if protocol == _PROTOCOL else ""
        if refusal := self._refusal(protocol, flags, client):
            writer.write(packet(Type.CONNACK, bytes([0, refusal])))
            raise RefusedError(f"CONNECT is refused with return code {refusal}")
        session, present = self._session(client or f"auto-{uuid4().hex}", bool(flags & _CLEAN))
        session.writer = writer
        session.send(packet(Type.CONNACK, bytes([present, 0])))
        session.resume()
        return session, alive * 1.5 or None

    def _refusal(self, protocol: tuple[str, int], flags: int, client: str) -> int:
        """Give the return code for a client that is not let in; 0: it is."""
        if protocol != _PROTOCOL:
            return _REJECTED_VERSION
        if not client and not flags & _CLEAN:
            return _REJECTED_ID
        if flags & _WILL:
            return _NOT_AUTHORIZED
        return _UNAVAILABLE if client not in self.sessions and len(self.sessions) >= _SESSIONS else 0

    def _session(self, client: str, clean: bool) -> tuple[Session, bool]:
        """Give the client's session, and whether it was there; an older connection of the client ends."""
        before = self.sessions.get(client)
        if before and before.writer:
            before.writer.close()
            before.writer = None
        if before and not clean and not before.clean:
            return before, True
        made = self.sessions[client] = Session(client, clean, self._queue)
        return made, False

    def _handle(self, session: Session, kind: int, flags: int, body: Body) -> None:
        match kind:
            case Type.PUBLISH:
                self._published(session, flags, body)
            case Type.PUBACK:
                session.acknowledged(body.number())
            case Type.SUBSCRIBE if flags == _RESERVED:
                self._subscribe(session, body)
            case Type.UNSUBSCRIBE if flags == _RESERVED:
                identifier = body.number()
                while not body.ended:
                    session.filters.pop(body.text(), None)
                session.send(packet(Type.UNSUBACK, number(identifier)))
            case Type.PINGREQ:
                session.send(packet(Type.PINGRESP, b""))
            case Type.DISCONNECT:
                raise ConnectionError
            case _:
                raise RefusedError(f"a packet of type {kind} with flags {flags} is not served")

    def _published(self, sender: Session, flags: int, body: Body) -> None:
        topic, qos = body.text(), flags >> 1 & 3
        identifier = body.number() if qos else 0
        if qos > 1 or not topic or "+" in topic or "#" in topic or (qos and not identifier):
            raise RefusedError(f"a message of QoS {qos} to {topic!r}: 0 and 1 are served, wildcards are not")
        payload = body.rest()
        if flags & _RETAIN:
            self._retain(topic, payload, qos)
        for session in self.sessions.values():
            granted = [one for pattern, one in session.filters.items() if matches(pattern, topic)]
            if granted:
                session.give(Message(topic, payload, min(qos, max(granted))))
        if qos:
            sender.send(packet(Type.PUBACK, number(identifier)))

    def _retain(self, topic: str, payload: bytes, qos: int) -> None:
        if not payload:
            self.retained.pop(topic, None)
        elif topic in self.retained or len(self.retained) < _RETAINED:
            self.retained[topic] = Message(topic, payload, qos, retained=True)
        else:
            raise RefusedError(f"messages of {_RETAINED} topics are retained: no room for {topic!r}")

    def _subscribe(self, session: Session, body: Body) -> None:
        identifier, wanted = body.number(), []
        while not body.ended:
            wanted.append((body.text(), min(body.number(1), 1)))
        if not wanted:
            raise RefusedError("a SUBSCRIBE without topics")
        good = {pattern: qos for pattern, qos in wanted if is_filter(pattern)}
        session.filters.update(good)
        answers = bytes(good.get(pattern, _REFUSED_FILTER) for pattern, _ in wanted)
        session.send(packet(Type.SUBACK, number(identifier) + answers))
        for message in self.retained.values():
            granted = [qos for pattern, qos in good.items() if matches(pattern, message.topic)]
            if granted:
                session.give(replace(message, qos=min(message.qos, max(granted))))
