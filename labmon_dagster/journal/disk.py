"""Files that only grow: durable creation, appending all or nothing, finding lines from the end."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from labmon_dagster.journal import line

_FIRST_STEP = 4 * 1024
_LONGEST_STEP = 1024 * 1024
_SHOWN = 64 * 1024  # bytes kept of a line longer than LINE_LIMIT
HEADER_LIMIT = 64 * 1024


def make_folder(path: Path) -> None:
    """Create ``path`` and its parents so that they survive a power cut."""
    if path.is_dir():
        return
    make_folder(path.parent)
    path.mkdir(exist_ok=True)
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def line_start(fd: int, before: int) -> int:
    """Where the line begins that the byte ``before`` would belong to: behind the last newline."""
    step = _FIRST_STEP
    while before > 0:
        length = min(step, before)
        found = os.pread(fd, length, before - length).rfind(b"\n")
        if found >= 0:
            return before - length + found + 1
        before -= length
        step = min(step * 2, _LONGEST_STEP)
    return 0


def complete(fd: int) -> int:
    """Bytes of a file up to and with its last newline."""
    return line_start(fd, os.fstat(fd).st_size)


def first_line(fd: int) -> bytes | None:
    """Read the first line of a file, or the beginning of a long one; None if it has no complete line."""
    start = os.pread(fd, HEADER_LIMIT, 0)
    first, newline, _ = start.partition(b"\n")
    return first if newline or complete(fd) else None


def forwards(file: BinaryIO, start: int, end: int) -> Iterator[tuple[int, int, bytes]]:
    """Begin, end and text of the lines from ``start`` to ``end``, both of which are line ends.

    A line longer than LINE_LIMIT comes with its beginning only (see `too_long`).
    """
    file.seek(start)
    while start < end:
        raw = file.readline(line.LINE_LIMIT)
        if not raw:
            raise EOFError(f"it ends at byte {start}, and not at {end}")
        stop = start + len(raw)
        if not raw.endswith(b"\n"):
            raw = raw[:_SHOWN]
            while (more := file.readline(_LONGEST_STEP)) and not more.endswith(b"\n"):
                stop += len(more)
            stop += len(more)
        yield start, stop, raw.removesuffix(b"\n")
        start = stop


def backwards(fd: int, start: int, end: int) -> Iterator[tuple[int, int, bytes]]:
    """Lines from ``start`` to ``end`` as `forwards` gives them, the last one first."""
    while end > start:
        begin = line_start(fd, end - 1)
        length = end - begin
        raw = os.pread(fd, length if length <= line.LINE_LIMIT else _SHOWN, begin)
        yield begin, end, raw.removesuffix(b"\n")
        end = begin


def too_long(begin: int, end: int) -> bool:
    """Whether a line of these bytes is longer than any that is ever written."""
    return end - begin > line.LINE_LIMIT


def mend(fd: int) -> int:
    """End a line that a crash has torn, and give the bytes of the file."""
    size = os.fstat(fd).st_size
    if size and os.pread(fd, 1, size - 1) != b"\n":
        write(fd, b"\n")
        size += 1
    return size


def create(path: Path, content: bytes) -> None:
    """Create a file that has all of its ``content`` or does not exist, whatever happens meanwhile."""
    new = path.with_name(f".{path.name}.new")
    fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    try:
        write(fd, content)
        os.fsync(fd)
    finally:
        os.close(fd)
    new.replace(path)
    sync_folder(path.parent)


def write(fd: int, data: bytes) -> None:
    """Write all of ``data``."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]
