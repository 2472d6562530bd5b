"""Many messages, few syncs: one thread per journal writes what has gathered, and tells when it is safe."""

from __future__ import annotations

import logging
import math
import threading
import time
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress

from labmon_dagster.journal import line
from labmon_dagster.journal.journal import Journal
from labmon_dagster.journal.line import NOTHING, Encoded, Entry, Meta
from labmon_dagster.journal.space import EVERY, Space, mebibytes
from labmon_dagster.model.window import SECOND, instant_text

MIB = 2**20
RETRY = 1.0  # seconds
_EACH = 200  # bytes that a message takes in memory beside its payload, about
_LOG = logging.getLogger(__name__)


class Refusing(Exception):  # noqa: N818 - it is a state, which passes
    """A message was not taken; the text says why, where, and since when."""


class _Waiting:
    """A message that is to be kept, and whoever waits for it."""

    __slots__ = ("encoded", "future", "message", "size")

    def __init__(self, payload: bytes, meta: Meta, received: int) -> None:
        self.message = payload, meta, received
        self.size = len(payload) + _EACH
        self.encoded: Encoded | None = None
        self.future: Future[Entry] = Future()

    def encode(self) -> Encoded | None:
        """Make its line, once. A message that no line can hold fails, alone: None."""
        if self.encoded is None:
            payload, meta, received = self.message
            try:
                self.encoded = Encoded(received, payload, meta, line.encode(received, payload, meta))
            except Exception as error:
                self.fail(error)
        return self.encoded

    def fail(self, error: Exception) -> None:
        with suppress(InvalidStateError):
            self.future.set_exception(error)

    def succeed(self, entry: Entry) -> None:
        with suppress(InvalidStateError):
            self.future.set_result(entry)


class GroupWriter:
    """Appends to a journal for many senders at once, in a thread of its own.

    A message is on disk at most ``flush_seconds`` after it was submitted, if the disk is well. While
    the disk refuses, what was accepted waits in memory and is tried again every second, and nothing more
    is taken; nor when more than ``limit_bytes`` wait, nor when less than ``reserve_bytes`` are free.
    Several writers, also of other processes, may share a journal.
    """

    def __init__(
        self,
        journal: Journal,
        *,
        flush_seconds: float = 0.1,
        limit_bytes: int = 64 * MIB,
        reserve_bytes: int = 256 * MIB,
    ) -> None:
        self.journal = journal
        self._pause = flush_seconds / 2  # the other half is for the disk
        self._limit = limit_bytes
        self._space = Space(journal.folder, reserve_bytes)
        self._space.look()
        self._wake = threading.Condition(threading.Lock())
        self._new: list[_Waiting] = []
        self._batch: list[_Waiting] = []
        self._bytes = self._count = self._flushed = self._stamp = 0
        self._trouble: str | None = None
        self._since = ""
        self._error: Exception | None = None
        self._closed = self._given_up = self._lost = False
        self._thread = threading.Thread(target=self._run, name=f"journal {journal.source}", daemon=True)
        self._thread.start()

    @property
    def refusing(self) -> str | None:
        """Why messages are not taken now; None if they are."""
        if self._closed:
            return f"the journal {self.journal.source} is closed"
        if self._trouble or self._space.refusing:
            return self._trouble or self._space.refusing
        if self._bytes > self._limit:
            many = f"{self._count} messages ({mebibytes(self._bytes)})"
            return f"{many} wait for the disk of {self.journal.folder}"
        return None

    @property
    def warning(self) -> str | None:
        """What will be a reason to refuse before long; None if all is well."""
        return self._trouble or self._space.warning

    @property
    def waiting(self) -> int:
        """Messages that were accepted and are not on disk yet."""
        return self._count

    @property
    def flushed(self) -> int:
        """Messages that were brought to the disk."""
        return self._flushed

    def submit(self, payload: bytes, meta: Meta = NOTHING, received: int | None = None) -> Future[Entry]:
        """Accept a message, received at ``received`` (ns since 1970) or now; never waits for the disk.

        The future gives its entry when the disk has it, or raises ValueError if it could not be read back
        exactly. Raises Refusing.
        """
        with self._wake:
            if reason := self.refusing:
                raise Refusing(reason)
            waiting = _Waiting(payload, meta, self._now() if received is None else received)
            self._new.append(waiting)
            self._bytes += waiting.size
            self._count += 1
            if len(self._new) == 1:
                self._wake.notify()
        return waiting.future

    def _now(self) -> int:
        now = time.time_ns()
        if now <= self._stamp <= now + SECOND:
            now = self._stamp + 1
        self._stamp = now
        return now

    def close(self, timeout: float = 10.0) -> bool:
        """Take nothing more, and write what was accepted, for ``timeout`` s at most.

        Returns whether all was written. The futures of what was not raise the OSError that hindered it.
        """
        with self._wake:
            self._closed = True
            self._wake.notify()
        self._thread.join(timeout)
        with self._wake:
            self._given_up = True
            left, self._new = self._batch + self._new, []
            self._wake.notify()
        for one in left:
            one.fail(self._hindrance(timeout))
        self._lost = self._lost or bool(left)
        self._thread.join(RETRY if left else None)
        return not self._lost

    def _hindrance(self, timeout: float) -> OSError:
        if isinstance(self._error, OSError):
            return self._error
        return OSError(str(self._error or f"{self.journal.folder}: not written within {timeout} s"))

    def _run(self) -> None:
        begun = -RETRY
        while self._gather(begun):
            begun = time.monotonic()
            self._flush()

    def _gather(self, begun: float) -> bool:
        """Wait until there is something to write, and its time has come; False: stop."""
        while True:
            self._space.look()  # not under the lock: a disk that hangs must not hold up senders
            with self._wake:
                if self._given_up or (self._closed and not self._batch and not self._new):
                    return False
                delay = self._due(begun) - time.monotonic()
                if delay <= 0:
                    self._batch += self._new
                    self._new = []
                    return True
                self._wake.wait(min(delay, EVERY))

    def _due(self, begun: float) -> float:
        """When to write next, if the last time was ``begun``: both in s of the monotonic clock."""
        if self._trouble:
            return begun + RETRY
        if not self._new:
            return math.inf
        return begun if self._closed else begun + self._pause

    def _flush(self) -> None:
        """Write the batch; on an error of the disk it stays. No error ends the thread."""
        lines = {one: encoded for one in self._batch if (encoded := one.encode())}
        try:
            entries = self.journal.append_encoded(list(lines.values()))
        except Exception as error:
            self._hindered(error)
            return
        with self._wake:
            done, self._batch = self._batch, []
            self._bytes -= sum(one.size for one in done)
            self._count -= len(done)
            self._flushed += len(entries)
        self._recovered()
        for one, entry in zip(lines, entries, strict=True):
            one.succeed(entry)

    def _hindered(self, error: Exception) -> None:
        self._error = error
        said = (error.strerror if isinstance(error, OSError) else None) or str(error)
        if self._trouble is None:
            _LOG.error("%s cannot be written: %s", self.journal.folder, said)
            self._since = instant_text(time.time_ns())
        self._trouble = f"{self.journal.folder} cannot be written since {self._since}: {said}"

    def _recovered(self) -> None:
        if self._trouble:
            _LOG.warning("%s can be written again", self.journal.folder)
            self._trouble = self._error = None
