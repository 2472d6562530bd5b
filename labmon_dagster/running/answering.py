"""Which devices have fallen silent or answer again, as the collector says: told once each."""

from __future__ import annotations

from pathlib import Path

from labmon_dagster.collector import health

_SILENT_AFTER = 3  # polls in a row


class Answering:
    """Watches the health that the collector writes into ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._silent: set[str] = set()

    def news(self) -> list[str]:
        """Say what has changed since the last call."""
        told = health.read(self._folder)
        if told is None or not told.is_alive:
            return []
        silent = {
            f"{one.asset} {one.device}": one.last_error
            for one in told.devices
            if one.errors_in_row >= _SILENT_AFTER
        }
        lines = [f"{name} is silent: {silent[name]}" for name in sorted(set(silent) - self._silent)]
        lines += [f"{name} answers again" for name in sorted(self._silent - set(silent))]
        self._silent = set(silent)
        return lines
