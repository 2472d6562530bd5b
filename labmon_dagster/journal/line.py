"""One line of a journal file: what it holds, how it is written, and when it is damaged."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeAlias

import msgspec

FORMAT = 1
LINE_LIMIT = 64 * 1024 * 1024  # bytes; so that a reader's memory is bounded whatever a file holds

Meta: TypeAlias = Mapping[str, str | int | float | bool | None]


class FormatError(ValueError):
    """A journal file of a format version this program does not know."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A message as it came.

    ``received`` is in ns since 1970, ``day`` the UTC day of the file (YYYY-MM-DD), ``offset`` and ``end``
    are the bytes at which its line begins and ends in that file: they never change.
    """

    received: int
    payload: bytes
    meta: Meta
    day: str
    offset: int
    end: int


@dataclass(frozen=True, slots=True)
class Damage:
    """A line that is no entry: file day, bytes from ``offset`` to ``end``, its raw text, what is wrong.

    ``raw`` lacks the newline; of a line longer than `LINE_LIMIT` it holds only the beginning.
    """

    day: str
    offset: int
    raw: bytes
    reason: str
    end: int


class _Header(msgspec.Struct):
    labmon_journal: int | float | str | None
    source: str = ""


class _Line(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    received: Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
    meta: dict[str, str | int | float | bool | None] = {}  # msgspec copies it for every line
    text: str | None = None
    base64: str | None = None


_HEADERS = msgspec.json.Decoder(_Header)
_LINES = msgspec.json.Decoder(_Line)


def header_line(source: str) -> bytes:
    """Give the first line of a new file of ``source``, with its newline."""
    return msgspec.json.encode(_Header(FORMAT, source)) + b"\n"


def is_header(raw: bytes, path: Path) -> bool:
    """Whether ``raw`` is the header of a file; raises FormatError if it is one of another version."""
    try:
        version = _HEADERS.decode(raw).labmon_journal
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return False
    if version != FORMAT:
        raise FormatError(f"{path}: journal format {version!r}, but this program reads format {FORMAT}")
    return True


def encode(received: int, payload: bytes, meta: Meta) -> bytes:
    """Write a message as one line with its newline.

    Raises ValueError when the message cannot be read back exactly: a ``meta`` value that is not text,
    a finite number, true, false or None, or a line longer than `LINE_LIMIT`.
    """
    line = _Line(received, dict(meta))
    try:
        line.text = payload.decode()
    except UnicodeDecodeError:
        line.base64 = base64.b64encode(payload).decode()
    try:
        raw = msgspec.json.encode(line)
        if decode(raw) != (received, payload, line.meta):
            raise ValueError("not the same when read back")
    except (TypeError, ValueError, msgspec.MsgspecError) as error:
        raise ValueError(f"a message that a journal cannot keep: meta {dict(meta)!r}: {error}") from error
    if len(raw) >= LINE_LIMIT:
        raise ValueError(f"a message of {len(payload)} bytes is too long for a journal line")
    return raw + b"\n"


def decode(raw: bytes) -> tuple[int, bytes, Meta]:
    """Receipt time (ns since 1970), payload and meta of a line; ValueError says what is wrong with it."""
    try:
        line = _LINES.decode(raw)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(str(error)) from error
    if line.text is not None and line.base64 is None:
        return line.received, line.text.encode(), line.meta
    if line.base64 is not None and line.text is None:
        return line.received, base64.b64decode(line.base64, validate=True), line.meta
    raise ValueError("a line has either text or base64")
