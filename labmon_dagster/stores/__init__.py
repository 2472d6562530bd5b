"""Where readings come to rest: stores of one behaviour over several databases, with ledger and quarantine."""

from labmon_dagster.stores.base import ReadingStore, StoreError, owned_by, owner_of
from labmon_dagster.stores.documents.base import DocumentStore
from labmon_dagster.stores.influxdb import InfluxStore
from labmon_dagster.stores.ledger import Counts, LedgerError, LedgerRow, Quarantined
from labmon_dagster.stores.sqlite import SqliteStore

__all__ = [
    "Counts",
    "DocumentStore",
    "InfluxStore",
    "LedgerError",
    "LedgerRow",
    "Quarantined",
    "ReadingStore",
    "SqliteStore",
    "StoreError",
    "owned_by",
    "owner_of",
]
