"""The raw record of a poll of many questions: what was asked, and each answer exactly as it came.

It is a JSON array, so that a journal shows it as it is::

    [{"asked":"MMR3GET 3","text":"1.2e4"},{"asked":"STATUS?","base64":"gA=="},{"asked":"V1?","error":"…"}]
"""

from __future__ import annotations

import base64
from collections.abc import Iterable

import msgspec

FORM = "exchange"


class Exchange(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One question and its answer: ``text`` if that is valid UTF-8, ``base64`` if not, or the ``error``."""

    asked: str
    text: str | None = None
    base64: str | None = None
    error: str | None = None

    def __post_init__(self) -> None:
        if [self.text, self.base64, self.error].count(None) != 2:
            raise ValueError(f"{self.asked!r} needs one of text, base64 and error")

    @property
    def answer(self) -> bytes | None:
        """The bytes of the answer; None if none came."""
        if self.text is not None:
            return self.text.encode()
        return None if self.base64 is None else base64.b64decode(self.base64, validate=True)


_ALL = msgspec.json.Decoder(list[Exchange])


def answered(asked: str, answer: bytes) -> Exchange:
    """Note an answer."""
    try:
        return Exchange(asked, text=answer.decode())
    except UnicodeDecodeError:
        return Exchange(asked, base64=base64.b64encode(answer).decode())


def failed(asked: str, error: str) -> Exchange:
    """Note that no answer came."""
    return Exchange(asked, error=error)


def dump(exchanges: Iterable[Exchange]) -> bytes:
    """Write exchanges as one payload."""
    return msgspec.json.encode(list(exchanges))


def parse(payload: bytes) -> list[Exchange]:
    """Read the payload that `dump` wrote. Raises ValueError for any other."""
    try:
        return _ALL.decode(payload)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise ValueError(f"no record of questions and answers: {error}") from error
