"""DAQ messages, as programs of the original module insert them."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping
from typing import Any

from labmon_dagster import settings
from labmon_dagster.clients.ricochetdb.database import Database
from labmon_dagster.journal import Journal
from labmon_dagster.records.messages import UndeliveredError, deliver, insert

ASSET, COLLECTION, WAIT = "LABMON_DAQ_ASSET", "LABMON_DAQ_COLLECTION", "LABMON_DAQ_WAIT"
_LOG = logging.getLogger(__name__)
_WAITS = {"": False, "0": False, "1": True}

__all__ = ["DaqLogger", "UndeliveredError"]


class DaqLogger:
    """Takes DAQ messages for the database.

    They go to the journal of an asset below LABMON_HOME, from which the asset delivers them: to
    ``ricochet/daq_messages``, or the asset that LABMON_DAQ_ASSET names. Each host that inserts has an asset
    of its own. Threads and processes may insert at the same time.

    ``wait_for_database`` (or LABMON_DAQ_WAIT=1): insert also writes them to the configured `Database`, into
    the collection ``daq_messages`` or the one that LABMON_DAQ_COLLECTION names, where the asset finds them
    as they are. It must be the asset's own database and collection.
    """

    wait_for_database = False

    def __init__(self) -> None:
        self.asset = os.environ.get(ASSET) or "ricochet/daq_messages"
        self.collection = os.environ.get(COLLECTION) or "daq_messages"
        try:
            self.journal = Journal(settings.journal_root(), self.asset)
        except ValueError as error:
            raise RuntimeError(f"{ASSET}={self.asset!r}: {error}") from error
        if not os.environ.get(settings.HOME):
            # The default depends on where a program is started: the asset might look elsewhere.
            _LOG.warning("%s is not set: messages go to %s", settings.HOME, self.journal.folder)

    def insert(self, messages: Iterable[Mapping[str, Any]]) -> None:
        """Insert a list of dicts with ``topic`` and ``timestamp``; returns when the disk has them.

        Raises RuntimeError that names message and field: then none is inserted. UndeliveredError, which is
        one, says that the journal has them but the database does not yet: do not insert them again.
        """
        server = Database.get_database().server if self._waits() else None
        entry = insert(self.journal, messages)
        if server is not None and entry is not None:
            deliver(server, self.collection, self.asset, entry)

    def _waits(self) -> bool:
        asked = os.environ.get(WAIT, "")
        if asked not in _WAITS:
            raise RuntimeError(f"{WAIT}={asked!r}: 1 waits for the database, 0 does not")
        return self.wait_for_database or _WAITS[asked]
