"""An emulated instrument: a protocol and a state that moves with time; how it is served is not its matter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Wire(StrEnum):
    """What an instrument is served on; ``TCP_SINGLE``: others wait until the client there is has left."""

    UDP = "udp"
    TCP = "tcp"
    TCP_SINGLE = "tcp-single"


@dataclass(frozen=True, slots=True)
class Reply:
    """What an instrument says. ``serial`` numbers the replies that carry their number within a value."""

    payload: bytes
    serial: int | None = None


class Instrument(Protocol):
    """A device as the wire sees it. ``alarm`` sets it into an alarm; its replies then show it."""

    wire: Wire
    alarm: bool
    clock: Callable[[], float]

    def cut(self, buffer: bytes) -> tuple[list[bytes], bytes]:
        """Cut what came over TCP into whole requests and a rest; a datagram is a request as it is."""
        ...

    def reply(self, request: bytes) -> Reply | None:
        """Answer a request at the time of ``clock`` (s since 1970); None where the device says nothing."""
        ...

    def half(self, payload: bytes) -> bytes:
        """Give a reply cut short, such that its reader can know it."""
        ...

    def too_long(self, payload: bytes) -> bytes:
        """Give a reply of wrong length, such that its reader can know it."""
        ...
