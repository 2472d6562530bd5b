"""Looks up the names of hosts: a name server that says nothing to one holds up the look-up of no other.

The threads that asyncio has for this are few; a look-up that hangs keeps one for as long as the system likes,
also when nobody waits for it any more.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import suppress
from typing import Any, TypeAlias

Question: TypeAlias = tuple[Any, ...]
Found: TypeAlias = list[tuple[Any, ...]]


class Names:
    """A thread for each name that is looked up; who asks for it meanwhile gets the same answer."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._under_way: dict[Question, asyncio.Future[Found]] = {}

    def serve(self) -> None:
        """Have everything in this event loop look up names here."""
        self._loop.getaddrinfo = self.look_up  # type: ignore[method-assign]

    async def look_up(
        self,
        host: Any,
        port: Any,
        *,
        family: int = 0,
        type: int = 0,  # noqa: A002 - asyncio calls it so
        proto: int = 0,
        flags: int = 0,
    ) -> Found:
        """Do what `loop.getaddrinfo` does. Raises OSError."""
        question = host, port, family, type, proto, flags
        if question not in self._under_way:
            answer: asyncio.Future[Found] = self._loop.create_future()
            answer.add_done_callback(lambda done: self._forget(question, done))
            self._under_way[question] = answer
            name = f"look up {host}"
            threading.Thread(target=self._ask, args=(question, answer), name=name, daemon=True).start()
        return await asyncio.shield(self._under_way[question])

    def _forget(self, question: Question, done: asyncio.Future[Found]) -> None:
        del self._under_way[question]
        if not done.cancelled():
            done.exception()  # perhaps nobody waits any more

    def _ask(self, question: Question, answer: asyncio.Future[Found]) -> None:
        found: Found | Exception
        try:
            found = list(socket.getaddrinfo(*question))
        except Exception as error:  # whatever it is, who asked is to have it
            found = error
        with suppress(RuntimeError):  # the loop may be closed by then
            self._loop.call_soon_threadsafe(_answer, answer, found)


def _answer(answer: asyncio.Future[Found], found: Found | Exception) -> None:
    if answer.done():
        return
    if isinstance(found, Exception):
        answer.set_exception(found)
    else:
        answer.set_result(found)
