"""A connection to a MongoDB in which answers are lost: the server has done it, and nobody says so."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

_HEAD, _FLAGS_AND_KIND = 16, 5
_OP_MSG = 2013


class Lossy:
    """Passes messages on in both directions, but loses the next ``lost`` answers to a command.

    ``meanwhile`` is called once an answer was lost, before the connection is cut.
    """

    def __init__(self, target: int) -> None:
        self.lost = 0
        self.command = ""
        self.cut = 0
        self.meanwhile: Callable[[], object] = lambda: None
        self._target = target
        self._awaited: set[int] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def lose(self, command: str, answers: int) -> None:
        """From now on lose so many answers to a command."""
        self.command, self.lost = command, answers

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
                for source, sink, look in ((client, server, self._asked), (server, client, self._answered)):
                    threading.Thread(target=self._pass, args=(source, sink, look), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket, look: Callable[[bytes], bool]) -> None:
        with suppress(OSError, ConnectionError):
            while look(message := _message(source)):
                sink.sendall(message)
        for one in (source, sink):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _asked(self, message: bytes) -> bool:
        if self.lost and _command(message) == self.command:
            self.lost -= 1
            self._awaited.add(struct.unpack_from("<i", message, 4)[0])
        return True

    def _answered(self, message: bytes) -> bool:
        to = struct.unpack_from("<i", message, 8)[0]
        if to not in self._awaited:
            return True
        self._awaited.discard(to)
        self.cut += 1
        self.meanwhile()
        return False


def _message(source: socket.socket) -> bytes:
    head = _exactly(source, 4)
    return head + _exactly(source, struct.unpack("<i", head)[0] - 4)


def _exactly(source: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        part = source.recv(size - len(found))
        if not part:
            raise ConnectionError("the end")
        found += part
    return found


def _command(message: bytes) -> str:
    """The name of the first field of a message's document."""
    if struct.unpack_from("<i", message, 12)[0] != _OP_MSG:
        return ""
    first = _HEAD + _FLAGS_AND_KIND + 4 + 1
    return message[first : message.index(b"\0", first)].decode()


@contextmanager
def lossy(target: int) -> Iterator[Lossy]:
    """Listen before a server on this machine."""
    proxy = Lossy(target)
    try:
        yield proxy
    finally:
        proxy.close()
