"""Compressed day files: gzip, whose header says which bytes of the day it holds."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

from isal import igzip, isal_zlib
from isal.igzip_lib import IsalError

from labmon_dagster.journal import disk, line
from labmon_dagster.journal.line import FileError

BLOCK = 1024 * 1024
_LEVEL = 2
# RFC 1952: magic, deflate, FEXTRA, no time, unknown system; then one extra field, which all readers skip.
_HEAD = struct.Struct("<4s4xBB H 2sH QQ")
_MAGIC, _FIELD = b"\x1f\x8b\x08\x04", b"LM"
_TRAILER = struct.Struct("<II")


class Extent(NamedTuple):
    """Bytes of a day's stream, from ``start`` to before ``end``."""

    start: int
    end: int


def write(fd: int, chunks: Iterable[bytes], extent: Extent) -> None:
    """Compress what stands at ``extent`` of a day into an empty file. Raises OSError."""
    disk.write(fd, _HEAD.pack(_MAGIC, 0, 255, 20, _FIELD, 16, *extent))
    squeeze = isal_zlib.compressobj(_LEVEL, isal_zlib.DEFLATED, -isal_zlib.MAX_WBITS)
    crc = 0
    for chunk in chunks:
        crc = isal_zlib.crc32(chunk, crc)
        disk.write(fd, squeeze.compress(chunk))
    disk.write(fd, squeeze.flush() + _TRAILER.pack(crc, (extent.end - extent.start) & 0xFFFFFFFF))


def extent(path: Path) -> Extent:
    """Which bytes of its day a file holds, without decompressing it.

    Raises FormatError for a file of another version, FileError for one that is not a journal's.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD.size)
    if len(head) == _HEAD.size:
        magic, _, _, _, field, length, start, end = _HEAD.unpack(head)
        if (magic, field, length) == (_MAGIC, _FIELD, 16) and start < end:
            return Extent(start, end)
    check_version(path)
    raise FileError(f"{path}: was not compressed by labmon, or is damaged; only a plain file can be read")


def check_version(path: Path) -> None:
    """Raise FormatError if the file's first line is a header of another version."""
    with reading(path), unpacked(path) as file:
        line.header_at(file.readline(disk.HEADER_LIMIT).removesuffix(b"\n"), path)


def unpacked(path: Path) -> BinaryIO:
    """Open a compressed file for reading its content."""
    return cast(BinaryIO, igzip.IGzipFile(path, "rb"))  # type: ignore[no-untyped-call]


def blocks(file: BinaryIO, length: int) -> Iterator[bytes]:
    """Read ``length`` bytes from where a file stands. Raises EOFError when there are fewer."""
    while length:
        block = file.read(min(length, BLOCK))
        if not block:
            raise EOFError(f"{length} bytes are missing at its end")
        length -= len(block)
        yield block


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what is raised for a damaged file into a FileError that names it."""
    try:
        yield
    except (EOFError, gzip.BadGzipFile, IsalError) as error:  # type: ignore[misc]  # it is one
        raise FileError(f"{path}: is damaged or cut short: {error}") from error
