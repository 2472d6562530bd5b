"""The journal of one source: append durably, read again by day and offset."""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import date
from pathlib import Path

from labmon_dagster.journal import disk, line
from labmon_dagster.journal.line import Damage, Entry, Meta
from labmon_dagster.journal.lock import exclusive
from labmon_dagster.model.window import day_of

_LOG = logging.getLogger(__name__)
_NOTHING: Meta = {}
_DAY_FILE = re.compile(r"\d{4}-\d\d-\d\d\.jsonl")
_LOCK = ".lock"


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

    def append(self, payload: bytes, meta: Meta = _NOTHING) -> Entry:
        """Keep one message; see `append_many`."""
        return self.append_many([(payload, meta)])[0]

    def append_many(self, messages: Iterable[tuple[bytes, Meta]]) -> list[Entry]:
        """Keep messages, all or none of them; returns when the disk has them.

        Raises ValueError for a message that could not be read back exactly, FormatError for a file of
        another version and OSError when the disk refuses; in all three cases nothing was kept.
        """
        batch = list(messages)  # before the lock: an iterable may take its time
        files: dict[str, disk.Appending] = {}
        with ExitStack() as held:
            if batch:
                held.enter_context(self.locked())
            try:
                entries = [self._add(files, held, payload, meta) for payload, meta in batch]
                for file in files.values():
                    file.write()
                for file in files.values():
                    file.sync()
            except BaseException:
                for file in files.values():
                    file.undo()
                raise
        return entries

    def _add(self, files: dict[str, disk.Appending], held: ExitStack, payload: bytes, meta: Meta) -> Entry:
        received = self._clock()
        raw = line.encode(received, payload, meta)
        day = day_of(received).isoformat()
        if day not in files:
            files[day] = held.enter_context(closing(disk.Appending(self._path(day), self.source)))
        offset = files[day].end
        files[day].add(raw)
        return Entry(received, payload, dict(meta), day, offset, offset + len(raw))

    def days(self) -> list[str]:
        """UTC days (YYYY-MM-DD) that have a file, the oldest first."""
        if not self.folder.is_dir():
            return []
        return sorted(f.stem for f in self.folder.iterdir() if _DAY_FILE.fullmatch(f.name) and f.is_file())

    def size(self, day: str) -> int:
        """Bytes of complete lines, header included, in the file of ``day``; 0 if there is none."""
        path = self._path(day)
        # Under the lock nothing is half-written: what a reader sees is never taken back.
        with self._lock_of_a_reader():
            if not path.exists():
                return 0
            with path.open("rb") as file:
                return disk.complete(file.fileno())

    def read(
        self, day: str, offset: int = 0, damaged: Callable[[Damage], None] | None = None
    ) -> Iterator[Entry]:
        """Entries of ``day`` from ``offset`` (0, or the end of an entry) to what is there at the first step.

        A line that is no entry is skipped and told to ``damaged``, which logs a warning by default. The
        first step raises FormatError for a file of another version, ValueError for an ``offset`` at
        which no line begins: the file is not the one that was read before.
        """
        end = self.size(day)
        if end == 0 == offset:
            return
        path = self._path(day)
        if offset > end:
            raise ValueError(f"{path} has {end} bytes, but was read up to {offset} before")
        with path.open("rb") as file:
            header = disk.header_size(file.fileno(), path)
            if offset and os.pread(file.fileno(), 1, offset - 1) != b"\n":
                raise ValueError(f"{path}: no line begins at byte {offset}")
            for begin, stop, raw in disk.forwards(file, max(offset, header), end):
                found = _parse(day, begin, stop, raw)
                if isinstance(found, Entry):
                    yield found
                else:
                    (damaged or self._warn)(found)

    def last(self, where: Callable[[Entry], bool] | None = None) -> Entry | None:
        """Find the newest entry (that satisfies ``where``): the one appended last to the latest day.

        Reads backwards from the end and passes over damaged lines. Raises FormatError as `read` does.
        """
        for day in reversed(self.days()):
            end, path = self.size(day), self._path(day)
            if end == 0:
                continue
            with path.open("rb") as file:
                header = disk.header_size(file.fileno(), path)
                for begin, stop, raw in disk.backwards(file.fileno(), header, end):
                    found = _parse(day, begin, stop, raw)
                    if isinstance(found, Entry) and (where is None or where(found)):
                        return found
        return None

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep every other writer out, so that looking and appending are one step.

        Within it the same thread may append and read. It waits for another holder without limit.
        """
        disk.make_folder(self.folder)
        with exclusive(self.folder / _LOCK):
            yield

    @contextmanager
    def _lock_of_a_reader(self) -> Iterator[None]:
        """Take the lock if there ever was a writer here; a reader creates nothing."""
        with ExitStack() as held:
            if (self.folder / _LOCK).exists():
                held.enter_context(exclusive(self.folder / _LOCK))
            yield

    def _warn(self, damage: Damage) -> None:
        _LOG.warning("%s: damaged line at byte %d: %s", self._path(damage.day), damage.offset, damage.reason)

    def _path(self, day: str) -> Path:
        if date.fromisoformat(day).isoformat() != day:
            raise ValueError(f"{day!r} is not a day as YYYY-MM-DD")
        return self.folder / f"{day}.jsonl"


def _checked_source(source: str) -> str:
    for part in source.split("/"):
        # A leading dot is the journal's own (.lock), a name ending in .jsonl would be taken for a day.
        if not part or part.startswith(".") or part.endswith(".jsonl") or "\0" in part:
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
