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
_LOOK_UP_MS = 100  # between two looks at whether to stop


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
        except (OSError, OverflowError) as error:
            self._socket.close()
            why = getattr(error, "strerror", None) or error
            raise RuntimeError(f"UDP port {p} at {ip_address} cannot be had: {why}") from error
        self._socket.setblocking(False)
        self.port: int = self._socket.getsockname()[1]
        self._taking = Lock()
        self._last_one, self._had_last, self._stopped = Event(), Event(), Event()

    def start(self) -> None:
        """Start; devices of this process are asked from its port from now on."""
        _running.append(self)
        try:
            super().start()
        except RuntimeError:
            _running.remove(self)
            raise

    def run(self) -> None:
        """Listen until stopped."""
        if self not in _running:  # called as it is
            _running.append(self)
        waiting = select.poll()
        waiting.register(self._socket, select.POLLIN)
        try:
            while not (self._stopped.is_set() or (self._had_last.is_set() and self.taker is None)):
                if waiting.poll(_LOOK_UP_MS):
                    self.take()
        finally:
            _running.remove(self)
            self._socket.close()

    def stop_after_next_message(self) -> None:
        """Take one more message, whenever it comes, and end then; a device being asked is heard out."""
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
                self._had_last.set()
        return True


_running: list[UdpImacrtCollector] = []


def _forked() -> None:
    """No thread outlives a fork: the child gives up the ports of those that ran, and its parent has them."""
    for one in _running:
        one._socket.close()
    _running.clear()


os.register_at_fork(after_in_child=_forked)


def collector_of(buffer: object, port: int) -> UdpImacrtCollector | None:
    """Give the running collector that fills ``buffer``, or else the one that has the port of ours."""
    here = list(_running)
    fitting = [one for one in here if one.data_buffer is buffer]
    return next(iter(fitting or [one for one in here if one.port == port]), None)
