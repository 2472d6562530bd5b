"""The files of a table: found by pattern in a local or remote folder, known again after a rename.

LoggerNet renames a full file to .bak, .bak1, …, so a file is known by its beginning (header and first
row), not by its name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import takewhile
from pathlib import PurePosixPath
from typing import IO, Any

from fsspec import AbstractFileSystem

from labmon_dagster.model import SourceError
from labmon_dagster.model.lazily import lazily
from labmon_dagster.sources.loggernet import remote
from labmon_dagster.sources.loggernet.header import BOM, HEADER_LINES, HeaderError, cells, starts_header

LINE_LIMIT = 1 << 24
_FILES = {"file", "link"}
_CHANGED = ("mtime", "last_write_time", "LastModified", "modified", "created")


@dataclass(frozen=True, slots=True)
class Found:
    """A file as one look saw it. ``changed`` is its modification time in µs since 1970."""

    path: str
    size: int
    changed: int

    @property
    def name(self) -> str:
        """The file's name without its folder."""
        return PurePosixPath(self.path.replace("\\", "/")).name

    @property
    def day(self) -> date:
        """The UTC day of the last change."""
        return datetime.fromtimestamp(self.changed / 1e6, UTC).date()


@dataclass(frozen=True)
class Folder:
    """A folder given by path or fsspec URL (sftp://, smb://, …) and the patterns of the table's files.

    Passwords come from the URL, or better from LABMON_SFTP_PASSWORD, LABMON_SMB_PASSWORD (or a file that
    …_FILE names); keys and agents of ssh work too. They are never shown.
    """

    url: str
    patterns: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Folder({self.shown!r}, {self.patterns!r})"

    @lazily
    def _opened(self) -> tuple[AbstractFileSystem, str]:
        try:
            return remote.opened(self.url)
        except Exception as error:  # each file system fails in its own way, and its text may hold secrets
            raise SourceError(f"folder {self.shown}: {self.said(error)}") from None

    @property
    def shown(self) -> str:
        """The folder's name without user and password."""
        return remote.shown(self.url)

    def said(self, error: BaseException) -> str:
        """Give the text of an error without the password of this folder."""
        return remote.said(error, self.url)

    def look(self) -> list[Found]:
        """Find all files of the table, backups included.

        Raises SourceError where the folder cannot be listed.
        """
        try:
            return self._listed()
        except FileNotFoundError:
            pass  # a file renamed while the folder was listed, or there is no folder
        except Exception as error:
            if not remote.unreadable(error):
                raise
            self._hang_up()  # a connection that was lost is made anew
        try:
            return self._listed()
        except FileNotFoundError:
            raise SourceError(f"folder {self.shown} does not exist") from None
        except Exception as error:
            if not remote.unreadable(error):
                raise
            self._hang_up()
            raise SourceError(f"folder {self.shown} cannot be listed: {self.said(error)}") from None

    def open(self, found: Found) -> IO[bytes]:
        """Open the file for reading bytes. Raises OSError."""
        with self._as_os_error():
            return self._opened[0].open(found.path, "rb")  # type: ignore[no-any-return]

    def stat(self, found: Found) -> Found:
        """Look at the file as it is now. Raises OSError."""
        with self._as_os_error():
            system, _ = self._opened
            system.invalidate_cache()
            info = system.info(found.path)
        return Found(found.path, int(info["size"]), _changed(info))

    @contextmanager
    def _as_os_error(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            if isinstance(error, OSError) or not remote.unreadable(error):
                raise
            raise OSError(self.said(error)) from None

    def _listed(self) -> list[Found]:
        system, root = self._opened
        system.invalidate_cache()
        infos = [
            info for info in system.ls(root, detail=True) if info["type"] in _FILES or info.get("islink")
        ]
        wanted = [info for info in infos if self._wanted(info["name"])]
        return [Found(info["name"], int(info["size"]), _changed(info)) for info in wanted]

    def _hang_up(self) -> None:
        self.__dict__.pop("_opened", None)

    def _wanted(self, path: str) -> bool:
        name = PurePosixPath(path.replace("\\", "/"))
        return any(name.match(wanted) for pattern in self.patterns for wanted in with_backups(pattern))


def with_backups(pattern: str) -> tuple[str, ...]:
    """Give a pattern and those of the names LoggerNet gives the file when it is full."""
    stem = pattern.rpartition(".")[0] or pattern
    return (pattern, *(f"{base}.bak{digits}" for base in (stem, pattern) for digits in ("", "[0-9]*")))


def _changed(info: dict[str, Any]) -> int:
    value = next((info[key] for key in _CHANGED if info.get(key) is not None), 0.0)
    seconds = value.timestamp() if isinstance(value, datetime) else float(value)
    return round(seconds * 1e6)


@dataclass(frozen=True, slots=True)
class Head:
    """The beginning of a file: header and first row. ``whole``: both are complete, and will not change."""

    data: bytes
    whole: bool
    stamp_column: int = 0

    @property
    def identity(self) -> str:
        """What the file is known by, whatever its name."""
        return hashlib.blake2b(self.data, digest_size=10).hexdigest()

    @property
    def first_stamp(self) -> str:
        """The text of the first row's stamp: sorts files of one logger by age."""
        row = self.data.removeprefix(BOM).rstrip().rpartition(b"\n")[2]
        try:
            return cells(row.decode("ascii", "replace"))[self.stamp_column]
        except (HeaderError, IndexError):
            return ""


def read_lines(handle: IO[bytes], count: int) -> bytes:
    """Read the next ``count`` lines as far as they are complete."""
    lines: Iterator[bytes] = (handle.readline(LINE_LIMIT) for _ in range(count))
    whole: Iterator[bytes] = takewhile(lambda line: line.endswith(b"\n"), lines)
    return b"".join(whole)


def head_of(handle: IO[bytes], has_header: bool, stamp_column: int = 0) -> Head:
    """Read a file's head, as far as it is there."""
    first = handle.readline(LINE_LIMIT)
    wanted = HEADER_LINES if has_header and starts_header(first) else 0
    data = first + b"".join(handle.readline(LINE_LIMIT) for _ in range(wanted))
    return Head(data, data.count(b"\n") > wanted, stamp_column)
