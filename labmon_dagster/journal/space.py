"""How much room the disk of a journal has, asked seldom, and what is to be said of it."""

from __future__ import annotations

import os
import time
from pathlib import Path

EVERY = 1.0  # seconds
_EARLY = 4  # the warning comes with so many times the reserve still free


class Space:
    """The free bytes of a folder's disk: ``refusing`` below ``reserve``, ``warning`` before that."""

    def __init__(self, folder: Path, reserve: int) -> None:
        self._folder = folder
        self._reserve = reserve
        self._asked: float | None = None
        self.refusing: str | None = None
        self.warning: str | None = None

    def look(self) -> None:
        """Ask the system, unless it was asked less than a second ago."""
        now = time.monotonic()
        if self._asked is not None and now - self._asked < EVERY:
            return
        self._asked = now
        try:
            self.warning, self.refusing = self._judged(free_bytes(self._folder))
        except OSError as error:
            self.warning = self.refusing = f"{self._folder}: {error.strerror or error}"

    def _judged(self, free: int) -> tuple[str | None, str | None]:
        told = f"{mebibytes(free)} are free on the disk of {self._folder}"
        if free < self._reserve:
            reason = f"only {told}, and {mebibytes(self._reserve)} are kept in reserve"
            return reason, reason
        if free < _EARLY * self._reserve:
            return f"{told}; below {mebibytes(self._reserve)} nothing more is taken", None
        return None, None


def free_bytes(folder: Path) -> int:
    """Bytes that may still be written on the disk that has ``folder``, or is to have it. Raises OSError."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def mebibytes(count: int) -> str:
    """Bytes for people: 12.5 MiB."""
    return f"{count / 2**20:.1f} MiB"
