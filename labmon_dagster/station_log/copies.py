"""Copies of a station log for people: the same points as annotated CSV and as JSON lines.

The log is their source: one process of all that write it reads on where a copy ends. So nothing is left out
of a copy, whoever is killed; a process that is killed may leave its last moments there twice.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from labmon_dagster.journal import Journal
from labmon_dagster.journal.worker import EXIT_SECONDS, Worker, look_after
from labmon_dagster.replay.annotated import AnnotatedCsv
from labmon_dagster.replay.jsonl import JsonLines
from labmon_dagster.station_log.copy_file import CopyFile
from labmon_dagster.station_log.copying import Copying
from labmon_dagster.station_log.forked import polars_works

PAUSE = 0.2  # s from one look to the next
_LOG = logging.getLogger(__name__)


class Copies:
    """Appends the points of a log to the files there are, a moment after the log has them.

    A file that cannot be written is told to ``on_error``, once until it can be written again: then it gets
    what it lacks. Told are also points that a file cannot hold, and lines that are no points. A child that
    was forked copies nothing, where polars does not work: its parent does, or the next program.
    """

    def __init__(
        self,
        journal: Journal,
        csvlogfile: Path | None,
        jsonlogfile: Path | None,
        on_error: Callable[[Exception], None] | None = None,
    ) -> None:
        self._given = journal, csvlogfile, jsonlogfile, on_error
        self._on_error = on_error
        files = [CopyFile(csvlogfile, AnnotatedCsv)] if csvlogfile else []
        files += [CopyFile(jsonlogfile, JsonLines)] if jsonlogfile else []
        self._copying = [Copying(journal, file, self._tell) for file in files]
        self._worker = Worker(f"copies of {journal.source}", self._copy, PAUSE, lambda: None)
        look_after(self)

    def __reduce__(self) -> tuple[type[Copies], tuple[object, ...]]:
        return Copies, self._given

    def start(self) -> None:
        """Copy from now on."""
        if polars_works():
            self._worker.start()
            self._worker.wake()

    def close(self, timeout: float = 10.0) -> bool:
        """Copy what is in the log, for ``timeout`` s at most, and end; gives whether nothing is lacking."""
        if not self._worker.stop(timeout):
            return False
        for one in self._copying:
            one.leave()
        return not any(one.trouble for one in self._copying)

    def _copy(self) -> None:
        for one in self._copying:
            one.copy()
        self._worker.wake()  # others write the log too

    def _tell(self, error: Exception) -> None:
        _LOG.error("copies of %s: %s", self._given[0].source, error)
        if self._on_error:
            self._on_error(error)

    def after_fork(self) -> None:
        """Leave it to the parent."""
        self._worker = self._worker.anew()
        for one in self._copying:
            one.close_in_child()

    def at_exit(self) -> None:
        """Copy what is in the log."""
        self.close(EXIT_SECONDS)
