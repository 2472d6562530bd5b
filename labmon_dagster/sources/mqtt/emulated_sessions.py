"""What the emulated broker keeps for its clients, and which messages are theirs."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import dataclass, field

from labmon_dagster.sources.mqtt.emulated_packets import Type, number, packet, text

_LOG = logging.getLogger(__name__)
_RETAIN, _DUP = 0x01, 0x08
_IN_FLIGHT = 20
_UNSENT = 1 << 20  # bytes a connection may have unsent before messages of QoS 0 are dropped


@dataclass(frozen=True, slots=True)
class Message:
    """A message on its way to one client."""

    topic: str
    payload: bytes
    qos: int
    retained: bool = False

    def packet(self, identifier: int = 0, dup: bool = False) -> bytes:
        """Give its packet; only QoS 1 has an identifier."""
        flags = (_DUP if dup else 0) | self.qos << 1 | (_RETAIN if self.retained else 0)
        name = text(self.topic) + (number(identifier) if self.qos else b"")
        return packet(Type.PUBLISH, name + self.payload, flags)


@dataclass(eq=False, slots=True)
class Session:
    """What the broker knows of a client; a persistent one outlives its connections."""

    client: str
    clean: bool
    longest: int
    filters: dict[str, int] = field(default_factory=dict)
    queue: deque[Message] = field(default_factory=deque)
    in_flight: dict[int, Message] = field(default_factory=dict)
    writer: asyncio.StreamWriter | None = None
    dropped: int = 0
    _last: int = 0

    def resume(self) -> None:
        """Send again what was not acknowledged, as it was first sent, then what has come since."""
        for identifier, message in self.in_flight.items():
            self.send(message.packet(identifier, dup=True))
        self._go_on()

    def give(self, message: Message) -> None:
        """Have a message delivered: at once if there is a connection, later if it has QoS 1."""
        if not message.qos:
            if self.writer and self.writer.transport.get_write_buffer_size() < _UNSENT:
                self.send(message.packet())
        elif len(self.queue) >= self.longest:
            self.dropped += 1
            if self.dropped == 1:
                _LOG.warning("client %s: %d messages wait, further ones are lost", self.client, self.longest)
        else:
            self.queue.append(message)
            self._go_on()

    def acknowledged(self, identifier: int) -> None:
        """Have the next message take its place."""
        self.in_flight.pop(identifier, None)
        self._go_on()

    def send(self, raw: bytes) -> None:
        """Send a packet, if there is a connection."""
        if self.writer and not self.writer.is_closing():
            self.writer.write(raw)

    def _go_on(self) -> None:
        while self.writer and self.queue and len(self.in_flight) < _IN_FLIGHT:
            self._last = self._last % 0xFFFF + 1
            while self._last in self.in_flight:
                self._last = self._last % 0xFFFF + 1
            message = self.in_flight[self._last] = self.queue.popleft()
            self.send(message.packet(self._last))


def is_filter(pattern: str) -> bool:
    """Whether something can be subscribed to: `+` is a whole level, and `#` the last one."""
    *levels, last = pattern.split("/")
    return bool(pattern) and all(_alone(level) and level != "#" for level in levels) and _alone(last)


def _alone(level: str) -> bool:
    return level in {"+", "#"} or not ("+" in level or "#" in level)


def matches(pattern: str, topic: str) -> bool:
    """Whether a topic is one of those that a filter means."""
    if topic.startswith("$") and pattern[0] in "+#":
        return False
    levels, names = pattern.split("/"), topic.split("/")
    for at, level in enumerate(levels):
        if level == "#":
            return True
        if at >= len(names) or level not in {"+", names[at]}:
            return False
    return len(levels) == len(names)
