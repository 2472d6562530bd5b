"""The folder that a processing writes its files into: listing, reading whole files, removing them."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from labmon_dagster.model import SECOND, SourceError

SETTLED = 3 * SECOND  # a file that was changed since may be written to still
_FIRST, _LAST = -(2**63), 2**63 - 1  # what fits where times are noted; disks know years behind
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Found:
    """A file as it was seen: name, when it was changed last (UTC ns), size in bytes."""

    name: str
    changed: int
    size: int

    def settled(self, now: int) -> bool:
        """Whether it has stood still for a moment at ``now`` (UTC ns)."""
        return abs(now - self.changed) >= SETTLED


@dataclass(frozen=True)
class Folder:
    """The files in ``path`` whose whole name is matched by the regular expression ``pattern``.

    ``own``: it is one of ours, which is empty until somebody writes there; any other one must be there.
    """

    path: Path
    pattern: str
    own: bool = False

    def look(self) -> Iterator[Found]:
        """Give the files there are, without opening one. Raises SourceError where they cannot be listed."""
        fits = re.compile(self.pattern).fullmatch
        try:
            with os.scandir(self.path) as entries:
                for one in entries:
                    if fits(one.name) and (found := _found(one)):
                        yield found
        except FileNotFoundError:
            if not self.own:
                raise SourceError(f"folder {self.path} does not exist") from None
        except OSError as error:
            raise SourceError(f"folder {self.path} cannot be listed: {error.strerror}") from error

    def read(self, name: str, most: int = sys.maxsize) -> tuple[Found, bytes] | None:
        """Read a file, or its first ``most`` bytes; None where it vanished or changed meanwhile.

        Raises OSError where it cannot be read.
        """
        try:
            with (self.path / name).open("rb", buffering=0) as file:
                before = os.fstat(file.fileno())
                content = _bytes(file.fileno(), min(before.st_size, most))
            after = (self.path / name).stat()
        except FileNotFoundError:
            return None
        whole = len(content) == min(before.st_size, most)
        return (_as_found(name, before), content) if whole and _same(before, after) else None

    def remove(self, seen: Found, digest: str) -> bool:
        """Remove a file if it is the one that was seen; False: it is not, or is gone. Raises OSError."""
        read = self.read(seen.name, seen.size)
        if read is None or read[0] != seen or digest_of(read[1]) != digest:
            return False
        path = self.path / seen.name
        try:
            if _as_found(seen.name, path.stat()) != seen:
                return False
            path.unlink()
        except FileNotFoundError:
            return False
        return True


def digest_of(content: bytes) -> str:
    """Hash a content (128 bits)."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def check_pattern(pattern: str) -> str:
    """Give a regular expression back. Raises ValueError for what is none."""
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(
            f"{pattern!r} is no regular expression: {error}; write one such as [0-9a-z]{{8}}\\.json"
        ) from error
    return pattern


def _found(entry: os.DirEntry[str]) -> Found | None:
    try:
        entry.name.encode()
        return _as_found(entry.name, entry.stat()) if entry.is_file() else None
    except UnicodeEncodeError:
        _LOG.warning("%r: a name that is no Unicode text; the file is left alone: rename it", entry.path)
    except FileNotFoundError:
        pass  # it vanished since it was listed
    except OSError as error:
        if not entry.is_symlink():
            raise
        _LOG.warning("%s: %s; the link is left alone", entry.path, error.strerror)
    return None


def _as_found(name: str, stat: os.stat_result) -> Found:
    return Found(name, max(_FIRST, min(stat.st_mtime_ns, _LAST)), stat.st_size)


def _same(one: os.stat_result, other: os.stat_result) -> bool:
    return (one.st_ino, one.st_dev, one.st_mtime_ns, one.st_size) == (
        other.st_ino,
        other.st_dev,
        other.st_mtime_ns,
        other.st_size,
    )


def _bytes(fd: int, wanted: int) -> bytes:
    parts: list[bytes] = []
    while wanted > 0 and (part := os.read(fd, wanted)):
        parts.append(part)
        wanted -= len(part)
    return b"".join(parts)
