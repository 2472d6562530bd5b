"""Wakes a thread that waits for sockets; ends a connection so that all that was sent arrives."""

from __future__ import annotations

import socket
import time
from contextlib import suppress

_DRAIN = 1.0  # s
_MUCH = 65_536


class Wake:
    """Called from any thread, it can be read by `select` until `clear`; after `close` it does nothing."""

    def __init__(self) -> None:
        self._here, self._there = socket.socketpair()
        self._here.setblocking(False)
        self._there.setblocking(False)
        self._called = False

    def __call__(self) -> None:
        """Wake whoever waits."""
        if not self._called:
            self._called = True
            with suppress(OSError):  # full, so it wakes anyway; or closed
                self._there.send(b"\0")

    def clear(self) -> None:
        """Take note of the calls so far."""
        self._called = False
        with suppress(BlockingIOError):
            self._here.recv(4096)

    def fileno(self) -> int:
        """The file descriptor to wait for."""
        return self._here.fileno()

    def close(self) -> None:
        """Let go of it."""
        self._here.close()
        self._there.close()


def drain(sock: socket.socket) -> None:
    """Send nothing more, and read until the other side ends it too, for a second at most.

    A socket that is closed with something unread resets the connection, and what was sent may be lost.
    """
    end = time.monotonic() + _DRAIN
    with suppress(OSError):  # it is gone already, or takes too long: then messages come again
        sock.shutdown(socket.SHUT_WR)
        while (left := end - time.monotonic()) > 0:
            sock.settimeout(left)
            if not sock.recv(_MUCH):
                return
