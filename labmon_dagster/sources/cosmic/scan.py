"""Events found in a stream of bytes, and what lies between them; nothing is left out but separators.

An event opens with ``["`` or ``{`` and ends where its brackets are closed, over as many lines as it takes.
Between events white space, commas, brackets of lists and marks of byte order are no garbage.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from labmon_dagster.sources.cosmic.opened import NEAR, Opened
from labmon_dagster.sources.cosmic.shapes import SHAPES

GARBAGE_BYTES = 64 * 1024
_MARK = b"\xef\xbb\xbf"
_SEPARATORS = re.compile(rb"(?:[\s,\]]|%b|\[(?=\s{0,%d}+[\[{\]]))*+" % (_MARK, NEAR))
_UNDECIDED = re.compile(rb"(?:\[\s{0,%d}|\xef\xbb?)\Z" % NEAR)
_BEGINS = re.compile(rb'\{|\[\s{0,%d}["}]' % NEAR)
_BEGINS_WITHIN = re.compile(rb'[\[{]\s{0,%d}"' % NEAR)
_NO_EVENT = 'no event: an event opens with ["KEY": or {"KEY": and closes with }'


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a stream. ``why``: empty for the text of one whole event, else why it is none.

    ``offset`` (bytes) and ``line`` say where it begins. What is no event has 64 KiB at most.
    """

    raw: bytes
    offset: int
    line: int
    why: str = ""


class Scanner:
    """Finds events in a stream that is fed in any portions; these change nothing in what is found.

    ``offset`` and ``line`` are those of the first byte that is fed. Memory holds a portion, and what is not
    yet given of those before it (1 MiB at most). A scanner that begins where another one was `waiting` goes
    on as that one.
    """

    def __init__(self, offset: int = 0, line: int = 1) -> None:
        self._base, self._line = offset, line
        self._text, self._at = b"", 0
        self._opened: Opened | None = None

    @property
    def waiting(self) -> tuple[int, int]:
        """Offset and line of the first byte that was not yet given as part of a piece."""
        return self._base + self._at, self._line

    def feed(self, text: bytes) -> Iterator[Piece]:
        """Give what is whole now, in the order of the stream. What is given must be read to its end."""
        self._base += self._at
        self._text, self._at = self._text[self._at :] + text, 0
        yield from self._found(last=False)

    def close(self) -> Iterator[Piece]:
        """Give the rest, since nothing follows: an event that was cut, or garbage."""
        yield from self._found(last=True)

    def _found(self, last: bool) -> Iterator[Piece]:
        while True:
            if self._opened is None:
                self._pass_separators()
                yield from self._lines()
                self._pass_separators()
            found = self._next(last)
            if not found:
                return
            yield from found

    def _lines(self) -> Iterator[Piece]:
        """Give lines of a shape that was met before: one event each."""
        text, shapes = self._text, SHAPES
        while (end := text.find(b"\n", self._at)) > 0:
            raw = text[self._at : end]
            behind = shapes.behind(raw)
            if behind is None:
                return
            piece = Piece(raw[:-behind] if behind else raw, self._base + self._at, self._line)
            self._at, self._line = end + 1, self._line + 1
            yield piece

    def _next(self, last: bool) -> list[Piece]:
        """Give the next event, or garbage; nothing, if more has to be known first."""
        text, at = self._text, self._at
        if self._opened is None:
            if at == len(text) or (not last and _UNDECIDED.match(text, at)):
                return []
            if not _BEGINS.match(text, at):
                return self._garbage(last)
            self._opened = Opened()
        end = self._opened.end(text, at, last)
        if end is None:
            return []
        self._opened = None
        if end.why:
            return self._given(at + end.length, end.why)
        SHAPES.learn(text, at, at + end.length)
        return [self._piece(at + end.length, "")]

    def _garbage(self, last: bool) -> list[Piece]:
        """Give what lies before the next event, as far as it is no more than a piece."""
        most = self._at + GARBAGE_BYTES
        event = _BEGINS_WITHIN.search(self._text, self._at + 1, most + 2 * NEAR)
        if event is not None and event.start() < most:
            return self._given(event.start(), _NO_EVENT)
        if last or len(self._text) >= most + 2 * NEAR:
            return self._given(min(most, len(self._text)), _NO_EVENT)
        return []

    def _given(self, end: int, why: str) -> list[Piece]:
        found = []
        while self._at < end:
            found.append(self._piece(min(end, self._at + GARBAGE_BYTES), why))
        return found

    def _piece(self, end: int, why: str) -> Piece:
        raw = self._text[self._at : end]
        piece = Piece(raw.rstrip() if why else raw, self._base + self._at, self._line, why)
        self._pass_to(end)
        return piece

    def _pass_separators(self) -> None:
        match = _SEPARATORS.match(self._text, self._at)
        if match:
            self._pass_to(match.end())

    def _pass_to(self, end: int) -> None:
        self._line += self._text.count(b"\n", self._at, end)
        self._at = end


def pieces(payload: bytes) -> Iterator[Piece]:
    """Give the events of a whole message: one, a list, or one after another; and what is none of them."""
    if SHAPES.behind(payload) == 0:
        yield Piece(payload, 0, 1)
        return
    scanner = Scanner()
    yield from scanner.feed(payload + b"\n")
    yield from scanner.close()
