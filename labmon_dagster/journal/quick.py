"""Appending within a fraction of a millisecond: one write before it returns, the sync soon after."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from labmon_dagster.journal import line
from labmon_dagster.journal.appending import Uncut
from labmon_dagster.journal.journal import LOCK, Journal
from labmon_dagster.journal.line import NOTHING, Meta
from labmon_dagster.journal.lock import Kept
from labmon_dagster.journal.open_day import OpenDay
from labmon_dagster.journal.worker import EXIT_SECONDS, Worker, look_after
from labmon_dagster.journal.writer import Refusing
from labmon_dagster.model.window import DAY, day_of

_LOG = logging.getLogger(__name__)


class _Round:
    """Writes that one sync brings to the disk, the files they are in, and what is to be closed then."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self.files: set[OpenDay] = set()
        self.left: set[OpenDay] = set()
        self.done = threading.Event()
        self.error: OSError | None = None


class Written:
    """Entries that were written together: their UTC ``day``, the bytes from ``offset`` to ``end`` of it.

    ``received`` is their time, in ns since 1970.
    """

    __slots__ = ("_round", "day", "end", "offset", "received")

    def __init__(self, round_: _Round, day: str, offset: int, end: int, received: int) -> None:
        self._round = round_
        self.day, self.offset, self.end, self.received = day, offset, end, received

    def synced(self, timeout: float | None = None) -> bool:
        """Wait, for ``timeout`` s at most, until the disk has them; gives whether it has.

        Raises OSError if it could not be brought there: then they may be gone after a power cut. Raises
        RuntimeError in a child that was forked since, which knows nothing of the parent's disk.
        """
        if self._round.process != os.getpid():
            raise RuntimeError(f"process {self._round.process} wrote it, and it alone knows of the sync")
        done = self._round.done.wait(timeout)
        if self._round.error:
            raise self._round.error
        return done


