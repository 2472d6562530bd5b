"""Which stream a file is, and what the mark of a stream remembers of its file.

A file is the stream that its beginning names, under whatever name it lies. Of files that begin alike
each has a stream of its own.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from labmon_dagster.model import Mark, Position
from labmon_dagster.sources.loggernet.folder import Found, Head
from labmon_dagster.sources.loggernet.scan import Place

_EPOCH = datetime(1990, 1, 1, tzinfo=UTC)
_BACKUP = re.compile(r"\.bak\d*$")
_EXTENSION = re.compile(r"\.[A-Za-z]{1,4}$")
_AGE_BITS, _TWIN_BITS, _LINE_BITS = 31, 5, 27


@dataclass(frozen=True, slots=True)
class File:
    """A file that is to be read, and its stream."""

    found: Found
    stream: str
    head: Head

    @classmethod
    def of(cls, found: Found, head: Head) -> File:
        """Name the stream by the file's head, or by its name while the head is not whole."""
        return cls(found, head.identity if head.whole else f"name:{found.name}", head)

    @property
    def base(self) -> int:
        """The base for the places of the file's rows: first by age, then apart from files of the same age.

        It stays the same when LoggerNet renames the file, and when an unfinished first row is finished.
        """
        age = max(0, min(_age(self.head.first_stamp), (1 << _AGE_BITS) - 1))
        twin = int(digest(_stem(self.found.name).encode()), 16) % (1 << _TWIN_BITS)
        return ((age << _TWIN_BITS) + twin) << _LINE_BITS


def _stem(name: str) -> str:
    """The part of a file's name that LoggerNet's renaming leaves: a of a.dat, a.bak, a.bak1, a.dat.bak."""
    bare = _BACKUP.sub("", name)
    return bare.rpartition(".")[0] or bare if bare == name else _EXTENSION.sub("", bare)


def _age(stamp: str) -> int:
    """Seconds from 1990 to a stamp; 0 if it cannot be read."""
    try:
        return int((datetime.fromisoformat(stamp).replace(tzinfo=UTC) - _EPOCH).total_seconds())
    except ValueError:
        return 0


def told_apart(files: Iterable[File], kept: Collection[str], known: Position) -> list[File]:
    """Give each file a stream of its own, the oldest file first.

    A file keeps the stream it was known by under its name; other files that begin alike take those that
    are free, the largest first. ``kept`` are streams in use already.
    """
    taken = set(kept)
    named = {mark.notes.get("name"): stream for stream, mark in known.items()}
    ordered = sorted(files, key=lambda f: (f.head.first_stamp, -f.found.size, f.found.name))
    streams: dict[str, str] = {}
    for file in ordered:
        stream = named.get(file.found.name, "")
        if stream.partition("#")[0] == file.stream and stream not in taken:
            streams[file.found.name] = stream
            taken.add(stream)
    for file in ordered:
        if file.found.name not in streams:
            streams[file.found.name] = _free(file.stream, taken)
            taken.add(streams[file.found.name])
    return [replace(file, stream=streams[file.found.name]) for file in ordered]


def _free(stream: str, taken: Collection[str]) -> str:
    nth, name = 1, stream
    while name in taken:
        nth += 1
        name = f"{stream}#{nth}"
    return name


def mark_at(place: Place, name: str) -> Mark:
    """Make the mark for a place in a file."""
    return Mark(
        place.offset,
        {
            "name": name,
            "line": place.line,
            "last": place.last,
            "header_at": place.header_at,
            "refused": place.refused,
            "tail": digest(place.tail),
        },
    )


def place_of(mark: Mark, tail: bytes) -> Place | None:
    """Give the place back, if ``tail``, the bytes in front of it, are those that were scanned."""
    notes = mark.notes
    if not mark.offset or digest(tail) != notes.get("tail"):
        return None
    last = notes["last"]
    return Place(
        mark.offset,
        int(notes["line"] or 1),
        None if last is None else int(last),
        int(notes["header_at"] or 0),
        bool(notes.get("refused")),
        tail,
    )


def digest(data: bytes) -> str:
    """Give a short name to some bytes."""
    return hashlib.blake2b(data, digest_size=8).hexdigest()


class Looks:
    """What earlier looks remember of the files of a folder."""

    def __init__(self, known: Position) -> None:
        self._by_name: dict[object, list[tuple[str, Mark]]] = {}
        for stream, mark in known.items():
            self._by_name.setdefault(mark.notes.get("name"), []).append((stream, mark))

    def unchanged(self, found: Found) -> tuple[str, Mark] | None:
        """Stream and mark of a file that was read to its end and has not changed since."""
        for stream, mark in self._by_name.get(found.name, []):
            if still(found, mark):
                return None if mark.notes.get("open") and not mark.notes.get("taken") else (stream, mark)
        return None

    def named(self, found: Found) -> list[tuple[str, Mark]]:
        """Find the streams that lay under the name of this file."""
        return self._by_name.get(found.name, [])


def still(found: Found, mark: Mark) -> bool:
    """Whether the file stands as it stood when the mark was made at its end."""
    return (mark.notes.get("size"), mark.notes.get("changed")) == (found.size, found.changed)
