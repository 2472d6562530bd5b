"""Packets of MQTT 3.1.1 as the emulated broker reads and writes them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import IntEnum

LONGEST = 1 << 20  # bytes of a packet; AWS IoT Core takes an eighth of it


class Type(IntEnum):
    """The kinds of packets that the broker knows; all others are refused."""

    CONNECT = 1
    CONNACK = 2
    PUBLISH = 3
    PUBACK = 4
    SUBSCRIBE = 8
    SUBACK = 9
    UNSUBSCRIBE = 10
    UNSUBACK = 11
    PINGREQ = 12
    PINGRESP = 13
    DISCONNECT = 14


class RefusedError(Exception):
    """The connection is ended: its client broke the protocol, or wants what this broker has not."""


@dataclass(slots=True)
class Body:
    """What stands in a packet, read from its begin. What is missing raises RefusedError."""

    raw: bytes
    at: int = 0

    def take(self, length: int) -> bytes:
        """Give the next bytes."""
        begin, self.at = self.at, self.at + length
        if self.at > len(self.raw):
            raise RefusedError("a packet is shorter than it says")
        return self.raw[begin : self.at]

    def number(self, width: int = 2) -> int:
        """Give the next unsigned number."""
        return int.from_bytes(self.take(width), "big")

    def text(self) -> str:
        """Give the next string."""
        raw = self.take(self.number())
        try:
            text = raw.decode()
        except UnicodeDecodeError as error:
            raise RefusedError("a string is no UTF-8") from error
        if "\0" in text:
            raise RefusedError("a string has a null character")
        return text

    def rest(self) -> bytes:
        """Give all that is left."""
        return self.take(len(self.raw) - self.at)

    @property
    def ended(self) -> bool:
        """Whether nothing is left."""
        return self.at == len(self.raw)


async def read(reader: asyncio.StreamReader) -> tuple[int, int, Body]:
    """Give type, flags and body of the next packet. Raises RefusedError, IncompleteReadError at the end."""
    first = (await reader.readexactly(1))[0]
    length = shift = 0
    while True:
        byte = (await reader.readexactly(1))[0]
        length |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            break
        if shift > 21:
            raise RefusedError("the length of a packet has more than four bytes")
    if length > LONGEST:
        raise RefusedError(f"a packet of {length} bytes; {LONGEST} are allowed")
    return first >> 4, first & 0x0F, Body(await reader.readexactly(length))


def packet(kind: Type, body: bytes, flags: int = 0) -> bytes:
    """Give a whole packet."""
    left, length = len(body), bytearray()
    while left > 0x7F:
        length.append(left & 0x7F | 0x80)
        left >>= 7
    return bytes([kind << 4 | flags, *length, left]) + body


def number(value: int) -> bytes:
    """Give a number of two bytes."""
    return value.to_bytes(2, "big")


def text(value: str) -> bytes:
    """Give a string with its length."""
    raw = value.encode()
    return number(len(raw)) + raw
