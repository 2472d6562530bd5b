"""The journal of one source: append durably, read again by day and offset."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from datetime import date
from pathlib import Path

from labmon_dagster.journal import disk, line
from labmon_dagster.journal.appending import Appending, Uncut
from labmon_dagster.journal.day import Day, Piece
from labmon_dagster.journal.line import NOTHING, Damage, Encoded, Entry, Message, Meta
from labmon_dagster.journal.lock import exclusive
from labmon_dagster.model.window import day_of

_LOG = logging.getLogger(__name__)
_DAY_FILE = re.compile(r"\d{4}-\d\d-\d\d\.jsonl(\.gz)?")
_STONE = re.compile(r"\d{4}-\d\d-\d\d\.pruned")
_ENDINGS = (".jsonl", ".jsonl.gz", ".pruned")
LOCK = ".lock"


class Journal:
    """Messages of ``source`` in ``root/source/<UTC day of receipt>.jsonl``, in the order they were appended.

    ``source`` may name folders ('ameriflux/46m'). ``clock`` gives ns since 1970; it is read under the
    journal's lock, so that a day's file stops growing when that day is over. Any number of processes
    and threads may write and read. Raises ValueError for a ``source`` that is not a relative path.
    """

    def __init__(self, root: Path, source: str, clock: Callable[[], int] = time.time_ns) -> None:
        self.source = _checked_source(source)
        self.folder = root.resolve() / source
        self._clock = clock
        self._uncut: dict[str, Uncut] = {}

    def now(self) -> int:
        """The time by the journal's clock, in ns since 1970."""
        return self._clock()

    def append(self, payload: bytes, meta: Meta = NOTHING) -> Entry:
        """Keep one message; see `append_many`."""
        return self.append_many([(payload, meta)])[0]

    def append_many(self, messages: Iterable[tuple[bytes, Meta] | Message]) -> list[Entry]:
        """Keep messages, all or none of them; returns when the disk has them.

        A message that knows when it was received goes to the file of that day, any other to the clock's.
        Raises ValueError for a message that could not be read back exactly, FileError for a file of
        another version or without its header, and OSError when the disk refuses; in all of these cases
        nothing was kept.
        """
        batch = [Message(*one) for one in messages]  # before the lock: an iterable may take its time
        if not batch:
            return []
        with self.locked():
            return self.append_encoded([self._encoded(message) for message in batch])

    def _encoded(self, message: Message) -> Encoded:
        payload, meta, received = message
        received = self.now() if received is None else received
        return Encoded(received, payload, meta, line.encode(received, payload, meta))

    def append_encoded(self, lines: Sequence[Encoded]) -> list[Entry]:
        """Keep messages as `append_many` does, whose lines are made already."""
        files: dict[str, Appending] = {}
        with ExitStack() as held:
            held.enter_context(self.locked())
            try:
                entries = [self._add(files, held, one) for one in lines]
                for file in files.values():
                    file.write()
                for file in files.values():
                    file.sync()
            except BaseException:
                for day, file in files.items():
                    if uncut := file.undo():
                        self._uncut[day] = uncut
                raise
        return entries

    def _add(self, files: dict[str, Appending], held: ExitStack, one: Encoded) -> Entry:
        day = day_of(one.received).isoformat()
        if day not in files:
            opened = Appending(self.day(day), self.source, self._uncut.get(day))
            files[day] = held.enter_context(closing(opened))
            self._uncut.pop(day, None)
        offset = files[day].end
        files[day].add(one.raw)
        return Entry(one.received, one.payload, dict(one.meta), day, offset, offset + len(one.raw))

    def days(self) -> list[str]:
        """UTC days (YYYY-MM-DD) that have something to be read, the oldest first."""
        with self._lock_of_a_reader():
            found = self._named(_DAY_FILE)
            pruned = set(self._named(_STONE))
            return [day for day in found if day not in pruned or self.day(day).there()]

    def _named(self, pattern: re.Pattern[str]) -> list[str]:
        if not self.folder.is_dir():
            return []
        files = (f.name for f in self.folder.iterdir() if pattern.fullmatch(f.name) and f.is_file())
        return sorted({name.partition(".")[0] for name in files})

    def pruned(self, day: str) -> bool:
        """Whether what ``day`` held was removed on purpose; entries that came later may be there."""
        return self.day(day).pruned() > 0

    def pruned_days(self) -> list[str]:
        """UTC days of which something was pruned, the oldest first."""
        return self._named(_STONE)

    def size(self, day: str) -> int:
        """Bytes of ``day`` up to its last complete line, headers and what was pruned included.

        0 if there never was anything. Nothing is decompressed for it.
        """
        files = self.day(day)
        # Under the lock nothing is half-written: what a reader sees is never taken back.
        with self._lock_of_a_reader():
            return files.end()

    def read(
        self, day: str, offset: int = 0, damaged: Callable[[Damage], None] | None = None
    ) -> Iterator[Entry]:
        """Entries of ``day`` from ``offset`` (0, or the end of an entry) to what is there at the first step.

        A line that is no entry is skipped and told to ``damaged``, which logs a warning by default. What
        was pruned is passed over. The first step raises FormatError for a file of another version,
        ValueError for an ``offset`` at which no line begins: the file is not the one that was read
        before. FileError, at any step, says that a file is damaged or missing, so that more cannot be read.
        """
        files = self.day(day)
        with ExitStack() as held:
            with self._lock_of_a_reader():
                end, pieces = files.end(), files.opened(held)
            if offset > end:
                raise ValueError(f"{files.plain} has {end} bytes, but was read up to {offset} before")
            files.check_complete(pieces, offset)
            wanted = [piece for piece in pieces if piece.end > offset]
            for piece in wanted:
                piece.check(offset)
            for piece in wanted:
                yield from self._entries(files, piece, offset, damaged or self._warn)

    def _entries(
        self, files: Day, piece: Piece, offset: int, damaged: Callable[[Damage], None]
    ) -> Iterator[Entry]:
        for begin, stop, raw in piece.lines(offset):
            found = _parse(files.name, begin, stop, raw)
            if isinstance(found, Entry):
                yield found
            elif line.header_at(raw, piece.path) != begin:
                damaged(found)

    def last(self, where: Callable[[Entry], bool] | None = None) -> Entry | None:
        """Find the newest entry (that satisfies ``where``): the one appended last to the latest day.

        Plain files are read backwards from the end, compressed ones from their beginning; damaged lines
        are passed over. Raises FileError as `read` does.
        """
        newest = (self.newest(day, where) for day in reversed(self.days()))
        return next((found for found in newest if found), None)

    def newest(self, day: str, where: Callable[[Entry], bool] | None = None) -> Entry | None:
        """Find the entry appended last to ``day`` (that satisfies ``where``), as `last` does."""
        files = self.day(day)
        with ExitStack() as held:
            with self._lock_of_a_reader():
                pieces = files.opened(held)
            files.check_complete(pieces)
            for piece in reversed(pieces):
                piece.check(0)
                if found := _last(day, piece, where):
                    return found
        return None

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep every other writer out, so that looking and appending are one step.

        Within it the same thread may append and read. It waits for another holder without limit.
        """
        disk.make_folder(self.folder)
        with exclusive(self.folder / LOCK):
            yield

    @contextmanager
    def _lock_of_a_reader(self) -> Iterator[None]:
        """Take the lock if there ever was a writer here; a reader creates nothing."""
        with ExitStack() as held:
            if (self.folder / LOCK).exists():
                held.enter_context(exclusive(self.folder / LOCK))
            yield

    def _warn(self, damage: Damage) -> None:
        _LOG.warning(
            "%s: damaged line at byte %d: %s", self.day(damage.day).plain, damage.offset, damage.reason
        )

    def day(self, name: str) -> Day:
        """The files of a day; raises ValueError for a name that is no day."""
        if date.fromisoformat(name).isoformat() != name:
            raise ValueError(f"{name!r} is not a day as YYYY-MM-DD")
        return Day(self.folder, name)


def _checked_source(source: str) -> str:
    for part in source.split("/"):
        # A leading dot is the journal's own (.lock), and a name that ends so would be taken for a day.
        if not part or part.startswith(".") or part.endswith(_ENDINGS) or "\0" in part:
            raise ValueError(f"{source!r} cannot name a journal: it must be a relative path without '..'")
    return source


def _parse(day: str, begin: int, end: int, raw: bytes) -> Entry | Damage:
    if disk.too_long(begin, end):
        return Damage(day, begin, raw, f"a line of {end - begin} bytes", end)
    try:
        received, payload, meta = line.decode(raw)
    except ValueError as error:
        return Damage(day, begin, raw, str(error), end)
    return Entry(received, payload, meta, day, begin, end)


def _last(day: str, piece: Piece, where: Callable[[Entry], bool] | None) -> Entry | None:
    newest = None
    for begin, end, raw in piece.lines() if piece.packed else piece.backwards():
        found = _parse(day, begin, end, raw)
        if isinstance(found, Entry) and (where is None or where(found)):
            if not piece.packed:
                return found
            newest = found
    return newest
