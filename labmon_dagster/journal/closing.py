"""Compressing the files of days that are over, while writers and readers go on."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from datetime import date
from pathlib import Path

from labmon_dagster.journal import disk, packed
from labmon_dagster.journal.day import Day, Piece
from labmon_dagster.journal.journal import Journal
from labmon_dagster.journal.line import FileError
from labmon_dagster.journal.lock import exclusive
from labmon_dagster.model.window import DAY, SECOND, day_number

GRACE = 3 * 3600 * SECOND
_LOG = logging.getLogger(__name__)
_LOCK = ".closing"


def is_closed(day: str, now_ns: int, grace: int = GRACE) -> bool:
    """Whether the UTC day ended more than ``grace`` ns before ``now_ns``."""
    return (day_number(date.fromisoformat(day)) + 1) * DAY + grace < now_ns


def close_days(journal: Journal, now_ns: int, grace: int = GRACE) -> list[str]:
    """Compress the files of the days that ended more than ``grace`` ns ago; give the days compressed.

    A day that is written to meanwhile is left for the next time. One that cannot be compressed keeps no
    other from it: the first error (FileError, OSError) is raised when all have been tried.
    """
    closed = [day for day in journal.days() if is_closed(day, now_ns, grace)]
    plain = [day for day in closed if journal.day(day).plain.exists()]
    if not plain:
        return []
    done: list[str] = []
    errors: list[Exception] = []
    with exclusive(journal.folder / _LOCK):  # one at a time: they would write the same hidden file
        for day in plain:
            try:
                if _close(journal, journal.day(day)):
                    done.append(day)
            except (FileError, OSError) as error:
                _LOG.error("%s: %s cannot be compressed: %s", journal.source, day, error)
                errors.append(error)
    if errors:
        raise errors[0]
    return done


def _close(journal: Journal, day: Day) -> bool:
    with ExitStack() as held:
        with journal.locked():
            if day.begin() is None:
                return False
            before = _mended(day.plain)
            pieces = day.opened(held)
            _check(day, pieces)
        if not pieces:
            return False
        for piece in pieces:
            piece.check(0)
        try:
            _pack(day.unfinished, pieces)
            with journal.locked():
                if _signature(day.plain) != before:
                    return False
                _swap(day)
            return True
        finally:
            with suppress(FileNotFoundError):
                day.unfinished.unlink()


def _mended(path: Path) -> tuple[int, int] | None:
    """End a torn line: what comes later stands in another file, and must not be joined to it."""
    fd = os.open(path, os.O_RDWR | os.O_APPEND)
    try:
        disk.mend(fd)
        os.fsync(fd)
    finally:
        os.close(fd)
    return _signature(path)


def _check(day: Day, pieces: list[Piece]) -> None:
    day.check_complete(pieces)
    there = day.extent()
    if there is not None and pieces and there.end > pieces[-1].end:
        raise FileError(f"{day.plain}: ends at byte {pieces[-1].end}, but {day.packed.name} has {there.end}")


def _pack(path: Path, pieces: list[Piece]) -> None:
    """Write a compressed file and read it back. Raises FileError if it is not the same."""
    written, again = hashlib.blake2b(), hashlib.blake2b()
    extent = packed.Extent(pieces[0].start, pieces[-1].end)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    try:
        packed.write(fd, _digested(pieces, written), extent)
        os.fsync(fd)
    finally:
        os.close(fd)
    with packed.unpacked(path) as file:
        found = packed.extent(path)
        for block in Piece(path, file, found.start, found.end, packed=True).blocks():
            again.update(block)
    if found != extent or written.digest() != again.digest():
        raise FileError(f"{path}: is not what was written when read back")


def _digested(pieces: Iterable[Piece], digest: hashlib.blake2b) -> Iterator[bytes]:
    for piece in pieces:
        for block in piece.blocks():
            digest.update(block)
            yield block


def _swap(day: Day) -> None:
    # In this order: until the plain file is gone, it is the truth.
    day.unfinished.replace(day.packed)
    disk.sync_folder(day.plain.parent)
    day.plain.unlink()
    disk.sync_folder(day.plain.parent)


def _signature(path: Path) -> tuple[int, int] | None:
    """What shows that a file is still the one it was: inode and bytes; None if it is gone."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_size
