"""The files of a table: found by pattern in a local or remote folder, known again after a rename.

LoggerNet renames a full file to .bak, .bak1, …, so a file is known by its beginning (header and first
row), not by its name.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import PurePosixPath
from typing import IO, Any

from fsspec import AbstractFileSystem
from fsspec.core import url_to_fs

from labmon_dagster.model import SourceError
from labmon_dagster.sources.loggernet.header import HEADER_LINES, starts_header

HEAD_LIMIT = 1 << 16


@dataclass(frozen=True, slots=True)
class Found:
    """A file as one look saw it. ``changed`` is its modification time in seconds since 1970."""

    path: str
    size: int
    changed: float

    @property
    def name(self) -> str:
        """The file's name without its folder."""
        return PurePosixPath(self.path.replace("\\", "/")).name

    @property
    def day(self) -> date:
        """The UTC day of the last change."""
        return datetime.fromtimestamp(self.changed, UTC).date()


@dataclass(frozen=True)
class Folder:
    """A folder given by path or fsspec URL (sftp://, smb://, …) and the patterns of the table's files."""

    url: str
    patterns: tuple[str, ...]

    @cached_property
    def _opened(self) -> tuple[AbstractFileSystem, str]:
        try:
            return url_to_fs(self.url)
        except (ImportError, ValueError, OSError) as error:
            raise SourceError(f"folder {self.shown}: {error}") from error

    @property
    def shown(self) -> str:
        """The folder's name without user and password."""
        scheme, separator, rest = self.url.partition("://")
        return f"{scheme}://{rest.rpartition('@')[2]}" if separator else self.url

    def look(self) -> list[Found]:
        """All files of the table, backups included. Raises SourceError where the folder cannot be listed."""
        system, root = self._opened
        system.invalidate_cache()
        try:
            infos = system.ls(root, detail=True)
        except FileNotFoundError as error:
            raise SourceError(f"folder {self.shown} does not exist") from error
        except OSError as error:
            raise SourceError(f"folder {self.shown} cannot be listed: {error}") from error
        files = [info for info in infos if info["type"] == "file" and self._wanted(info["name"])]
        return [Found(info["name"], int(info["size"]), _changed(info)) for info in files]

    def open(self, found: Found) -> IO[bytes]:
        """The file, opened for reading bytes."""
        return self._opened[0].open(found.path, "rb")  # type: ignore[no-any-return]

    def stat(self, found: Found) -> Found:
        """The file as it is now."""
        system, _ = self._opened
        system.invalidate_cache()
        info = system.info(found.path)
        return Found(found.path, int(info["size"]), _changed(info))

    def _wanted(self, path: str) -> bool:
        name = PurePosixPath(path.replace("\\", "/"))
        return any(name.match(wanted) for pattern in self.patterns for wanted in with_backups(pattern))


def with_backups(pattern: str) -> tuple[str, ...]:
    """A pattern and those of the names LoggerNet gives the file when it is full."""
    stem = pattern.rpartition(".")[0] or pattern
    return (pattern, *(f"{base}.bak{digits}" for base in (stem, pattern) for digits in ("", "[0-9]*")))


def _changed(info: dict[str, Any]) -> float:
    for key in ("mtime", "last_write_time", "LastModified", "modified", "created"):
        value = info.get(key)
        if isinstance(value, datetime):
            return value.timestamp()
        if value is not None:
            return float(value)
    return 0.0


@dataclass(frozen=True, slots=True)
class Head:
    """The beginning of a file: header and first row, and what is derived from them."""

    data: bytes

    @property
    def identity(self) -> str:
        """What the file is known by, whatever its name."""
        return hashlib.blake2b(self.data, digest_size=10).hexdigest()

    @property
    def first_stamp(self) -> str:
        """The text of the first row's first cell: sorts files of one logger by age."""
        return self.data.rstrip().rpartition(b"\n")[2].split(b",")[0].decode("ascii", "replace").strip('"')


def head_of(data: bytes, has_header: bool) -> Head | None:
    """The head in the first bytes of a file; None while header or first row are incomplete."""
    wanted = HEADER_LINES + 1 if has_header and starts_header(data) else 1
    end = 0
    for _ in range(wanted):
        end = data.find(b"\n", end) + 1
        if not end:
            return None
    return Head(data[:end])
