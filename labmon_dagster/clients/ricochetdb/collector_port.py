"""Modules that answer to a collector: questions leave from its port, and answers are not left in its list."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from threading import Lock

from labmon_dagster.clients.ricochetdb.collector import Datagram, UdpImacrtCollector
from labmon_dagster.model.devices import DeviceError, Unasked
from labmon_dagster.sources.wire.peer import Peer, Peers, Sender


class CollectorPort:
    """The port of a collector. What comes is sorted by its sender; what nobody asked for goes to the list.

    Which answer belongs to which question is settled as it is at any port: see `Round`.
    """

    def __init__(self, collector: UdpImacrtCollector) -> None:
        self._collector = collector
        self._loop = asyncio.get_running_loop()
        self._came: deque[tuple[Peer, Datagram, str]] = deque()
        self._sorting = Lock()  # the collector sorts in its own thread
        self._peers = Peers()
        self._is_push: dict[Sender, Callable[[bytes], bool]] = {}

    def join(self, host: str, port: int, unasked: Unasked, is_push: Callable[[bytes], bool]) -> Peer:
        """Have a device answer to this port. Raises DeviceError if it does."""
        with self._sorting:
            peer = self._peers.add(Peer(self, (host, port), unasked, is_push))
            self._is_push[peer.to] = is_push
        self._collector.taker = self._take
        return peer

    def leave(self, peer: Peer) -> None:
        """Forget a device; what it says then goes to the list."""
        self.drain()
        with self._sorting:
            if self._peers.has(peer):
                self._peers.remove(peer)
                del self._is_push[peer.to]
            if not self._peers:
                self._collector.taker = None
                _ports.pop(self._collector, None)

    def send(self, payload: bytes, to: Sender) -> None:
        """Send a datagram. Raises DeviceError if the network does not take it."""
        try:
            self._collector.send(payload, to)
        except OSError as error:
            raise DeviceError(f"udp://{to[0]}:{to[1]}: {error.strerror or error}") from error

    def drain(self) -> None:
        """Take what has come already: it is no answer to what will be asked next."""
        while self._collector.take():
            pass
        self._give()

    def _take(self, datagram: Datagram) -> bool:
        with self._sorting:
            found = self._peers.of(datagram.sender)
            if found is None or self._is_push[found[0].to](datagram.payload):
                return False
        self._came.append((found[0], datagram, found[1]))
        self._loop.call_soon_threadsafe(self._give)
        return True

    def _give(self) -> None:
        while self._came:
            peer, datagram, sender = self._came.popleft()
            peer.came(datagram.payload, datagram.received, sender)


_ports: dict[UdpImacrtCollector, CollectorPort] = {}  # those that devices answer to


def port_of(collector: UdpImacrtCollector) -> CollectorPort:
    """Give the port of a collector, the same for all who ask from it at once."""
    if collector not in _ports:
        _ports[collector] = CollectorPort(collector)
    return _ports[collector]
