"""Where things lie and which stores are used: the environment, read when it is needed, never at import."""

from __future__ import annotations

import os
from pathlib import Path

from labmon_dagster.stores import ReadingStore, SqliteStore

HOME, TIMESERIES = "LABMON_HOME", "LABMON_TIMESERIES_URL"
_ALLOWED = "sqlite:///PATH (sqlite:////absolute/path or sqlite:///relative/path)"


def home() -> Path:
    """The folder everything is written under (LABMON_HOME, default ./var)."""
    return Path(os.environ.get(HOME) or "var").absolute()


def lab_folder(name: str) -> str:
    """A folder or URL from a YAML file; relative paths lie under LABMON_HOME."""
    return name if "://" in name else str(home() / Path(name).expanduser())


def journal_root() -> Path:
    """The folder of the journals."""
    return home() / "journal"


def timeseries_url() -> str:
    """Which store readings go to (LABMON_TIMESERIES_URL, default SQLite under LABMON_HOME)."""
    return os.environ.get(TIMESERIES) or f"sqlite:///{home() / 'readings.db'}"


def open_store(url: str | None = None) -> ReadingStore:
    """The store of readings behind a URL. Raises ValueError for a URL that names none.

    Nothing is opened yet: a store that is away shows when it is first used.
    """
    chosen = url or timeseries_url()
    scheme, separator, path = chosen.partition(":///")
    if scheme != "sqlite" or not separator or not path:
        shown = chosen.rpartition("@")[2] if "@" in chosen else chosen
        raise ValueError(f"{TIMESERIES}={shown!r} names no store of readings; allowed: {_ALLOWED}")
    return SqliteStore(Path(path))
