"""How far each dump file was read: a small file, which may be lost without harm."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path

import msgspec

from labmon_dagster.journal import disk

_LOG = logging.getLogger(__name__)


class State(StrEnum):
    """What is to be done about a file that does not change: go on reading, wait for its end, or nothing."""

    MORE = "more"
    WAITING = "waiting"
    ENDED = "ended"


class Noted(msgspec.Struct, frozen=True):
    """What is known of a file.

    ``changed`` (UTC ns) and ``size`` are those of the last look, ``inode`` and ``digest`` (of the beginning
    and the end of so many bytes) say whether it is the same file still. ``offset`` and ``line``: where
    reading goes on in its text; an event that was cut off begins there, and is read again if the file grows.
    """

    inode: int
    changed: int
    size: int
    digest: str
    offset: int
    line: int
    state: State


class Notes:
    """The notes on the files of one folder, by name."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._files = _read(path)

    def of(self, name: str) -> Noted | None:
        """Give what is known of a file."""
        return self._files.get(name)

    def keep(self, names: Iterable[str]) -> None:
        """Forget the files that are not there any more. Raises OSError."""
        gone = self._files.keys() - set(names)
        for name in gone:
            del self._files[name]
        if gone:
            self._write()

    def note(self, noted: Mapping[str, Noted]) -> None:
        """Note what was read of some files, by name. Raises OSError."""
        if any(self._files.get(name) != one for name, one in noted.items()):
            self._files |= noted
            self._write()

    def _write(self) -> None:
        disk.make_folder(self._path.parent)
        disk.create(self._path, msgspec.json.encode(self._files))


def _read(path: Path) -> dict[str, Noted]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Noted])
    except FileNotFoundError:
        return {}
    except msgspec.MsgspecError as error:
        _LOG.warning("%s: %s; all files are read from their beginnings", path, error)
        return {}
