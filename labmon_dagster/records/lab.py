"""The records of the lab: its runs, streams and detectors, where the settings say they are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

from labmon_dagster import settings
from labmon_dagster.records.managers import Detectors, Runs
from labmon_dagster.records.models import Detector, Run, Stream
from labmon_dagster.records.streams import Streams
from labmon_dagster.stores.records import RecordStore


@dataclass(frozen=True, slots=True)
class LabRecords:
    """The runs, streams and detectors of a lab."""

    runs: Runs
    streams: Streams
    detectors: Detectors

    @classmethod
    def of(cls, store: RecordStore) -> LabRecords:
        """Give those in a store, in the collections that the settings name. Raises ValueError."""
        names = {kind.kind: settings.record_collection(kind.kind) for kind in (Run, Stream, Detector)}
        detectors = Detectors(store, names["detector"])
        return cls(
            Runs(store, names["run"], detectors), Streams(store, names["stream"], detectors), detectors
        )


@contextmanager
def lab_records(store: str = settings.DOCUMENTS) -> Iterator[LabRecords]:
    """The records in a store of documents, closed afterwards. Raises ValueError, StoreError."""
    with closing(settings.open_records(store)) as opened:
        yield LabRecords.of(opened)
