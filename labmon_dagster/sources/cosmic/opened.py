"""Where an event that has opened ends: the bracket that closes it, or what shows that it was cut.

It was cut where a new event opens before it is closed: ``["KEY":`` is never part of JSON, and ``{"KEY"`` at
the beginning of a line only where a value may stand.
"""

from __future__ import annotations

import re
from typing import NamedTuple

LARGEST = 1024 * 1024
NEAR = 64  # bytes of white space that may lie between a bracket and what says what it is
_PLAIN = re.compile(rb'(?:[^"{}\[\]]+|"[^"\\\n]*(?:\\.[^"\\\n]*)*")*+')
_QUOTED = re.compile(rb'[^"\\\n]*+(?:\\.[^"\\\n]*+)*+')
_BLANK = re.compile(rb"\s*+")
_KEY = rb'"[^"\\\n]{0,256}'
_OPENING = re.compile(rb'\[\s{0,%d}%b"\s{0,%d}:|\{\s{0,%d}"' % (NEAR, _KEY, NEAR, NEAR))
_PENDING = re.compile(rb'(?:|\[\s{0,%d}(?:%b(?:"\s{0,%d})?)?|\{\s{0,%d})\Z' % (NEAR, _KEY, NEAR, NEAR))
_LIST, _OBJECT, _LIST_END, _OBJECT_END = b"[{]}"
_BEFORE_OPENING = b"[{\n"
_QUOTE, _ESCAPE, _NEWLINE, _COLON = b'"\\\n:'

CUT = "an event that is not closed: the text ends before"
INTERRUPTED = "an event that is not closed: another one opens before"
TOO_LARGE = f"an event that is not closed within {LARGEST >> 20} MiB"
MISMATCHED = "no event: {} stands where {} should close it"


class End(NamedTuple):
    """How long the event is (bytes); ``why``: empty where it is whole, else what is wrong with it."""

    length: int
    why: str = ""


class Opened:
    """An event that opens with the first byte of a text, and how far it was looked at."""

    def __init__(self) -> None:
        self._at = 0
        self._closing = bytearray()  # what has to close each bracket that is open
        self._quoted = False
        self._doubtful: tuple[int, int] | None = None

    def end(self, text: bytes, start: int, last: bool) -> End | None:
        """Find the end of the event that opens at ``start``; None: ``text`` has to go on first.

        ``last``: nothing follows. The next time ``text`` has the same bytes behind ``start``, and more.
        """
        while True:
            at = _behind(_QUOTED if self._quoted else _PLAIN, text, start + self._at)
            self._at = at - start
            if self._at >= LARGEST:
                return self._broken(LARGEST, TOO_LARGE)
            if at == len(text):
                return self._broken(self._at, CUT) if last else None
            if not last and text[at] in _BEFORE_OPENING and _PENDING.match(text, at + (text[at] == _NEWLINE)):
                return None
            if self._quoted or text[at] == _QUOTE:
                if text[at] == _ESCAPE and at + 1 == len(text) and not last:
                    return None
                found = self._in_text(text, at)
            elif text[at] in (_LIST, _OBJECT):
                found = self._open(text, at, start)
            elif self._undecided(text, at, last):
                return None
            else:
                found = self._close(text, at)
            if found is not None:
                return found
            self._at += 1

    def _in_text(self, text: bytes, at: int) -> End | None:
        if text[at] == _QUOTE:
            self._quoted = not self._quoted
        elif text[at] == _NEWLINE and _OPENING.match(text, at + 1):
            return self._broken(self._at + 1, INTERRUPTED)
        return None

    def _open(self, text: bytes, at: int, start: int) -> End | None:
        if at == start:
            self._closing.append(_OBJECT_END)
            return None
        if text[at] == _LIST and _OPENING.match(text, at):
            return self._broken(self._at, INTERRUPTED)
        if text[at] == _OBJECT and text[at - 1] == _NEWLINE and _OPENING.match(text, at):
            if not self._value_may_stand(text[max(start, at - NEAR) : at].rstrip()[-1:]):
                return self._broken(self._at, INTERRUPTED)
            self._doubtful = self._doubtful or (self._at, len(self._closing))
        self._closing.append(_OBJECT_END if text[at] == _OBJECT else _LIST_END)
        return None

    def _value_may_stand(self, before: bytes) -> bool:
        return before in (b":", b"") or (before in (b",", b"[") and self._closing[-1] == _LIST_END)

    def _undecided(self, text: bytes, at: int, last: bool) -> bool:
        """Whether only what follows shows if the object that is closed is an event of its own."""
        return not last and self._ends_doubtful() and _behind(_BLANK, text, at + 1) == len(text)

    def _ends_doubtful(self) -> bool:
        return self._doubtful is not None and self._doubtful[1] == len(self._closing) - 1

    def _close(self, text: bytes, at: int) -> End | None:
        if text[at] != self._closing[-1]:
            told = MISMATCHED.format(chr(text[at]), chr(self._closing[-1]))
            return self._broken(self._at + 1, told)
        if self._ends_doubtful():
            follows = _behind(_BLANK, text, at + 1)
            if text[follows : follows + 1] not in (b",", b"}", b"]"):
                return self._broken(self._at, INTERRUPTED)
            self._doubtful = None
        self._closing.pop()
        return None if self._closing else End(self._at + 1)

    def _broken(self, length: int, why: str) -> End:
        """End the event; before an object that opened at the beginning of a line and was never closed."""
        if self._doubtful is not None:
            return End(self._doubtful[0], INTERRUPTED)
        return End(length, why)


def _behind(pattern: re.Pattern[bytes], text: bytes, at: int) -> int:
    """Say where a pattern ends that matches anything, even nothing."""
    match = pattern.match(text, at)
    return match.end() if match else at
