"""Asks a supply, which serves one client only: one connection is kept, and given up after any trouble."""

from __future__ import annotations

import asyncio
import time

from labmon_dagster.model.devices import DeviceError, DeviceSettings, Heard, Unasked
from labmon_dagster.sources.aim_tti.queries import checked_query, options_of, queries
from labmon_dagster.sources.aim_tti.understand import answer_to
from labmon_dagster.sources.wire import exchange
from labmon_dagster.sources.wire.exchange import Exchange
from labmon_dagster.sources.wire.lines import LineError, Lines, connected

PORT = 9221
UNASKED = "unasked"
TOO_LONG = "not asked: the poll took too long"
_LONGEST = 50.0  # s, then nothing more is asked, so that what was heard is not lost
_CLOSING = 8.0  # s more for the last question; a collector ends a poll after 60 s
_FAILURES = 2  # one after another; then the supply is left alone until the next poll


class Supply:
    """A supply. A question without a good answer costs its quantities; the next has a new connection."""

    def __init__(self, settings: DeviceSettings, unasked: Unasked) -> None:
        self._settings = settings
        self._unasked = unasked
        self._queries = queries(options_of(settings))
        self._lines: Lines | None = None
        self._failures = self._good = 0
        self._received = 0
        self._end = 0.0
        self._trouble = ""

    async def open(self) -> None:
        """Do nothing: a supply says nothing unasked."""

    async def poll(self) -> Heard:
        """Ask for everything once. Raises DeviceError if nothing was heard."""
        self._failures = self._received = self._good = 0
        self._trouble = ""
        self._end = asyncio.get_running_loop().time() + _LONGEST
        await self._drop_strays()
        done = False
        try:
            asked = [await self._one(query) for query in self._queries]
            done = True
        finally:
            if not done:
                await self.close()
        if all(one.answer is None for one in asked):
            raise DeviceError(f"{self._settings.address}: {self._trouble}")
        trouble = "" if self._good else self._trouble
        return Heard(exchange.dump(asked), self._received, exchange.FORM, trouble)

    async def close(self) -> None:
        """Close the connection; the supply is then free for another client."""
        if self._lines is not None:
            self._lines.close()
        self._lines = None

    async def _one(self, query: str) -> Exchange:
        if self._failures >= _FAILURES:
            return exchange.failed(query, "not asked: the supply gave no good answers")
        if asyncio.get_running_loop().time() >= self._end:
            return exchange.failed(query, TOO_LONG)
        try:
            answer = await self._answer(query)
        except LineError as error:
            return await self._failed(query, error.heard, error)
        except DeviceError as error:
            self._failures = _FAILURES
            self._trouble = self._trouble or str(error)
            return exchange.failed(query, str(error))
        try:
            answer_to(query, answer)
        except ValueError as error:
            return await self._failed(query, answer, error)
        self._failures = 0
        self._good += 1
        return exchange.answered(query, answer)

    async def _answer(self, query: str) -> bytes:
        sent = checked_query(query).encode() + b"\n"
        if self._lines is None:
            address = self._settings.address
            self._lines = await connected(address.host, address.port or PORT, self._patience())
        try:
            return await self._lines.ask(sent, self._patience())
        finally:
            self._received = max(self._received, self._lines.received)

    def _patience(self) -> float:
        """Give the s that are left for an answer."""
        left = self._end + _CLOSING - asyncio.get_running_loop().time()
        return max(0.0, min(self._settings.timeout, left))

    async def _failed(self, query: str, heard: bytes, error: Exception) -> Exchange:
        """Note what came instead of an answer, and give the connection up: a late answer has no way left."""
        self._failures += 1
        self._trouble = self._trouble or f"{query}: {error}"
        await self.close()
        return exchange.answered(query, heard) if heard else exchange.failed(query, str(error))

    async def _drop_strays(self) -> None:
        """Begin anew if the supply said something since the last poll, or left."""
        if self._lines is None:
            return
        if stray := await self._lines.waiting():
            trouble = "it came without having been asked for"
            self._unasked(Heard(stray, time.time_ns(), UNASKED, trouble))
        if stray or not self._lines.usable:
            await self.close()
