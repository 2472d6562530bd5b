"""A device at a shared UDP port: what it says is an answer, a message of its own, or late."""

from __future__ import annotations

import asyncio
import math
from collections import defaultdict, deque
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol, TypeAlias

from labmon_dagster.model.devices import DeviceError, Heard, Unasked

UNASKED = "unasked"
_LATE = "an answer to no question: it came late, or twice"
Sender: TypeAlias = tuple[str, int]
Datagram: TypeAlias = tuple[bytes, int]
Fits: TypeAlias = Callable[[bytes], bool]


class Port(Protocol):
    """The port a device answers to."""

    def send(self, payload: bytes, to: Sender) -> None:
        """Send a datagram. Raises DeviceError if the network does not take it."""
        ...

    def drain(self) -> None:
        """Take what has come already."""
        ...

    def leave(self, peer: Peer) -> None:
        """Forget a device."""
        ...


class Joined(Protocol):
    """A port that devices can join."""

    def join(self, host: str, port: int, unasked: Unasked, is_push: Callable[[bytes], bool]) -> Peer:
        """Have a device answer to this port. ``host`` is a numeric address. Raises DeviceError if it does."""
        ...


class Peer:
    """A device at a shared port: at most one question is outstanding; the rest it says goes to ``unasked``.

    ``is_push`` tells messages that are never answers. An answer to no question is handed over with its
    trouble, so that it is kept and never taken for a value. ``surplus`` counts those that were not even
    owed: one that came while all questions were answered has perhaps answered a later question before.
    What is owed is paid only by what fits the question that was left without answer.
    """

    def __init__(self, port: Port, to: Sender, unasked: Unasked, is_push: Callable[[bytes], bool]) -> None:
        self.to = to
        self.surplus = 0
        self._port = port
        self._unasked = unasked
        self._is_push = is_push
        self._waiting: asyncio.Future[Datagram] | None = None
        self._more: deque[Datagram] = deque()  # came in one go with the answer
        self._fits: Fits = _any
        self._owed: list[Fits] = []
        self._silent_since = 0.0
        self._paid = asyncio.Event()

    async def ask(self, query: bytes, timeout: float, fits: Fits | None = None) -> Datagram:
        """Send a question; give the next datagram and its time of receipt (UTC ns).

        ``timeout``: s. ``fits`` knows what may be its answer, should that come late. Raises TimeoutError,
        and DeviceError if the network does not take the question.
        """
        if self._waiting is not None:
            raise RuntimeError(f"{self.to}: a question is outstanding")
        self._port.drain()
        self._give_away()
        self._fits = fits or _any
        self._port.send(query, self.to)
        return await self._next(timeout)

    async def hear(self, timeout: float) -> Datagram:
        """Wait for one more datagram that may be the answer. Raises TimeoutError."""
        if self._waiting is not None:
            raise RuntimeError(f"{self.to}: a question is outstanding")
        if self._more and timeout > 0:
            return self._more.popleft()
        return await self._next(timeout)

    async def settled(self, grace: float, latest: float = math.inf) -> None:
        """Wait for the answers that are still owed: at most ``grace`` s after the last time-out.

        ``latest``: the time of the loop at which the wait ends in any case; what is owed then stays so.
        """
        over = self._silent_since + grace
        if self._owed:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(min(over, latest)):
                    await self._paid.wait()
        if over <= latest:
            self._owed.clear()

    def late(self, payload: bytes, received: int) -> None:
        """Keep an answer that came after its time."""
        self._late(payload, received, "")

    def keep(self, payload: bytes, received: int, trouble: str) -> None:
        """Keep what the device said, and why it is not believed."""
        self._unasked(Heard(payload, received, UNASKED, trouble))

    def came(self, payload: bytes, received: int, sender: str = "") -> None:
        """Take a datagram that the device sent; ``sender`` where it is not from the port that is asked."""
        if self._is_push(payload):
            self._unasked(Heard(payload, received, UNASKED, sender=sender))
        elif self._waiting is None:
            self._late(payload, received, sender)
        elif self._waiting.done():
            self._more.append((payload, received))
        else:
            self._waiting.set_result((payload, received))

    def stray(self, payload: bytes, received: int, sender: Sender) -> None:
        """Keep a datagram that came to the port from nobody who is known."""
        told = f"{sender[0]}:{sender[1]}"
        trouble = f"it came from {told}, where no device is"
        self._unasked(Heard(payload, received, UNASKED, trouble, sender=told))

    def leave(self) -> None:
        """Give up the place at the port; the last one closes it."""
        self._port.leave(self)
        self._give_away()

    async def _next(self, timeout: float) -> Datagram:
        loop = asyncio.get_running_loop()
        waiting: asyncio.Future[Datagram] = loop.create_future()
        self._waiting = waiting
        end = loop.time() + timeout
        try:
            async with asyncio.timeout(timeout):
                return await waiting
        except BaseException:
            self._left_silent(waiting, end)
            raise
        finally:
            self._waiting = None
            if self._more:
                loop.call_soon(self._if_idle)

    def _left_silent(self, waiting: asyncio.Future[Datagram], end: float) -> None:
        """Note that an answer is owed; one that came at the very moment the wait ended is that answer."""
        self._owed.append(self._fits)
        self._paid.clear()
        self._silent_since = end
        if waiting.done() and not waiting.cancelled():
            self.late(*waiting.result())

    def _late(self, payload: bytes, received: int, sender: str) -> None:
        paid = next((one for one in self._owed if one(payload)), None)
        if paid is None:
            self.surplus += 1
        else:
            self._owed.remove(paid)
        if not self._owed:
            self._paid.set()
        self._unasked(Heard(payload, received, UNASKED, _LATE, sender=sender))

    def _if_idle(self) -> None:
        if self._waiting is None:
            self._give_away()

    def _give_away(self) -> None:
        while self._more:
            self.late(*self._more.popleft())


class Peers:
    """The devices of a port: what comes is sorted by its sender, or by its host if one device is there."""

    def __init__(self) -> None:
        self._at: dict[Sender, Peer] = {}
        self._at_host: defaultdict[str, list[Peer]] = defaultdict(list)

    def __bool__(self) -> bool:
        return bool(self._at)

    def add(self, peer: Peer) -> Peer:
        """Add a device. Raises DeviceError if one is there already."""
        host, port = peer.to
        if peer.to in self._at:
            raise DeviceError(f"udp://{host}:{port} is asked by another device of the lab")
        self._at[peer.to] = peer
        self._at_host[host].append(peer)
        return peer

    def has(self, peer: Peer) -> bool:
        """Whether it is among them."""
        return self._at.get(peer.to) is peer

    def remove(self, peer: Peer) -> None:
        """Forget a device."""
        del self._at[peer.to]
        self._at_host[peer.to[0]].remove(peer)

    def of(self, sender: Sender) -> tuple[Peer, str] | None:
        """Give whose datagram it is, and its sender as text where that is not the port asked."""
        if sender in self._at:
            return self._at[sender], ""
        at_host = self._at_host.get(sender[0], ())
        return (at_host[0], f"{sender[0]}:{sender[1]}") if len(at_host) == 1 else None

    def first(self) -> Peer:
        """Give the one that was added first."""
        return next(iter(self._at.values()))


def _any(payload: bytes) -> bool:
    return True
