"""A stream of line protocol, portion by portion: memory stays flat, however long it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from labmon_dagster.model.points import BadLine, Points
from labmon_dagster.model.window import UNITS
from labmon_dagster.sources.line_protocol.parser import parse

_BLOCK, _LINES, _LARGEST = 1 << 20, 50_000, 1 << 24


def read(stream: BinaryIO, precision: str = "ns") -> Iterator[Points | BadLine]:
    """Read line protocol, at most 50,000 lines at a time. ``precision``: the unit of its time stamps.

    Raises ValueError for another unit than ns, us, ms or s, and for a line of more than 16 MB.
    """
    if precision not in UNITS:
        raise ValueError(f"precision {precision!r} is not known; allowed: {', '.join(UNITS)}")
    unit, line, rest = UNITS[precision], 1, b""
    for portion in portions(stream):
        text = rest + portion
        parsed = parse(text, line, unit=unit, ended=len(text) > _LARGEST)
        rest = parsed.rest
        line += text.count(b"\n") - rest.count(b"\n")
        yield from parsed.bad
        yield from parsed.points
    if rest:
        last = parse(rest, line, unit=unit)
        yield from last.bad
        yield from last.points


def portions(stream: BinaryIO) -> Iterator[bytes]:
    """Cut a stream into whole lines, at most 50,000 together; the last may lack its newline.

    Raises ValueError for a line of more than 16 MB.
    """
    pending = b""
    while block := stream.read(_BLOCK):
        pending += block
        end = pending.rfind(b"\n") + 1
        if not end and len(pending) > _LARGEST:
            raise ValueError(
                f"a line of more than {_LARGEST:,} bytes, which begins {pending[:60]!r}: is this text?"
            )
        yield from _cut(pending[:end])
        pending = pending[end:]
    if pending:
        yield pending


def _cut(lines: bytes) -> Iterator[bytes]:
    """Cut whole lines into parts of at most 50,000."""
    count = lines.count(b"\n")
    if count <= _LINES:
        yield from filter(None, [lines])
        return
    middle = lines.find(b"\n", len(lines) // 2) + 1
    if middle in {0, len(lines)}:
        middle = lines.rfind(b"\n", 0, len(lines) - 1) + 1
    yield from _cut(lines[:middle])
    yield from _cut(lines[middle:])
