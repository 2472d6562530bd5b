"""Writing to a station log: a write is safe from the death of the process as soon as it returns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from labmon_dagster import settings
from labmon_dagster.journal import Journal, QuickWriter, Written
from labmon_dagster.sources.line_protocol.parser import parse
from labmon_dagster.station_log.copies import Copies
from labmon_dagster.station_log.forked import polars_works

PORTION = 4 * 1024 * 1024  # bytes of an entry: a reader takes one at a time


class StationLog:
    """The journal ``asset`` ('eht/vlbimon') below ``root`` (default: the lab's), written in line protocol.

    Threads may share it, and processes that were forked or get it pickled; any number of processes may
    write the same log. ``csvlogfile`` and ``jsonlogfile`` are copies for people (`Copies`). What goes wrong
    behind a caller's back is logged, and told to ``on_error``. Raises ValueError for an ``asset`` that
    cannot name a journal.
    """

    def __init__(
        self,
        asset: str,
        root: Path | None = None,
        *,
        csvlogfile: Path | None = None,
        jsonlogfile: Path | None = None,
        on_error: Callable[[Exception], None] | None = None,
    ) -> None:
        journal = Journal(settings.journal_root() if root is None else root, asset)
        self._writer = QuickWriter(journal, on_error=on_error)
        self._copies = None
        if csvlogfile or jsonlogfile:
            self._copies = Copies(journal, csvlogfile, jsonlogfile, on_error)

    @property
    def journal(self) -> Journal:
        """Where the lines are, to be read by anyone."""
        return self._writer.journal

    def write(self, lines: bytes) -> Written:
        """Keep points, one a line in line protocol, each with its time in ns since 1970; all or none.

        They are one entry of the journal, or some if they are many; `Written.synced` waits for the disk.
        Raises ValueError for no line, and what `QuickWriter.append_many` raises.
        """
        written = self._writer.append_many(list(portions(lines)) if len(lines) > PORTION else _some(lines))
        if self._copies:
            self._copies.start()
        return written

    def sync(self, timeout: float | None = None) -> bool:
        """Wait, for ``timeout`` s at most, until the disk has all that was written; gives whether it has.

        Raises OSError if it could not be brought there.
        """
        return self._writer.sync(timeout)

    def close(self, timeout: float = 10.0) -> bool:
        """Take nothing more, sync what was written, and bring the copies up to date.

        Gives whether that was done, for each of both within ``timeout`` s. Raises OSError as `sync` does.
        """
        copied = self._copies is None or self._copies.close(timeout)
        return self._writer.close(timeout) and copied


def _some(lines: bytes) -> Sequence[bytes]:
    return (lines,) if lines.strip() else ()


def portions(lines: bytes) -> Iterator[bytes]:
    """Cut line protocol where a point ends, into pieces of `PORTION` bytes or hardly more.

    In a forked child, where polars cannot say where texts end, lines with texts are one piece.
    """
    start, size = 0, PORTION if b'"' not in lines or polars_works() else len(lines)
    while len(lines) - start > size:
        end = lines.rfind(b"\n", start, start + size) + 1
        end -= _open(lines[start:end])
        if end > start:
            yield lines[start:end]
            start, size = end, PORTION
        else:
            size *= 2  # a point is longer than that
    yield lines[start:]


def _open(lines: bytes) -> int:
    """How many bytes at the end belong to a point that goes on: a text in quotes may hold line ends."""
    return len(parse(lines, ended=False).rest) if b'"' in lines else 0
