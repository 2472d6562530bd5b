"""The shapes of lines that are one event: lines that differ in digits alone have the same brackets."""

from __future__ import annotations

import re

_DIGITS = b"0123456789"
_OPENS, _CLOSES = b"[{", ord("}")
_MOST, _LONGEST = 256, 8192
_BEHIND = re.compile(rb",?\r?\n")


class Shapes:
    """Shapes that were met, 256 at most; what they say of a line is what looking closely would say."""

    def __init__(self) -> None:
        self._behind: dict[bytes, int] = {}

    def behind(self, line: bytes) -> int | None:
        """Say how many bytes (a comma, CR) are behind the one event of a line; None if that is not known."""
        behind = self._behind.get(line.translate(None, _DIGITS))
        # Digits before or behind the event are none of its shape, nor is their number.
        if behind is None or line[0] not in _OPENS or line[-1 - behind] != _CLOSES or len(line) > _LONGEST:
            return None
        return behind

    def learn(self, text: bytes, start: int, end: int) -> None:
        """Note the shape of an event from ``start`` to ``end`` of ``text``, if it is a line of its own."""
        match = _BEHIND.match(text, end)
        if match is None or match.end() - start > _LONGEST:
            return
        line = text[start : match.end() - 1]
        # A backslash may stand before a digit, and so before a quote in the shape alone.
        if b"\n" not in line and b"\\" not in line and len(self._behind) < _MOST:
            self._behind[line.translate(None, _DIGITS)] = len(line) - (end - start)

    def forget(self) -> None:
        """Forget all of them."""
        self._behind.clear()


SHAPES = Shapes()
