"""A round of questions over UDP, whose answers do not say which question they are to.

A round begins and ends with a question whose answer cannot be mistaken (``*IDN?``). If the device says
its name, then as many answers as there were questions, then its name again, and nothing besides, each answer
belongs to its question. After a silence nothing is asked until the late answer came, or ``grace`` s are
over; then the device must say its name once more. Answers behind the last name are not believed. After
``_LONGEST`` s nothing more is asked but the name, so that what was heard is not lost.

Three faults cannot be told from order: an answer that comes twice in the very stretch between two names in
which another is lost, or is late; one that comes late by more than ``grace``, just when another is lost; and
answers that are all late by more than ``timeout`` and ``grace`` together, so that even names come to later
questions. An answer to a round that has ended is taken for one of the next if it comes within that.
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
UNCONFIRMED = "not confirmed: the device did not say its name afterwards"
TOO_LONG = "not asked: the poll took too long"
_LEFT_ALONE = "not asked: the device was silent"
_SILENCES = 2  # in one round, then the device is left alone
_LONGEST = 50.0  # s, then only the name is asked
_CLOSING = 8.0  # s more for that; a collector ends a poll after 60 s
_SHOWN = 48


@dataclass(frozen=True, slots=True)
class Marker:
    """The question for a device's name, and how its answer is known. ``device``: what people call such."""

    query: str
    is_answer: Callable[[bytes], bool]
    device: str = "such a device"


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
        self._end = asyncio.get_running_loop().time() + _LONGEST
        self._answers: list[Exchange] = []
        self._open: dict[int, Datagram] = {}  # answers since the last name, by their places
        self._received = 0
        self._silences = 0
        self._silent = False
        self._gone = False
        self._reason = ""

    async def ask(self, queries: Sequence[str]) -> Heard:
        """Ask everything. Raises DeviceError if the device says nothing at all.

        If what it says first is no name, that is given with its trouble, and nothing else is asked.
        Answers behind which no name came are handed over as unasked, and failed in the record.
        """
        await self._peer.settled(self._manner.grace, self._end)
        before: list[Datagram] = []
        name = await self._name(lambda *stray: before.append(stray))
        if name is None:
            return self._nameless(before)
        for stray in before:
            self._peer.late(*stray)
        surplus = self._peer.surplus
        self._answers = [exchange.answered(self._marker.query, name)]
        for query in queries:
            self._answers.append(await self._one(query))
        if not self._gone:
            await self._name(self._peer.late)
        self._set_apart()
        trouble = "" if self._peer.surplus == surplus else _OUT_OF_STEP
        return Heard(exchange.dump(self._answers), self._received, exchange.FORM, trouble)

    def _nameless(self, found: Sequence[Datagram]) -> Heard:
        """Give what came instead of a name. Raises DeviceError if nothing did."""
        if not found:
            raise DeviceError(self._reason)
        answers = [exchange.answered(self._marker.query, payload) for payload, _ in found]
        last, received = found[-1]
        trouble = f"{_shown(last)} came, which is no name of {self._marker.device}: is the type right?"
        return Heard(exchange.dump(answers), received, exchange.FORM, trouble)

    def _set_apart(self) -> None:
        """Fail the answers that no name has confirmed; what came is kept as unasked."""
        for place, (payload, received) in self._open.items():
            asked = self._answers[place].asked
            self._answers[place] = exchange.failed(asked, UNCONFIRMED)
            self._peer.keep(payload, received, f"the answer to {asked}: {UNCONFIRMED}")

    async def _one(self, query: str) -> Exchange:
        if refused := await self._refused():
            return exchange.failed(query, refused)
        if self._manner.pause:
            await asyncio.sleep(self._manner.pause)
        found = await self._until(query, self._is_no_name, self._peer.late, self._end)
        if found is None:
            self._silent = True
            self._silences += 1
            return exchange.failed(query, self._reason)
        answer, self._received = found
        self._open[len(self._answers)] = found
        return exchange.answered(query, answer)

    async def _refused(self) -> str:
        """Say why nothing more is asked, or ``""``; after a silence the device must say its name first."""
        if self._gone or self._silences >= _SILENCES:
            return _LEFT_ALONE
        if self._silent:
            await self._peer.settled(self._manner.grace, self._end)
        if asyncio.get_running_loop().time() + self._manner.pause >= self._end:
            return TOO_LONG
        if self._silent:
            self._gone = await self._name(self._peer.late) is None
            self._silent = False
        return _LEFT_ALONE if self._gone else ""

    def _is_no_name(self, answer: bytes) -> bool:
        return not self._marker.is_answer(answer)

    async def _name(self, aside: Aside) -> bytes | None:
        """Ask for the name; None if it does not come. What comes before it goes ``aside``."""
        found = await self._until(self._marker.query, self._marker.is_answer, aside, self._end + _CLOSING)
        if found is None:
            return None
        self._open.clear()
        self._received = self._received or found[1]
        return found[0]

    async def _until(
        self, query: str, fits: Callable[[bytes], bool], aside: Aside, latest: float
    ) -> Datagram | None:
        """Ask until an answer fits; None if none fits in time, or by ``latest``."""
        loop = asyncio.get_running_loop()
        timeout = max(0.0, min(self._manner.timeout, latest - loop.time()))
        end = loop.time() + timeout
        try:
            found, received = await self._peer.ask(query.encode() + self._manner.end, timeout, fits)
            while not fits(found):
                aside(found, received)
                found, received = await self._peer.hear(max(0.0, end - loop.time()))
        except TimeoutError:
            self._reason = f"no answer to {query} within {timeout:.3g} s"
            return None
        except DeviceError as error:
            self._reason = str(error)
            return None
        return found, received


def _shown(payload: bytes) -> str:
    text = payload[:_SHOWN].rstrip(b"\0\r\n").decode("latin-1")
    return repr(text) if text and text.isascii() and text.isprintable() else repr(payload[:_SHOWN])
