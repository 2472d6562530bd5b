"""Streams: what is added to them once they are over."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from labmon_dagster.records.errors import told
from labmon_dagster.records.instants import aware
from labmon_dagster.records.managers import DatedRecords
from labmon_dagster.records.models import Channel, HistoryEntry, Stream, Temperature
from labmon_dagster.stores.records import Change


class Streams(DatedRecords[Stream]):
    """The streams. What is added to one that is running raises RecordError, as to one that is not there."""

    model = Stream

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
        given = aware(list(channels) if isinstance(channels, list) else [channels])
        det_name = self._one_detector(name, given)
        if self.detectors.unknown([det_name]):
            raise self.wrong(name, f"detector {det_name!r} is not known in {self.detectors.collection}")

        def decide(seen: Stream) -> Change:
            self._check_over(seen)
            if det_name in seen.detectors:
                raise self.wrong(name, f"field channel_config: detector {det_name!r} is there already")
            sets = {
                "channel_config": [*map(_given, seen.channel_config), *given],
                "acq_config": {**seen.acq_config, **aware(acq_config)},
                "bbox_status": {**seen.bbox_status, **aware(bbox_status)},
            }
            self.understood(name, {"name": name, **sets})
            return Change(sets)

        return self.changed(name, decide)

    def _one_detector(self, name: str, channels: list[Any]) -> str:
        try:
            named = {Channel.model_validate(one).det_name for one in channels}
        except ValidationError as error:
            raise self.wrong(name, f"channel_config: {told(error)}") from error
        if len(named) != 1:
            raise self.wrong(name, "channel_config: the channels of one detector, please")
        return named.pop()

    def add_history(self, name: str, entry: HistoryEntry) -> Stream:
        """Add what was done with the data of a detector in the stream. Raises RecordError."""

        def decide(seen: Stream) -> Change:
            self._check_over(seen)
            if entry.det_name not in seen.detectors:
                there = ", ".join(seen.detectors) or "none"
                raise self.wrong(
                    name, f"field history: detector {entry.det_name!r} is not in it; there are {there}"
                )
            return Change(appends={"history": entry.model_dump(exclude_none=True)})

        return self.changed(name, decide)

    def add_temperature(self, name: str, temperature: Temperature) -> Stream:
        """Set the temperature during the stream. Raises RecordError."""

        def decide(seen: Stream) -> Change:
            self._check_over(seen)
            return Change({"temperature": temperature.model_dump(exclude_none=True)})

        return self.changed(name, decide)

    def history_entry(self, name: str, timestamp: datetime, **fields: Any) -> HistoryEntry:
        """Give an entry of the history of a stream. Raises RecordError, naming the field."""
        try:
            return HistoryEntry.model_validate({"timestamp": timestamp, **fields})
        except ValidationError as error:
            raise self.wrong(name, f"history: {told(error)}") from error

    def _check_over(self, seen: Stream) -> None:
        if seen.running:
            raise self.wrong(seen.name, "field stop_date: it is still running")


def _given(part: Channel) -> dict[str, Any]:
    return part.model_dump(exclude_unset=True)
