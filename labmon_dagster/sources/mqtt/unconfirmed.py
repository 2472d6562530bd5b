"""Messages that are not on disk yet, in the order they came: they are confirmed in that order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any, NamedTuple

_EACH = 500  # bytes that a message takes in memory beside its payload, about


class Unconfirmed(NamedTuple):
    """A message by its packet identifier ``mid``, its quality of service, the bytes it takes in memory."""

    mid: int
    qos: int
    size: int
    kept: Future[Any]


class Line:
    """What waits to be confirmed. Only the thread of its connection uses it; ``wake`` is called by any.

    ``largest``: bytes above which nothing more is to be taken for now.
    """

    def __init__(self, wake: Callable[[], None], largest: int) -> None:
        self._wake, self._largest = wake, largest
        self._waiting: deque[Unconfirmed] = deque()
        self._bytes = 0

    @property
    def is_full(self) -> bool:
        """Whether what waits is enough for now."""
        return self._bytes > self._largest

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, mid: int, qos: int, payload: bytes, kept: Future[Any]) -> None:
        """Add a message; ``kept`` is done when it is on disk."""
        size = len(payload) + _EACH
        self._bytes += size
        self._waiting.append(Unconfirmed(mid, qos, size, kept))
        kept.add_done_callback(lambda _: self._wake())

    def kept(self) -> Iterator[Unconfirmed]:
        """Take out what is on disk by now, up to the first that is not.

        Raises the exception of a message that could not be kept: it stays, and all behind it.
        """
        while self._waiting and self._waiting[0].kept.done():
            if error := self._waiting[0].kept.exception():
                raise error
            one = self._waiting.popleft()
            self._bytes -= one.size
            yield one
