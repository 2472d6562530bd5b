"""A round of questions over UDP, whose answers do not say which question they are to.

A round begins and ends with a question whose answer cannot be mistaken (``*IDN?``). If the device says
its name, then as many answers as there were questions, then its name again, and nothing besides, each answer
belongs to its question. After a silence nothing is asked until the late answer came, or ``grace`` s are
over; then the device must say its name once more. One fault cannot be told from order: an answer that is
lost just when another, late by more than ``grace``, takes its place.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from labmon_dagster.model.devices import DeviceError, Heard
from labmon_dagster.sources.wire import exchange
from labmon_dagster.sources.wire.exchange import Exchange
from labmon_dagster.sources.wire.peer import Datagram, Peer

_OUT_OF_STEP = "the answers were out of step with the questions: more came than were asked for"
Aside: TypeAlias = Callable[[bytes, int], None]
_SILENCES = 2  # in one round, then the device is left alone


@dataclass(frozen=True, slots=True)
class Marker:
    """The question for a device's name, and how its answer is known."""

    query: str
    is_answer: Callable[[bytes], bool]


@dataclass(frozen=True, slots=True)
class Manner:
    """How a device is asked: ``end`` behind each question, ``timeout`` and ``pause`` in s.

    ``grace``: s after a time-out in which the answer may still come; no other question is asked meanwhile.
    """

    end: bytes = b""
    timeout: float = 1.0
    pause: float = 0.0
    grace: float = 3.0


class Round:
    """One round of questions to one device."""

    def __init__(self, peer: Peer, marker: Marker, manner: Manner) -> None:
        self._peer = peer
        self._marker = marker
        self._manner = manner
        self._received = 0
        self._silences = 0
        self._silent = False
        self._gone = False
        self._reason = ""

    async def ask(self, queries: Sequence[str]) -> Heard:
        """Ask everything. Raises DeviceError if the device says nothing at all.

        If what it says first is no name, that is given with its trouble, and nothing else is asked.
        """
        await self._peer.settled(self._manner.grace)
        before: list[Datagram] = []
        name = await self._name(lambda *stray: before.append(stray))
        if name is None:
            return self._nameless(before)
        for stray in before:
            self._peer.late(*stray)
        surplus = self._peer.surplus
        answers = [exchange.answered(self._marker.query, name)]
        for query in queries:
            answers.append(await self._one(query))  # noqa: PERF401 - one after the other
        if not self._gone:
            await self._name(self._peer.late)
        trouble = "" if self._peer.surplus == surplus else _OUT_OF_STEP
        return Heard(exchange.dump(answers), self._received, exchange.FORM, trouble)

    def _nameless(self, found: Sequence[Datagram]) -> Heard:
        """Give what came instead of a name. Raises DeviceError if nothing did."""
        if not found:
            raise DeviceError(self._reason)
        answers = [exchange.answered(self._marker.query, payload) for payload, _ in found]
        trouble = f"{self._reason}; what came is none"
        return Heard(exchange.dump(answers), found[-1][1], exchange.FORM, trouble)

    async def _one(self, query: str) -> Exchange:
        if not await self._ready():
            return exchange.failed(query, "not asked: the device was silent")
        if self._manner.pause:
            await asyncio.sleep(self._manner.pause)
        found = await self._until(query, lambda answer: not self._marker.is_answer(answer), self._peer.late)
        if found is None:
            self._silent = True
            self._silences += 1
            return exchange.failed(query, self._reason)
        answer, self._received = found
        return exchange.answered(query, answer)

    async def _ready(self) -> bool:
        """Whether the device can be asked; after a silence it must say its name first."""
        if self._silent and not self._gone and self._silences < _SILENCES:
            await self._peer.settled(self._manner.grace)
            self._gone = await self._name(self._peer.late) is None
            self._silent = False
        return not self._gone and self._silences < _SILENCES

    async def _name(self, aside: Aside) -> bytes | None:
        """Ask for the name; None if it does not come. What comes before it goes ``aside``."""
        found = await self._until(self._marker.query, self._marker.is_answer, aside)
        if found is None:
            return None
        self._received = self._received or found[1]
        return found[0]

    async def _until(self, query: str, fits: Callable[[bytes], bool], aside: Aside) -> Datagram | None:
        """Ask until an answer fits; None if none fits in time."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self._manner.timeout
        try:
            found, received = await self._peer.ask(query.encode() + self._manner.end, self._manner.timeout)
            while not fits(found):
                aside(found, received)
                found, received = await self._peer.hear(max(0.0, end - loop.time()))
        except TimeoutError:
            self._reason = f"no answer to {query} within {self._manner.timeout:g} s"
            return None
        except DeviceError as error:
            self._reason = str(error)
            return None
        return found, received
