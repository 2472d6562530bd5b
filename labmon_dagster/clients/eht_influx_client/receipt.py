"""What write() gives back: the points are in the station log; whether the disk has them can be asked."""

from __future__ import annotations

import multiprocessing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from labmon_dagster.journal import Written


class Receipt:
    """A write that has happened: it survives the death of the process. `get` waits for the disk.

    Used as the AsyncResult of the official client is. ``rows`` counts the points that were written,
    ``skipped`` those that had no value to be written.
    """

    def __init__(self, written: Written | None, rows: int, skipped: int) -> None:
        self._written = written
        self.rows = rows
        self.skipped = skipped

    def __repr__(self) -> str:
        return f"Receipt(rows={self.rows}, skipped={self.skipped})"

    def ready(self) -> bool:
        """Whether the disk has it. Raises OSError where the disk has failed."""
        return self._synced(0.0)

    def successful(self) -> bool:
        """Whether the disk has it. Raises ValueError while that is not known yet."""
        try:
            if self.ready():
                return True
        except OSError:
            return False
        raise ValueError("the write is not on the disk yet; wait() waits for it")

    def wait(self, timeout: float | None = None) -> None:
        """Wait, for ``timeout`` s at most, until the disk has it or has failed."""
        try:
            self._synced(timeout)
        except OSError:
            return  # `get` and `successful` tell it, as those of AsyncResult do

    def get(self, timeout: float | None = None) -> None:
        """Wait until the disk has it. Raises multiprocessing.TimeoutError; OSError where the disk failed."""
        if not self._synced(timeout):
            raise multiprocessing.TimeoutError(f"the disk has not taken the write within {timeout:g} s")

    def _synced(self, timeout: float | None) -> bool:
        return self._written is None or self._written.synced(timeout)
