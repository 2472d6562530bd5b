"""A dated journal as a source: its entries understood day by day, and what cannot be understood.

A journal is filed by the UTC day of receipt, and so are the days of its assets: each day of the asset is
one stream, read from the journal's file of that day alone.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import ClassVar, Generic, NamedTuple, TypeVar

import msgspec

from labmon_dagster.journal.journal import Journal
from labmon_dagster.journal.line import Damage, Entry, FileError
from labmon_dagster.model import Mark, Position, Reject, Request, SourceError
from labmon_dagster.model.position import grown
from labmon_dagster.model.window import day_of, days_between

T = TypeVar("T")
_LOG = logging.getLogger(__name__)
_PORTION_BYTES = 4 * 1024 * 1024
_SHOWN = 1 << 16


class Portion(NamedTuple, Generic[T]):
    """Some entries of a day as they were understood, in their order, and where the day stands.

    ``rejects``: what of them cannot be understood.
    """

    stream: str
    mark: Mark
    told: Sequence[T]
    rejects: tuple[Reject, ...]


class _Where(msgspec.Struct):
    """Where a rejected entry begins: what is needed to read it again."""

    day: str
    offset: int
    device: str


@dataclass(frozen=True)
class JournalReader(ABC, Generic[T]):
    """The journal of an asset from the day ``start`` on; `understood` says what an entry of it means.

    ``AT_ONCE``: so many entries are read together, at most.
    """

    AT_ONCE: ClassVar[int] = 2000

    journal: Journal
    start: date

    @abstractmethod
    def understood(self, entry: Entry) -> T:
        """Give what an entry says. Raises ValueError, with the reason, for one that says nothing."""

    def whose(self, entry: Entry) -> str:
        """Name who said it, for people; '' where nobody is to be named."""
        return ""

    def stream_of(self, day: date) -> str:
        """Give the stream in which all of a day lies."""
        return day.isoformat()

    def news(self, known: Position) -> bool:
        """Whether anything was journalled behind the marks of ``known``."""
        return bool(grown(known, self._ends(known)))

    def portions(self, request: Request, trouble: list[str]) -> Iterator[Portion[T]]:
        """Read the days of the window behind ``since``; and what has come to other days that were read.

        Such a day grows late if the clock was set back. A file that cannot be read is told in ``trouble``,
        and keeps no other day from being read.
        """
        asked = {day.isoformat() for day in _days_of(request)}
        wanted = asked.union(grown(request.known, self._ends(request.known)))
        for day in sorted(wanted.intersection(self._days())):
            since = request.since if day in asked else request.known
            try:
                yield from self._portions(day, _offset(since, day))
            except FileError as error:
                trouble.append(str(error))

    def pruned(self, day: date) -> bool:
        """Whether a day was removed from the journal on purpose."""
        return self.journal.pruned(day.isoformat())

    def again(self, reject: Reject) -> Portion[T]:
        """Read a rejected entry again. Raises SourceError if the journal does not have it any more."""
        where = msgspec.json.decode(reject.context, type=_Where)
        try:
            entries = self.journal.read(where.day, where.offset, lambda damage: None)
            entry = next((one for one in entries if one.offset == where.offset), None)
        except (ValueError, OSError) as error:
            raise SourceError(f"{reject.place}: {error}") from error
        if entry is None:
            raise SourceError(f"{reject.place}: the journal holds no whole entry there")
        return self._portion(where.day, Mark(entry.end), [entry], [])

    def reject(self, entry: Entry, reason: str, part: bytes | None = None) -> Reject:
        """Give an entry (or a part of what it says) back as one that cannot be used, with the reason."""
        where = _Where(entry.day, entry.offset, self.whose(entry))
        place = f"{self._path(entry.day)}:{entry.offset} {where.device}".rstrip()
        return _rejected(reason, entry.payload if part is None else part, place, entry.day, where)

    def _ends(self, known: Position) -> dict[str, int]:
        """Say where the files of the days in ``known`` end, as far as they can be read."""
        ends: dict[str, int] = {}
        for day in self._days():
            try:
                ends |= {day: self.journal.size(day)} if day in known else {}
            except FileError as error:
                _LOG.warning("%s", error)
        return ends

    def _days(self) -> list[str]:
        return [day for day in self.journal.days() if day >= self.start.isoformat()]

    def _portions(self, day: str, reached: int) -> Iterator[Portion[T]]:
        damages: list[Damage] = []
        for read in self._entries(day, reached, damages):
            reached = max([reached, *(one.end for one in read), *(one.end for one in damages)])
            yield self._portion(day, Mark(reached), read, damages)
            damages.clear()

    def _entries(self, day: str, offset: int, damages: list[Damage]) -> Iterator[list[Entry]]:
        """Give entries some at a time, in the end none; all, if the file is not the one read before."""
        entries = self.journal.read(day, offset, damages.append)
        try:
            read = _some(entries, self.AT_ONCE)
        except FileError:
            raise
        except ValueError as error:
            _LOG.warning("%s; it is read from its beginning", error)
            entries = self.journal.read(day, 0, damages.append)
            read = _some(entries, self.AT_ONCE)
        while read:
            yield read
            read = _some(entries, self.AT_ONCE)
        yield []

    def _portion(self, day: str, mark: Mark, entries: list[Entry], damages: list[Damage]) -> Portion[T]:
        told: list[T] = []
        rejects = [self._damaged(one) for one in damages]
        for entry in entries:
            try:
                _check_filed(entry)
                told.append(self.understood(entry))
            except ValueError as error:
                rejects.append(self.reject(entry, str(error)))
        return Portion(day, mark, told, tuple(rejects))

    def _damaged(self, damage: Damage) -> Reject:
        where = _Where(damage.day, damage.offset, "")
        reason = f"a damaged line of the journal: {damage.reason}"
        return _rejected(reason, damage.raw, f"{self._path(damage.day)}:{damage.offset}", damage.day, where)

    def _path(self, day: str) -> Path:
        return Path(self.journal.source) / day


def _some(entries: Iterator[Entry], most: int) -> list[Entry]:
    """Take the next entries: as many as memory holds easily, and one at least."""
    taken: list[Entry] = []
    size = 0
    while len(taken) < most and size < _PORTION_BYTES and (entry := next(entries, None)):
        taken.append(entry)
        size += len(entry.payload)
    return taken


def _check_filed(entry: Entry) -> None:
    if (day := day_of(entry.received).isoformat()) != entry.day:
        raise ValueError(f"it says that it was received on {day}, but stands in the file of {entry.day}")


def _rejected(reason: str, raw: bytes, place: str, day: str, where: _Where) -> Reject:
    return Reject(reason, shown(raw), place, date.fromisoformat(day), msgspec.json.encode(where).decode())


def shown(raw: bytes) -> str:
    """Give what a reject shows of something raw."""
    return raw[:_SHOWN].decode(errors="backslashreplace")


def _offset(position: Position, day: str) -> int:
    return position[day].offset if day in position else 0


def _days_of(request: Request) -> list[date]:
    return days_between(day_of(request.window.start), day_of(request.window.end - 1))
