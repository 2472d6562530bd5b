"""Which files hold a day, and which bytes of it each: plain, compressed, or the mark of a pruned one.

A day is one stream of bytes that only grows. What was pruned comes first, then the compressed file, then
the plain one. From where the plain file begins, it is the truth: so a crash between the steps of
compressing leaves nothing to be repaired before reading.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from labmon_dagster.journal import disk, line, packed, stone
from labmon_dagster.journal.line import FileError


@dataclass(frozen=True, slots=True)
class Piece:
    """An opened file that holds the bytes from ``start`` to ``end`` of a day's stream.

    ``packed``: it is compressed; ``clipped``: what it has behind ``end`` does not count.
    """

    path: Path
    file: BinaryIO
    start: int
    end: int
    packed: bool = False
    clipped: bool = False

    def check(self, offset: int) -> None:
        """Raise FormatError for a file of another version, ValueError if no line begins at ``offset``."""
        with packed.reading(self.path):
            self.file.seek(0)
            line.header_at(self.file.readline(disk.HEADER_LIMIT).removesuffix(b"\n"), self.path)
            if offset <= self.start:
                return
            self.file.seek(offset - 1 - self.start)
            if self.file.read(1) != b"\n":
                raise ValueError(f"{self.path}: no line begins at byte {offset}")

    def lines(self, offset: int = 0) -> Iterator[tuple[int, int, bytes]]:
        """Begin, end and text of the lines from ``offset``; FileError where the file is damaged or short."""
        with packed.reading(self.path):
            skipped = max(offset - self.start, 0)
            for begin, end, raw in disk.forwards(self.file, skipped, self.end - self.start):
                yield begin + self.start, end + self.start, raw
            self._check_end()

    def backwards(self) -> Iterator[tuple[int, int, bytes]]:
        """All lines of a plain file as `lines` gives them, the last one first."""
        for begin, end, raw in disk.backwards(self.file.fileno(), 0, self.end - self.start):
            yield begin + self.start, end + self.start, raw

    def blocks(self) -> Iterator[bytes]:
        """Everything it holds; FileError where the file is damaged or short."""
        with packed.reading(self.path):
            self.file.seek(0)
            yield from packed.blocks(self.file, self.end - self.start)
            self._check_end()

    def _check_end(self) -> None:
        # Only reading on has gzip compare its checksum.
        if self.packed and not self.clipped and self.file.read(1):
            raise EOFError(f"it holds more than its {self.end - self.start} bytes")


class Day:
    """The files of one day, looked at while the journal is locked."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self.plain = folder / f"{name}.jsonl"
        self.packed = folder / f"{name}.jsonl.gz"
        self.stone = folder / f"{name}.pruned"
        self.unfinished = folder / f".{name}.jsonl.gz.new"

    def pruned(self) -> int:
        """Bytes that were pruned, from the beginning of the day."""
        return stone.size(self.stone)

    def begin(self) -> int | None:
        """Where in the day the plain file begins; None if there is none, or only what should be pruned.

        Raises FormatError, and FileError if its header is lost and only that could tell.
        """
        try:
            with self.plain.open("rb") as file:
                return self._begin(file)
        except FileNotFoundError:
            return None

    def _begin(self, file: BinaryIO) -> int | None:
        alone = not (self.packed.exists() or self.stone.exists())
        first = disk.first_line(file.fileno())
        if first is None:
            return 0 if alone else None
        begin = line.header_at(first, self.plain)
        if begin is None and not alone:
            raise FileError(f"{self.plain}: has no header, so that nothing says where in its day it begins")
        if begin is not None and begin < self.pruned():
            return None  # pruning was interrupted
        return begin or 0

    def extent(self) -> packed.Extent | None:
        """Which bytes of the day the compressed file holds; None if there is none to be read."""
        try:
            found = packed.extent(self.packed)
        except FileNotFoundError:
            return None
        return None if found.start < self.pruned() else found

    def end_before(self, *, checked: bool = False) -> int:
        """Where a new plain file would begin: behind what is compressed or pruned.

        ``checked``: raise FormatError if the compressed file is of another version.
        """
        found = self.extent()
        if found is not None and checked:
            packed.check_version(self.packed)
        return self.pruned() if found is None else found.end

    def end(self) -> int:
        """Bytes of the day up to its last complete line."""
        begin = self.begin()
        if begin is not None and (there := self._content()):
            return begin + there
        return self.end_before()

    def _content(self) -> int:
        """Bytes of complete lines in the plain file; 0 if it has no more than its header."""
        with self.plain.open("rb") as file:
            there = disk.complete(file.fileno())
            first = disk.first_line(file.fileno())
        if first is not None and there == len(first) + 1 and line.header_at(first, self.plain) is not None:
            return 0
        return there

    def there(self) -> bool:
        """Whether it has more than what was pruned."""
        return self.end() > self.pruned()

    def opened(self, held: ExitStack) -> list[Piece]:
        """Open what there is of the day, in order; ``held`` closes it."""
        pieces: list[Piece] = []
        begin = self.begin()
        if begin is not None and (there := self._content()):
            file: BinaryIO = self.plain.open("rb")
            held.callback(file.close)
            pieces = [Piece(self.plain, file, begin, begin + there)]
        found = self.extent()
        if found is None:
            return pieces
        until = min([found.end, *(piece.start for piece in pieces)])
        if found.start < until:
            file = packed.unpacked(self.packed)
            held.callback(file.close)
            clipped = until < found.end
            pieces.insert(0, Piece(self.packed, file, found.start, until, packed=True, clipped=clipped))
        return pieces

    def check_complete(self, pieces: list[Piece], offset: int = 0) -> None:
        """Raise FileError if bytes of the day from ``offset`` on are missing before or between pieces."""
        there = self.pruned()
        for piece in pieces:
            if piece.start > max(there, offset):
                missing = f"bytes {there} to {piece.start} of its day are missing"
                raise FileError(f"{piece.path}: {missing}; {self.packed.name} should hold them")
            there = piece.end

    def remove(self) -> int:
        """Remove its files; give the bytes of disk that are free again."""
        freed = 0
        for path in (self.plain, self.packed, self.unfinished):
            if path.exists():
                freed += path.stat().st_blocks * 512
                path.unlink()
        disk.sync_folder(self.plain.parent)
        return freed
