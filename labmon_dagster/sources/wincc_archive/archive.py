"""An archive as the reader sees it: something that opens connections, which give frames for statements."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol, TypeVar

import polars as pl
import stamina

from labmon_dagster.model import SourceError
from labmon_dagster.sources.wincc_archive.statements import Dialect, Statement

BATCH = 50_000
_ATTEMPTS = 6
_LONGEST_WAIT = 10.0
T = TypeVar("T")


class LostError(Exception):
    """The connection is gone, or cannot be made just now: the same may succeed in a moment."""


class Connection(Protocol):
    """One session, which sees the archive as it was when the session began."""

    def frames(self, statement: Statement, size: int = BATCH) -> Iterator[pl.DataFrame]:
        """Give the result, about ``size`` rows at a time, at least one frame with its columns.

        Numbers come as Float64 or Int64, times as Datetime or text. Raises LostError, SourceError.
        """
        ...

    def close(self) -> None:
        """End the session. Never raises."""
        ...


class Archive(Protocol):
    """A database that can be connected to."""

    @property
    def dialect(self) -> Dialect:
        """Which SQL it speaks."""
        ...

    @property
    def shown(self) -> str:
        """Name the database, without any secret."""
        ...

    def connect(self) -> Connection:
        """Open a session. Raises LostError, SourceError."""
        ...


def patiently(work: Callable[[], T], archive: Archive) -> T:
    """Do ``work``, again where the connection is lost. Raises SourceError when that does not help."""
    try:
        for attempt in stamina.retry_context(
            on=LostError, attempts=_ATTEMPTS, timeout=None, wait_initial=0.2, wait_max=_LONGEST_WAIT
        ):
            with attempt:
                return work()
    except LostError as error:
        raise SourceError(f"{archive.shown}: {error} (tried {_ATTEMPTS} times)") from error
    raise AssertionError("an attempt either returns or raises")
