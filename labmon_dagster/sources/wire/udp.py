"""UDP as instruments speak it: one port of ours, many devices that answer to it, answers without any mark.

Devices that answer only to a fixed port share it: what arrives is sorted by its sender.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from weakref import WeakKeyDictionary

from labmon_dagster.model.devices import DeviceError, Unasked
from labmon_dagster.sources.wire.peer import UNASKED, Peer, Peers, Sender

__all__ = ["UNASKED", "Peer", "Sender", "UdpPort", "numeric", "open_ports", "shared"]

_AT_ONCE = 256  # datagrams taken before other work gets its turn
_BUFFER = 4 * 1024 * 1024
_LARGEST = 65_535
_KERNEL_TIME = getattr(socket, "SO_TIMESTAMPNS", 35)  # Linux; the name is missing in Python before 3.14
_TIMESPEC = struct.Struct("@ll")
_ANCILLARY = socket.CMSG_SPACE(_TIMESPEC.size)
_SAME_MOMENT = 10_000_000  # ns; a clock that steps back by more was set
_COUNTERS = ("/proc/net/udp", "/proc/net/udp6")


class UdpPort:
    """A port of ours that devices answer to. Get one by `shared`."""

    def __init__(self, number: int, host: str = "") -> None:
        self._peers = Peers()
        self._last = 0
        self._paused = False
        self._loop = asyncio.get_running_loop()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._socket.setblocking(False)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
            if os.name == "posix" and Path(_COUNTERS[0]).exists():
                self._socket.setsockopt(socket.SOL_SOCKET, _KERNEL_TIME, 1)
            self._socket.bind((host, number))
        except OSError as error:
            self._socket.close()
            raise DeviceError(f"UDP port {number} cannot be had: {error.strerror}") from error
        self.number: int = self._socket.getsockname()[1]
        self.received = 0
        self._loop.add_reader(self._socket, self._readable)

    def join(self, host: str, port: int, unasked: Unasked, is_push: Callable[[bytes], bool]) -> Peer:
        """Have a device answer to this port. ``host`` is a numeric address. Raises DeviceError if it does."""
        return self._peers.add(Peer(self, (host, port), unasked, is_push))

    def leave(self, peer: Peer) -> None:
        """Forget a device; without any the port is closed."""
        if self._peers.has(peer):
            self._empty()
            self._peers.remove(peer)
        if not self._peers and self._open:
            self._loop.remove_reader(self._socket)
            self._socket.close()
            for key in [k for k, v in _ports(self._loop).items() if v is self]:
                del _ports(self._loop)[key]

    def send(self, payload: bytes, to: Sender) -> None:
        """Send a datagram. Raises DeviceError if the network does not take it."""
        try:
            self._socket.sendto(payload, to)
        except OSError as error:
            raise DeviceError(f"udp://{to[0]}:{to[1]}: {error.strerror or error}") from error

    def pause(self) -> None:
        """Leave what comes in the kernel, which drops and counts what it has no room for."""
        if self._open and not self._paused:
            self._paused = True
            self._loop.remove_reader(self._socket)

    def go_on(self) -> None:
        """Take again what comes."""
        if self._open and self._paused:
            self._paused = False
            self._loop.add_reader(self._socket, self._readable)

    def drain(self) -> None:
        """Take what has come already: it is no answer to what will be asked next."""
        if self._open and not self._paused:
            self._readable()

    def _empty(self) -> None:
        """Take all that has come, unless it comes faster than it can be taken."""
        end = self.received + _BUFFER // 256
        known = -1
        while known < self.received < end:
            known = self.received
            self.drain()

    def dropped(self) -> int | None:
        """Count the datagrams the kernel dropped because they came too fast; None where it does not tell."""
        if not self._open:
            return None
        inode = str(os.fstat(self._socket.fileno()).st_ino)
        for row in _kernel_rows():
            if row[9] == inode:
                return int(row[12])
        return None

    @property
    def _open(self) -> bool:
        return self._socket.fileno() >= 0

    def _readable(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                payload, told, _, sender = self._socket.recvmsg(_LARGEST, _ANCILLARY)
            except OSError:  # nothing more; or the kernel says so here that a device has no such port
                return
            self.received += 1
            self._sort(payload, self._unique(told), sender)
            if self._paused or not self._open:
                return

    def _unique(self, told: list[tuple[int, int, bytes]]) -> int:
        """Give the time of receipt; no two datagrams of the port have the same."""
        now = time.time_ns()
        for _, kind, data in told:
            if kind == _KERNEL_TIME and len(data) >= _TIMESPEC.size:
                seconds, rest = _TIMESPEC.unpack_from(data)
                now = seconds * 1_000_000_000 + rest
        if self._last - _SAME_MOMENT < now <= self._last:
            now = self._last + 1
        self._last = now
        return now

    def _sort(self, payload: bytes, received: int, sender: Sender) -> None:
        if found := self._peers.of(sender):
            peer, told = found
            peer.came(payload, received, told)
        elif self._peers:
            self._peers.first().stray(payload, received, sender)


_shared: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[int, UdpPort]] = WeakKeyDictionary()


def shared(number: int) -> UdpPort:
    """Give the port of that number, the same for all who ask for it; 0 is any free port, one's own."""
    ports = _ports(asyncio.get_running_loop())
    if number == 0 or number not in ports:
        port = UdpPort(number)
        ports[port.number] = port
        return port
    return ports[number]


def open_ports() -> list[UdpPort]:
    """The ports that are open in this event loop."""
    return list(_ports(asyncio.get_running_loop()).values())


async def numeric(host: str, timeout: float) -> str:
    """Give the IPv4 address of a host, without holding up the loop. Raises DeviceError, in ``timeout`` s."""
    with suppress(ValueError):
        return str(ipaddress.IPv4Address(host))
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(timeout):
            found = await loop.getaddrinfo(host, None, family=socket.AF_INET, type=socket.SOCK_DGRAM)
    except TimeoutError as error:
        raise DeviceError(f"{host}: no name server gave its address within {timeout:g} s") from error
    except (OSError, ValueError) as error:  # a UnicodeError is one
        raise DeviceError(f"{host}: its address cannot be had: {error}") from error
    return str(found[0][4][0])


def _ports(loop: asyncio.AbstractEventLoop) -> dict[int, UdpPort]:
    return _shared.setdefault(loop, {})


def _kernel_rows() -> Iterator[list[str]]:
    for name in _COUNTERS:
        if Path(name).exists():
            for line in Path(name).read_text().splitlines()[1:]:
                yield line.split()