class QuickWriter:
    """Appends to a journal; what `append` has returned for survives the death of the process.

    A thread brings it to the disk within ``sync_seconds``, if the disk is well. Threads share a writer;
    processes may share a journal; a forked child goes on with the writer of its parent. What the disk
    says against a sync is told to ``on_error``, to `Written.synced`, and by the next append, once.
    """

    def __init__(
        self,
        journal: Journal,
        *,
        sync_seconds: float = 0.1,
        on_error: Callable[[Exception], None] | None = None,
    ) -> None:
        self.journal = journal
        self._settings: dict[str, Any] = {"sync_seconds": sync_seconds, "on_error": on_error}
        self._on_error = on_error
        # The other half of the time is for the disk.
        self._worker = Worker(f"sync {journal.source}", self._sync, sync_seconds / 2, self._rest)
        self._begin()
        look_after(self)

    def _begin(self) -> None:
        self._lock = Kept(self.journal.folder / LOCK)
        self._mine = threading.RLock()  # of what is to be synced; never held while anything waits
        self._file: OpenDay | None = None
        self._uncut: Uncut | None = None
        self._round, self._under_way = _Round(), _Round()
        self._under_way.done.set()
        self._trouble: OSError | None = None
        self._known_day = "", 0  # and the instant at which it begins

    def __reduce__(self) -> tuple[Callable[..., QuickWriter], tuple[Journal]]:
        return partial(QuickWriter, **self._settings), (self.journal,)

    def append(self, payload: bytes, meta: Meta = NOTHING, received: int | None = None) -> Written:
        """Keep one message; see `append_many`."""
        return self.append_many((payload,), meta, received)

    def append_many(
        self, payloads: Sequence[bytes], meta: Meta = NOTHING, received: int | None = None
    ) -> Written:
        """Keep one message or more as an entry each, by one write; all or none of them.

        They are received at ``received`` (ns since 1970), or now. Raises ValueError for no message, and
        for one that could not be read back exactly; FileError for a file of another version or without
        its header; Refusing after `close`; OSError, with the path, when the disk refuses, and once after
        it has failed to sync what was written before. In all of these cases nothing was kept.
        """
        if not payloads:
            raise ValueError("there is no message to append")
        received = self.journal.now() if received is None else received
        raw = b"".join([line.encode(received, payload, meta) for payload in payloads])
        self._raise_trouble()
        self._worker.start()
        return self._put(self._day_of(received), raw, received)

    def _day_of(self, received: int) -> str:
        day, begin = self._known_day
        if not day or not 0 <= received - begin < DAY:
            day = day_of(received).isoformat()
            self._known_day = day, received // DAY * DAY
        return day

    def _raise_trouble(self) -> None:
        if self._trouble:
            with self._mine:
                trouble, self._trouble = self._trouble, None
            if trouble:
                raise trouble

    def _put(self, day: str, raw: bytes, received: int) -> Written:
        with self._lock:
            file = self._file
            if file and file.day == day and (size := file.size()) is not None:
                return self._written(file, size, raw, received)
        self._lock.close()  # the folder may be another one by now, and has another lock then
        with self._lock:
            file = self._opened(day)
            size = file.size()
            if size is None:
                raise FileNotFoundError(2, "was removed as soon as it was opened", file.path)
            return self._written(file, size, raw, received)

    def _opened(self, day: str) -> OpenDay:
        self._leave()
        self._file = OpenDay.open(self.journal.day(day), self.journal.source)
        return self._file

    def _leave(self) -> None:
        """Let go of the day's file, as soon as what was written to it is synced."""
        file, self._file = self._file, None
        if file:
            with self._mine:
                self._round.left.add(file)
                self._worker.wake()

    def _written(self, file: OpenDay, size: int, raw: bytes, received: int) -> Written:
        if self._worker.stopping:
            raise Refusing(f"the journal {self.journal.source} is closed")
        try:
            if self._uncut:
                self._uncut.cut(file.fd)
                self._uncut, size = None, file.size() or 0
            end = self._all_or_nothing(file, size, raw)
        except OSError as error:
            raise OSError(error.errno, error.strerror, file.path) from error
        with self._mine:
            round_ = self._round
            if file not in round_.files:
                round_.files.add(file)
                self._worker.wake()
        return Written(round_, file.day, end - len(raw), end, received)

    def _all_or_nothing(self, file: OpenDay, size: int, raw: bytes) -> int:
        try:
            return file.write(raw, size)
        except BaseException:
            self._uncut = file.undo(size)
            raise

    def sync(self, timeout: float | None = None) -> bool:
        """Wait, for ``timeout`` s at most, until the disk has all that was written; gives whether it has.

        Raises OSError if it could not be brought there.
        """
        with self._mine:
            rounds = [self._under_way, *([self._round] if self._round.files else [])]
        return all(Written(one, "", 0, 0, 0).synced(timeout) for one in rounds)

    def close(self, timeout: float = 10.0) -> bool:
        """Take nothing more, and sync what was written, for ``timeout`` s at most; gives whether it was.

        Raises OSError if the disk failed to, and nobody was told yet.
        """
        if not self._worker.stop(timeout):
            return False
        self._rest()
        self._sync()
        self._raise_trouble()
        return True

    def _rest(self) -> None:
        # It may be the file of a day that was removed, and keeps its place on the disk.
        with self._lock.threads:
            self._leave()
            self._lock.close()

    def _sync(self) -> None:
        with self._mine:
            round_, self._round = self._round, _Round()
            self._under_way = round_
        for file in round_.files | round_.left:
            try:
                if file in round_.files:
                    file.sync()
                if file in round_.left:
                    file.close()
            except OSError as error:
                round_.error = OSError(error.errno, error.strerror, file.path)
        round_.done.set()
        if round_.error:
            self._failed(round_.error)

    def _failed(self, error: OSError) -> None:
        _LOG.error("%s may lose its latest entries in a power cut: %s", self.journal.source, error)
        self._trouble = error
        try:
            if self._on_error:
                self._on_error(error)
        except Exception:
            _LOG.exception("%s: what is to be told of errors has failed itself", self.journal.source)

    def after_fork(self) -> None:
        """Be a writer of the child; what the parent has written, the parent syncs."""
        for one in (self._round, self._under_way):
            for file in one.files | one.left:
                file.close()
        if self._file:
            self._file.close()
        self._lock.close_in_child()
        self._worker = self._worker.anew()
        self._begin()

    def at_exit(self) -> None:
        """Sync what was written; what the disk says against it stands in the log."""
        with suppress(OSError):
            self.sync(EXIT_SECONDS)
