"""What emulated devices with a page have in common: HTTP/1.1 by hand, connections that are kept open."""

from __future__ import annotations

import math
import random
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from email.utils import formatdate

from labmon_dagster.sources.emulation.instrument import Reply, Wire

_END = b"\r\n\r\n"
_LONGEST = 16_384  # bytes of a request's head; what is longer is no request


class HttpInstrument(ABC):
    """A device with one page, which it gives for a GET of ``path``; 404 for others, 405 for other methods.

    What it shows is a function of ``seed``, the number of the page, and the time alone.
    """

    wire = Wire.TCP
    path = "/"
    content_type = "text/plain"

    def __init__(self, seed: int = 0, clock: Callable[[], float] = time.time) -> None:
        self.seed = seed
        self.clock = clock
        self.alarm = False
        self._serial = 0

    @abstractmethod
    def body(self, now: float, serial: int) -> bytes:
        """Give the page of that time (s since 1970), which carries its number."""

    def cut(self, buffer: bytes) -> tuple[list[bytes], bytes]:
        """Cut at the blank lines behind heads."""
        *heads, rest = buffer.split(_END)
        return heads, rest[-_LONGEST:]

    def reply(self, request: bytes) -> Reply | None:
        """Answer a request."""
        line = request.lstrip(b"\r\n").split(b"\r\n", 1)[0].split(b" ")
        if len(line) != 3 or not line[2].startswith(b"HTTP/1."):
            return Reply(self._answer("400 Bad Request", "text/plain", b"no HTTP request\n"))
        method, target = line[0], line[1]
        if method != b"GET":
            return Reply(
                self._answer("405 Method Not Allowed", "text/plain", b"only GET\n", "Allow: GET\r\n")
            )
        if target != self.path.encode():
            return Reply(self._answer("404 Not Found", "text/plain", b"no such page\n"))
        serial, self._serial = self._serial, self._serial + 1
        return Reply(self._answer("200 OK", self.content_type, self.body(self.clock(), serial)), serial)

    def half(self, payload: bytes) -> bytes:
        """Cut the page in its middle; its head promises more."""
        head, blank, body = payload.partition(_END)
        return head + blank + body[: len(body) // 2]

    def too_long(self, payload: bytes) -> bytes:
        """Show the page twice over, with a head that says so."""
        head, blank, body = payload.partition(_END)
        old, new = f"Content-Length: {len(body)}\r\n", f"Content-Length: {2 * len(body)}\r\n"
        return head.replace(old.encode(), new.encode()) + blank + body + body

    def _answer(self, status: str, content_type: str, body: bytes, more: str = "") -> bytes:
        head = (
            f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nContent-Type: {content_type}\r\n"
            f"Date: {formatdate(self.clock(), usegmt=True)}\r\n{more}Connection: keep-alive"
        )
        return head.encode() + _END + body


def numbered(value: float, decimals: int, serial: int) -> str:
    """Write a positive number with ``decimals`` digits behind the point, then the serial in five more."""
    return f"{value:.{decimals}f}{serial % 100_000:05d}"


def serial_of(value: float, decimals: int) -> int:
    """Give the serial of a number that `numbered` wrote."""
    return round(value * 10.0 ** (decimals + 5)) % 100_000


def noise(seed: int, now: float, what: str, width: float) -> float:
    """Give noise of that standard deviation, the same for the same second."""
    return random.Random(f"{seed}:{int(now)}:{what}").gauss(0.0, width)  # noqa: S311 - no secret


def cooling(now: float, seed: int, warm: float, cold: float) -> float:
    """Give a temperature that falls from ``warm`` to ``cold`` over ten hours of each week, then drifts."""
    age = (now + seed * 3571.0) % (7 * 86_400.0)
    left = math.exp(-age / 5400.0)
    return cold * (1 + 0.02 * math.sin(now / 1800.0)) + (warm - cold) * left


def tripped(now: float, seed: int) -> bool:
    """Say whether it has tripped: for two minutes, in about one hour of twenty."""
    hour, second = divmod(now, 3600.0)
    return random.Random(f"{seed}:trip:{int(hour)}").random() < 0.05 and second < 120.0  # noqa: S311
