"""One line of a journal file: what it holds, how it is written, and when it is damaged."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NamedTuple, TypeAlias

import msgspec

FORMAT = 1
LINE_LIMIT = 64 * 1024 * 1024  # bytes; so that a reader's memory is bounded whatever a file holds

Meta: TypeAlias = Mapping[str, str | int | float | bool | None]
NOTHING: Meta = {}


class FileError(ValueError):
    """A journal file that cannot be used as a whole; the text names it and says what is wrong."""


class FormatError(FileError):
    """A journal file of a format version this program does not know."""


class Message(NamedTuple):
    """What is to be kept; ``received`` is in ns since 1970, None for the time at which it is written."""

    payload: bytes
    meta: Meta = NOTHING
    received: int | None = None


class Encoded(NamedTuple):
    """A message and the line that it becomes (`encode`)."""

    received: int
    payload: bytes
    meta: Meta
    raw: bytes


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


class _Version(msgspec.Struct):
    labmon_journal: int | float | str | None


class _Header(msgspec.Struct, omit_defaults=True):
    labmon_journal: int
    source: str
    continues: Annotated[int, msgspec.Meta(ge=0)] = 0


class _Line(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    received: Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
    meta: dict[str, str | int | float | bool | None] = {}  # msgspec copies it for every line
    text: str | None = None
    base64: str | None = None


_VERSIONS = msgspec.json.Decoder(_Version)
_HEADERS = msgspec.json.Decoder(_Header)
_LINES = msgspec.json.Decoder(_Line)


def header_line(source: str, continues: int = 0) -> bytes:
    """Give the first line of a new file of ``source``, with its newline.

    ``continues``: the byte of its day at which the file begins, where others hold what was before.
    """
    return msgspec.json.encode(_Header(FORMAT, source, continues)) + b"\n"


def header_at(raw: bytes, path: Path) -> int | None:
    """Where in its day the file begins whose first line is ``raw``; None if that is no header.

    Raises FormatError for a header of another version.
    """
    try:
        version = _VERSIONS.decode(raw).labmon_journal
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    if version != FORMAT:
        raise FormatError(f"{path}: journal format {version!r}, but this program reads format {FORMAT}")
    try:
        return _HEADERS.decode(raw).continues
    except msgspec.MsgspecError:
        return None


def encode(received: int, payload: bytes, meta: Meta = NOTHING) -> bytes:
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
