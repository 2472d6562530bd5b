"""What people are told of files that are in trouble: there may be a million."""

from __future__ import annotations

from labmon_dagster.components.feed import Tell

_SHOWN = 20


class Few:
    """Tells the first twenty lines, and at the end how many more there were."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._count = 0

    def __call__(self, line: str) -> None:
        """Tell a line, if it is one of the first."""
        self._count += 1
        if self._count <= _SHOWN:
            self._tell(line)

    def end(self, more: str) -> None:
        """Tell of those that were not told: ``more`` says so, with their number for {}."""
        if self._count > _SHOWN:
            self._tell(more.format(self._count - _SHOWN))
