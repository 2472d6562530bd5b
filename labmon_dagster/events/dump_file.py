"""One dump file, read on from where it was read to."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from labmon_dagster.events.entries import CHUNK, Portion, Portions
from labmon_dagster.events.notes import Noted, State
from labmon_dagster.model import SourceError
from labmon_dagster.replay.files import DAMAGED, NOT_WHOLE, is_packed, text_of
from labmon_dagster.sources.cosmic.scan import Piece

AT_ONCE = 4 * 1024 * 1024  # bytes of text that are brought to the disk together
_KNOWN_BY = 4096  # bytes at the beginning of a file, and where it ended, by which it is known again


@dataclass(frozen=True, slots=True)
class Read:
    """What was read of a file by one step, and what is to be noted when that is safe; ``size``: its bytes."""

    found: list[Portion | Piece]
    noted: Noted
    size: int


def read_on(path: Path, before: Noted | None, most: int, *, still: bool) -> Iterator[Read]:
    """Read about ``most`` bytes more of the text of a file; nothing of one that has vanished.

    ``still``: it has not changed for long, so that its last event has its end, or is garbage. Raises
    SourceError where it cannot be read.
    """
    try:
        with path.open("rb") as raw:
            yield from _Reading(raw, before).steps(most, still=still)
    except FileNotFoundError:
        return
    except OSError as error:
        raise SourceError(f"{path.name} cannot be read: {error.strerror}") from error


class _Reading:
    def __init__(self, raw: BinaryIO, before: Noted | None) -> None:
        self._raw, self._before = raw, before
        self._stat = os.fstat(raw.fileno())
        self._packed = is_packed(os.pread(raw.fileno(), 2, 0))
        self._known_by = self._digest(self._stat.st_size)
        same = before is not None and self._is_same(before)
        self._portions = Portions(before.offset, before.line) if before and same else Portions()

    def _is_same(self, before: Noted) -> bool:
        """Whether it is the file that was read before, with nothing but more at its end."""
        stat = self._stat
        if stat.st_ino != before.inode or self._digest(before.size) != before.digest:
            return False
        if self._packed:
            return (stat.st_size, stat.st_mtime_ns) == (before.size, before.changed)
        return stat.st_size >= before.size

    def steps(self, most: int, *, still: bool) -> Iterator[Read]:
        """Read on to the end, or as far as ``most`` bytes reach."""
        found: list[Portion | Piece] = []
        size = total = 0
        damage = ""
        try:
            for text in self._texts():
                found += self._portions.feed(text)
                size += len(text)
                if size >= min(AT_ONCE, most - total):
                    yield Read(found, self._noted(State.MORE), size)
                    found, total, size = [], total + size, 0
                    if total >= most:
                        return
        except DAMAGED as error:
            damage = f"{NOT_WHOLE}: {error}"
        yield self._last(found, size, damage, still=still)

    def _last(self, found: list[Portion | Piece], size: int, damage: str, *, still: bool) -> Read:
        """Make the step at the end of the file. What waits there is garbage if the file stands still."""
        offset, line = self._portions.waiting
        rest = list(self._portions.close())
        if damage:
            rest.append(Piece(b"", offset, line, damage))
        if not rest:
            return Read(found, self._noted(State.ENDED, offset, line), size)
        state = State.ENDED if still else State.WAITING
        return Read([*found, *(rest if still else ())], self._noted(state, offset, line), size)

    def _texts(self) -> Iterator[bytes]:
        """Give the text from where it was read to."""
        begin, _ = self._portions.waiting
        text: BinaryIO = self._raw
        if self._packed:
            text = text_of(self._raw)
            while begin > 0 and (passed := text.read(min(begin, CHUNK))):
                begin -= len(passed)
        else:
            text.seek(begin)
        while more := text.read(CHUNK):
            yield more

    def _noted(self, state: State, offset: int = -1, line: int = -1) -> Noted:
        if offset < 0:
            offset, line = self._portions.waiting
        stat = self._stat
        return Noted(stat.st_ino, stat.st_mtime_ns, stat.st_size, self._known_by, offset, line, state)

    def _digest(self, size: int) -> str:
        """Hash the beginning and the end of the first ``size`` bytes."""
        file, most = self._raw.fileno(), min(size, _KNOWN_BY)
        ends = os.pread(file, most, 0) + os.pread(file, most, size - most)
        return hashlib.blake2b(ends, digest_size=16).hexdigest()
