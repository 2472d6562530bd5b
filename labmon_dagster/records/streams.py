"""Streams: what is added to them once they are over."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from labmon_dagster.records.instants import aware
from labmon_dagster.records.managers import DatedRecords
from labmon_dagster.records.models import STOP, Channel, HistoryEntry, Stream, Temperature
from labmon_dagster.stores.documents.plain import exact
from labmon_dagster.stores.records import Change

CHANNELS, HISTORY, TEMPERATURE = "channel_config", "history", "temperature"


class Streams(DatedRecords[Stream]):
    """The streams. What is added before one is over raises RecordError, as for one that is not there."""

    model = Stream

    def check(self, record: Stream) -> None:
        """Raise RecordError for detectors that are not known, and for what only a stream's end brings."""
        super().check(record)
        for entry in record.history:
            self._check_over(record, HISTORY)
            self._check_there(record, entry)
        if record.temperature is not None:
            self._check_over(record, TEMPERATURE)

    def add_detector(
        self,
        name: str,
        channels: Mapping[str, Any] | list[Mapping[str, Any]],
        acq_config: Mapping[str, Any],
        bbox_status: Mapping[str, Any],
    ) -> Stream:
        """Add a detector: its channel or channels, and what is added to the two configurations.

        Raises RecordError for one that is not known, or is in the stream already.
        """
        added = self._channels(name, channels)
        acquisition = self._fields(name, "acq_config", acq_config)
        boxes = self._fields(name, "bbox_status", bbox_status)
        det_name = added[0]["det_name"]

        def decide(seen: Stream) -> Change:
            self._check_over(seen, CHANNELS)
            self.check_clear(seen, CHANNELS, "acq_config", "bbox_status")
            if det_name in seen.detectors:
                raise self.wrong(name, f"field {CHANNELS}: detector {det_name!r} is there already")
            self.check_known(name, [det_name])
            sets = {
                "acq_config": {**exact(seen.acq_config), **acquisition},
                "bbox_status": {**exact(seen.bbox_status), **boxes},
            }
            return Change(sets, holds=(STOP, CHANNELS), extends={CHANNELS: added})

        return self.changed(name, decide)

    def _channels(self, name: str, given: object) -> list[dict[str, Any]]:
        """Give the channels of one detector."""
        with self.naming(name, CHANNELS):
            channels: list[dict[str, Any]] = aware(given if isinstance(given, list) else [given])
            named = {Channel.model_validate(one).det_name for one in channels}
            if len(named) != 1:
                raise ValueError(f"the channels of one detector, please, not of {sorted(named)}")
        return channels

    def _fields(self, name: str, field: str, given: object) -> dict[str, Any]:
        if not isinstance(given, Mapping):
            raise self.wrong(name, f"field {field}: a dict, not of type {type(given).__name__}")
        return self.in_utc(name, given)

    def add_history(self, name: str, entry: HistoryEntry) -> Stream:
        """Add what was done with the data of a detector in the stream. Raises RecordError."""
        added = self.in_utc(name, _filled(entry))

        def decide(seen: Stream) -> Change:
            self._check_over(seen, HISTORY)
            self.check_clear(seen, CHANNELS)
            self._check_there(seen, entry)
            return Change(appends={HISTORY: added}, holds=(STOP, CHANNELS))

        return self.changed(name, decide)

    def add_temperature(self, name: str, temperature: Temperature) -> Stream:
        """Set the temperature during the stream. Raises RecordError."""

        def decide(seen: Stream) -> Change:
            self._check_over(seen, TEMPERATURE)
            self.check_clear(seen, TEMPERATURE)
            return Change({TEMPERATURE: _filled(temperature)}, holds=(STOP,))

        return self.changed(name, decide)

    def history_entry(self, name: str, timestamp: datetime, **fields: Any) -> HistoryEntry:
        """Give an entry of the history of a stream. Raises RecordError, naming the field."""
        with self.naming(name, HISTORY):
            return HistoryEntry.model_validate({"timestamp": timestamp, **fields})

    def temperature(self, name: str, mean: float, std: float, readings: int | None = None) -> Temperature:
        """Give the temperature (K) during a stream. Raises RecordError, naming the field."""
        with self.naming(name, TEMPERATURE):
            return Temperature(mean=mean, std=std, readings=readings)

    def _check_over(self, seen: Stream, field: str) -> None:
        if seen.stop_date is None:
            how = "it was never started" if seen.start_date is None else "it is still running"
            raise self.wrong(seen.name, f"field {STOP}: {how}; {field} is added when it is over")

    def _check_there(self, seen: Stream, entry: HistoryEntry) -> None:
        if entry.det_name not in seen.detectors:
            there = ", ".join(seen.detectors) or "none"
            why = f"detector {entry.det_name!r} is not in it; there are {there}"
            raise self.wrong(seen.name, f"field {HISTORY}: {why}")


def _filled(part: HistoryEntry | Temperature) -> dict[str, Any]:
    return {name: value for name, value in part if value is not None}
