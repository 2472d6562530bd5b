"""Runs, streams and detectors, as programs of the original module make and change them, in a MongoDB.

The server is looked up in `Database` at each call. What goes wrong is a RuntimeError; then nothing was
written.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from labmon_dagster.clients.ricochetdb.database import Database
from labmon_dagster.records.managers import DatedRecords, Detectors, Runs
from labmon_dagster.records.streams import Streams
from labmon_dagster.stores import StoreError
from labmon_dagster.stores.records import MongoRecords, RecordStore


class RecordManager(ABC):
    """Makes the records of a collection, and changes them."""

    def __init__(self, collection_name: str) -> None:
        self.collection_name = collection_name

    @abstractmethod
    def create(self, record_dict: Mapping[str, Any]) -> None:
        """Insert a record; all of it, or none.

        Raises RuntimeError where a field is missing or wrong, or there is a record of this name.
        """
        with _told():
            self._records(_store()).create(record_dict)

    def _records(self, store: RecordStore) -> DatedRecords[Any]:
        """The records, on the server of the moment."""
        return DatedRecords(store, self.collection_name, Detectors(store, self.collection_name))


class DatedRecordManager(RecordManager):
    """Records that begin and end. Dates without a zone are UTC."""

    def start(self, record_name: str, start_date: datetime | None = None) -> None:
        """Set ``start_date``, now if none is given.

        Raises RuntimeError where there is no such record, or it was started already.
        """
        with _told():
            self._records(_store()).start(record_name, start_date)

    def stop(self, record_name: str, stop_date: datetime | None = None) -> None:
        """Set ``stop_date``, now if none is given.

        Raises RuntimeError where there is no such record, or it is not running.
        """
        with _told():
            self._records(_store()).stop(record_name, stop_date)


class DetectorManager(RecordManager):
    """The detectors: ``name``, and what else is to be said of each."""

    def create(self, record_dict: Mapping[str, Any]) -> None:
        """Insert a detector. Raises RuntimeError as `RecordManager.create` does."""
        with _told():
            Detectors(_store(), self.collection_name).create(record_dict)


class RunManager(DatedRecordManager):
    """The runs: ``name``, ``detector``. ``dcn``: name of the collection of the detectors."""

    def __init__(self, collection_name: str, dcn: str) -> None:
        super().__init__(collection_name)
        self.dcn = dcn

    def create(self, record_dict: Mapping[str, Any]) -> None:
        """Insert a run. Raises RuntimeError as `RecordManager.create` does, and for unknown detectors."""
        super().create(record_dict)

    def _records(self, store: RecordStore) -> Runs:
        return Runs(store, self.collection_name, Detectors(store, self.dcn))


class StreamManager(DatedRecordManager):
    """The streams: ``name``, ``acq_config``, ``channel_config``, ``comment``.

    ``dcn``: name of the collection of the detectors.
    """

    def __init__(self, collection_name: str, dcn: str) -> None:
        super().__init__(collection_name)
        self.dcn = dcn

    def create(self, record_dict: Mapping[str, Any]) -> None:
        """Insert a stream. Raises RuntimeError as `RecordManager.create` does, and for unknown detectors."""
        super().create(record_dict)

    def add_detector(
        self,
        stream_name: str,
        channel_config: dict[str, Any],
        acq_config: dict[str, Any],
        bbox_status: dict[str, Any],
    ) -> None:
        """Add a detector to a stream that is over; the two last are merged into what is there.

        Raises RuntimeError where there is no such stream, it is still running, the detector is not known,
        or it is in the stream already.
        """
        with _told():
            self._records(_store()).add_detector(stream_name, channel_config, acq_config, bbox_status)

    def add_history_record(
        self,
        timestamp: datetime,
        stream_name: str,
        detector_name: str,
        label: str,
        code_commit: str,
        description: str = "",
        processing_status: float | None = None,
        processing_conf: dict[str, Any] | None = None,
    ) -> None:
        """Add to the history of a stream what was done with a detector's data, and by which code.

        ``processing_status``: how much of it succeeded, 0 to 1. Raises RuntimeError where there is no such
        stream, it is still running, or the detector is not in it.
        """
        with _told():
            streams = self._records(_store())
            entry = streams.history_entry(
                stream_name,
                timestamp,
                det_name=detector_name,
                label=label,
                code_commit=code_commit,
                description=description,
                processing_status=processing_status,
                processing_conf=processing_conf,
            )
            streams.add_history(stream_name, entry)

    def add_temperature(self, stream_name: str, mean_temp: float, std_temp: float) -> None:
        """Set mean and standard deviation of the 4 K temperature (K) during a stream.

        Raises RuntimeError where there is no such stream, or it is still running.
        """
        with _told():
            streams = self._records(_store())
            streams.add_temperature(stream_name, streams.temperature(stream_name, mean_temp, std_temp))

    def _records(self, store: RecordStore) -> Streams:
        return Streams(store, self.collection_name, Detectors(store, self.dcn))


def _store() -> MongoRecords:
    return MongoRecords(Database.get_database().server)


@contextmanager
def _told() -> Iterator[None]:
    """Programs of the original module catch RuntimeError."""
    try:
        yield
    except StoreError as error:
        raise RuntimeError(str(error)) from error
