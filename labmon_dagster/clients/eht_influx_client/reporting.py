"""What goes wrong after a write has returned is told: to the program's callback, and by logging.

The rooms below log for themselves; here it is said at which level, and into which file.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from stamina.instrumentation import get_on_retry_hooks, set_on_retry_hooks

from labmon_dagster.clients.eht_influx_client.config import Settings

LOG = logging.getLogger(__name__.rpartition(".")[0])
_LOGGERS = (LOG.name, "labmon_dagster.station_log", "labmon_dagster.journal")
_FORM = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class Errors:
    """Counts errors by server, and hands them on to ``callback(server, error)``.

    Raises ValueError for a ``log_file`` that cannot be written.
    """

    def __init__(self, settings: Settings, callback: Callable[[str, Exception], None] | None) -> None:
        self.count: Counter[str] = Counter()
        self._callback = callback
        _leave_stdout_alone()
        for name in _LOGGERS:
            logging.getLogger(name).setLevel(settings.log_level.upper())
        if settings.log_file:
            _log_into(settings.log_file)

    def of_a_server(self, server: str, error: Exception) -> None:
        """Tell what hinders the delivery to a server."""
        self.count[server] += 1
        if self._callback is None:
            return
        try:
            self._callback(server, error)
        except Exception:  # it is the program's own, and the delivery must go on
            LOG.exception("on_error failed, of %s", server)

    def of_the_log(self, error: Exception) -> None:
        """Tell what hinders the log or its copies; the callback knows them as 'log'."""
        self.of_a_server("log", error)


def _leave_stdout_alone() -> None:
    """Drop the hook by which structlog, installed but not set up, prints every retry on stdout."""
    hooks = get_on_retry_hooks()
    others = [hook for hook in hooks if not hook.__module__.endswith("_structlog")]
    if len(others) < len(hooks):
        import structlog

        if not structlog.is_configured():
            set_on_retry_hooks(others)


def _log_into(file: Path) -> None:
    """Log into a file too, once in a process for each file."""
    path = str(file.absolute())
    if any(getattr(handler, "baseFilename", None) == path for handler in LOG.handlers):
        return
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handler = logging.FileHandler(path, encoding="utf-8")
    except OSError as error:
        raise ValueError(f"log_file: {file}: {error.strerror}") from error
    handler.setFormatter(logging.Formatter(_FORM))
    for name in _LOGGERS:
        logging.getLogger(name).addHandler(handler)
