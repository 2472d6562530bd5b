"""A thread that has the port of ours which iMACRT modules answer to, and keeps what comes in a list."""

from __future__ import annotations

import os
import select
import socket
import time
from collections.abc import Callable, MutableSequence
from threading import Event, Lock, Thread
from typing import NamedTuple

_LARGEST = 65_535
_LOOK_UP = 0.1  # s between two looks at whether to stop


class Datagram(NamedTuple):
    """What a module sent, from where (host, port), and when it came (UTC ns)."""

    payload: bytes
    sender: tuple[str, int]
    received: int


class UdpImacrtCollector(Thread):
    """Class listening to and storing UDP messages from iMACRT.

    Each message is appended to ``data_buffer``, a list, as a `Datagram`. The port is taken at once, and
    ``port`` is its number (``p`` 0: any free one); RuntimeError if it cannot be had. Devices of this process
    are asked from that port meanwhile, and their answers go to who asked: ``taker`` says which it has taken.
    The thread does not keep the process alive.
    """

    def __init__(
        self,
        data_buffer: MutableSequence[Datagram],
        ip_address: str = "0.0.0.0",  # noqa: S104 - a module answers to whoever asked
        p: int = 12000,
    ) -> None:
        super().__init__(name=f"UDP port {p}", daemon=True)
        self.data_buffer = data_buffer
        self.taker: Callable[[Datagram], bool] | None = None
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._socket.bind((ip_address, p))
        except OSError as error:
            self._socket.close()
            raise RuntimeError(f"UDP port {p} at {ip_address} cannot be had: {error.strerror}") from error
        self._socket.setblocking(False)
        self.port: int = self._socket.getsockname()[1]
        self._taking = Lock()
        self._last_one, self._stopped = Event(), Event()

    def run(self) -> None:
        """Listen until stopped."""
        _running.append((os.getpid(), self))
        try:
            while not self._stopped.is_set():
                if select.select([self._socket], [], [], _LOOK_UP)[0]:
                    self.take()
        finally:
            _running.remove((os.getpid(), self))
            self._socket.close()

    def stop_after_next_message(self) -> None:
        """Store one more message, whenever it comes, and end then."""
        self._last_one.set()

    def stop(self) -> None:
        """End now; returns when the port is free."""
        self._stopped.set()
        if self.is_alive():
            self.join()
        self._socket.close()

    def send(self, payload: bytes, to: tuple[str, int]) -> None:
        """Send a datagram from the port. Raises OSError."""
        self._socket.sendto(payload, to)

    def take(self) -> bool:
        """Take a message that has come; whether there was one."""
        with self._taking:
            try:
                payload, sender = self._socket.recvfrom(_LARGEST)
            except OSError:  # nothing more, or the port was given up
                return False
            datagram = Datagram(payload, sender, time.time_ns())
            if self.taker is None or not self.taker(datagram):
                self.data_buffer.append(datagram)
            if self._last_one.is_set():
                self._stopped.set()
        return True


_running: list[tuple[int, UdpImacrtCollector]] = []  # by process: no thread outlives a fork


def collector_of(buffer: object, port: int) -> UdpImacrtCollector | None:
    """Give the running collector that fills ``buffer``, or else the one that has the port of ours."""
    here = [one for process, one in _running if process == os.getpid()]
    fitting = [one for one in here if one.data_buffer is buffer]
    return next(iter(fitting or [one for one in here if one.port == port]), None)
