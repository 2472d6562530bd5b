"""InfluxDB as a store of readings, with ledger and quarantine beside them: 1.x and the v2 API."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext

from labmon_dagster.stores.base import owner_of
from labmon_dagster.stores.influxdb.answers import Answers
from labmon_dagster.stores.influxdb.books import Books
from labmon_dagster.stores.influxdb.catalog import Catalog
from labmon_dagster.stores.influxdb.link import Link, Place, connect
from labmon_dagster.stores.influxdb.mending import Mending
from labmon_dagster.stores.influxdb.notes import Notes
from labmon_dagster.stores.influxdb.points import Points
from labmon_dagster.stores.influxdb.reads import Reads
from labmon_dagster.stores.influxdb.retention import Retention
from labmon_dagster.stores.influxdb.target import FORMS, OPTIONS, Target
from labmon_dagster.stores.ledger import LedgerRow

__all__ = ["FORMS", "OPTIONS", "InfluxStore", "Target"]


class InfluxStore(Points, Books):
    """A `ReadingStore` in an InfluxDB. Nothing is opened before it is used; one thread may use it."""

    def __init__(self, target: Target, link: Link | None = None) -> None:
        self.link = link or connect(target)
        data = Answers(self.link, Place(target.database))
        self.retention = retention = Retention(data)
        notes = Notes(self.link, retention)
        self.mending = Mending(data, notes)
        self.reads = Reads(notes)
        Points.__init__(self, data, Catalog(data, notes), self.mending, self.reads)
        Books.__init__(self, notes)

    def transaction(self) -> AbstractContextManager[None]:
        """InfluxDB has none: data are written first, and the ledger once they are acknowledged."""
        return nullcontext()

    def enter(self, rows: Iterable[LedgerRow]) -> None:
        """Write ledger rows, once all data written before are acknowledged."""
        self.settle_all()
        super().enter(rows)
        self.reads.end()

    def begin(self, asset: str, token: int) -> None:
        """A read of the asset begins: make good what a killed one left half done."""
        self.forget()
        self.mending.recover(owner_of(asset))
        self.reads.begin(asset, token)

    def kept_since(self, now: int) -> int | None:
        """Earliest time (ns) that may be written now; None: any."""
        return self.retention.since(now)

    def close(self) -> None:
        """End the threads and close the connections."""
        for part in (self.sender, self.notes, self.mending, self.link):
            part.close()
