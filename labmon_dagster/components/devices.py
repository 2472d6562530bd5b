"""The word `Devices` in a defs.yaml: instruments that are asked, and journalled before anything else."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import dagster as dg
from pydantic import ConfigDict, Field, field_validator, model_validator

from labmon_dagster import settings
from labmon_dagster.binning import BinEntry
from labmon_dagster.collector.kinds import kind_of
from labmon_dagster.collector.once import poll_due
from labmon_dagster.collector.station import Station
from labmon_dagster.components.collection import CollectionComponent
from labmon_dagster.components.device_documents import DeviceDocuments
from labmon_dagster.components.device_journal import DeviceJournal
from labmon_dagster.components.device_readings import TAGS, DeviceReadings, joined
from labmon_dagster.components.feed import Feed
from labmon_dagster.components.table import as_wanted, check_names, free_name
from labmon_dagster.journal import Journal
from labmon_dagster.landing import Recipe
from labmon_dagster.model import SECOND, FieldType
from labmon_dagster.model import Field as ValueField
from labmon_dagster.model.devices import Address, DeviceSettings
from labmon_dagster.quality import RuleEntry, check_tags, nanoseconds

READER = "1"
NEVER = "never"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_NUMERIC = {FieldType.FLOAT, FieldType.INTEGER}
_CLOCKS = ("collector", "database")
_WHERE = {"devices": {"__all__": {"address", "poll", "timeout"}}}


class DeviceEntry(dg.Model, dg.Resolvable):
    """One device. ``poll`` may be `never` for one that is only listened to."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
    name: str
    type: str
    address: str
    poll: str | None = None
    timeout: str = "1s"
    options: dict[str, Any] = {}

    @field_validator("name")
    @classmethod
    def _is_name(cls, given: str) -> str:
        if not _NAME.fullmatch(given):
            raise ValueError(f"{given!r}: a name has letters, digits, _, - and .")
        return given

    @field_validator("address")
    @classmethod
    def _is_address(cls, given: str) -> str:
        Address.parse(given)
        return given

    @field_validator("timeout")
    @classmethod
    def _is_time(cls, given: str) -> str:
        nanoseconds(given)
        return given

    @field_validator("poll")
    @classmethod
    def _is_interval(cls, given: str | None) -> str | None:
        return given if given is None else _interval(given)

    @model_validator(mode="after")
    def _is_known(self) -> DeviceEntry:
        found = self.settings()
        kind = kind_of(found)
        kind.check(found)
        kind.connect(found, lambda heard: None)  # opens nothing
        self.check_poll(self.poll)
        return self

    def check_poll(self, poll: str | None) -> None:
        """Raise ValueError for a device that is never asked and says nothing by itself."""
        if poll == NEVER and not kind_of(self.settings()).pushes:
            raise ValueError(f"poll: a {self.type} says nothing unless it is asked; give an interval, as 5s")

    def settings(self) -> DeviceSettings:
        """Give what the device's kind wants to know."""
        seconds = nanoseconds(self.timeout) / SECOND
        return DeviceSettings(self.name, self.type, Address.parse(self.address), seconds, self.options)


class TimeseriesEntry(dg.Model, dg.Resolvable):
    """A table of readings besides the documents: a row for each poll and device."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
    measurement: str
    asset: str | None = None
    store: str = settings.TIMESERIES
    bin: BinEntry | None = None
    quality: dict[str, RuleEntry] = {}

    @field_validator("measurement")
    @classmethod
    def _is_free(cls, given: str) -> str:
        return free_name(given)


class Devices(CollectionComponent):
    """Devices of an experiment: one document for each poll and device; also readings where wanted."""

    devices: list[DeviceEntry] = Field(min_length=1)
    poll: str = "5s"
    clock: str = Field("collector", description="whose time the documents bear: collector or database")
    timeseries: TimeseriesEntry | None = None

    @field_validator("poll")
    @classmethod
    def _is_interval(cls, given: str) -> str:
        return _interval(given)

    @field_validator("clock")
    @classmethod
    def _is_clock(cls, given: str) -> str:
        if given not in _CLOCKS:
            raise ValueError(f"{given!r}: no such clock; allowed: {', '.join(_CLOCKS)}")
        return given

    @model_validator(mode="after")
    def _fits_together(self) -> Devices:
        for one in self.devices:
            one.check_poll(one.poll or self.poll)
        names = [one.name for one in self.devices]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"devices named more than once: {', '.join(twice)}")
        places = [one.address for one in self.devices]
        twice = sorted({place for place in places if places.count(place) > 1})
        if twice:
            raise ValueError(f"addresses of more than one device: {', '.join(twice)}")
        if self.timeseries:
            self._check_timeseries(self.timeseries)
        return self

    def _check_timeseries(self, table: TimeseriesEntry) -> None:
        fields = {field.name: field for field in self._fields()}
        check_names(fields, TAGS)
        for name in table.quality:
            if name not in fields:
                raise ValueError(f"quality {name}: no such quantity; allowed: {', '.join(sorted(fields))}")
            if fields[name].type not in _NUMERIC:
                raise ValueError(f"quality {name}: rules are for numbers, and this is {fields[name].type}")
        check_tags(table.quality, TAGS)

    @property
    def place(self) -> str:
        """The addresses."""
        return ", ".join(str(one.settings().address) for one in self.devices)

    def stations(self) -> tuple[Station, ...]:
        """The devices, to be polled or listened to."""
        return tuple(self._station(one) for one in self.devices)

    def _station(self, one: DeviceEntry) -> Station:
        found, poll = one.settings(), one.poll or self.poll
        interval = None if poll == NEVER else nanoseconds(poll)
        clock = self.store if self.clock == "database" else None
        return Station(self.asset, found, kind_of(found), interval, clock)

    def _quantities(self) -> list[ValueField]:
        """What the devices may say, each name once."""
        found = (field for one in self.stations() for field in one.kind.quantities(one.settings))
        return list({field.name: field for field in found}.values())

    def _fields(self) -> tuple[ValueField, ...]:
        return joined([one.kind.quantities(one.settings) for one in self.stations()])

    def feed(self) -> Feed:
        """The documents."""
        journal = self._journal()
        return Feed(
            asset=self.asset,
            measurement=self.collection,
            source=DeviceDocuments(self.asset, self.collection, journal, self.clock == "database"),
            documents=True,
            journal=self.asset,
            pruned=journal.pruned,
            start=self.first_day,
            version=self.version_of(READER, "poll", "timeseries", within=_WHERE),
            store=self.store,
            look=self._look,
            stations=self.stations(),
            patience=self.patience,
            fields=tuple(replace(one, name=f"values.{one.name}") for one in self._quantities()),
            description=self.description,
            owners=tuple(self.owners),
            kinds=self._kinds(),
        )

    def feeds(self) -> list[Feed]:
        """The documents, and the readings where the YAML wants them."""
        return [self.feed(), *([self._readings(self.timeseries)] if self.timeseries else [])]

    def _readings(self, table: TimeseriesEntry) -> Feed:
        spoken, journal = self._fields(), self._journal()
        source, fields = as_wanted(DeviceReadings(journal, table.measurement, spoken), spoken, table.bin)
        return Feed(
            asset=table.asset or f"{self.asset}_readings",
            measurement=table.measurement,
            source=source,
            journal=self.asset,
            pruned=journal.pruned,
            start=self.first_day,
            version=self.version_of(READER, "poll", "clock", within=_WHERE),
            store=table.store,
            recipe=Recipe(rules=table.quality),
            patience=self.patience,
            fields=fields,
            tags=dict.fromkeys(TAGS, ""),
            description=f"{self.description} (readings)".strip(),
            owners=tuple(self.owners),
            kinds=self._kinds(),
        )

    def _journal(self) -> DeviceJournal:
        journal = Journal(settings.journal_root(), self.asset)
        return DeviceJournal(journal, self.first_day, self.stations())

    def _look(self) -> list[str]:
        return poll_due(self.stations(), settings.journal_root(), settings.collector_folder())

    def _kinds(self) -> tuple[str, ...]:
        return tuple(sorted({one.type.lower() for one in self.devices}))


def _interval(given: str) -> str:
    if given == NEVER:
        return given
    if nanoseconds(given) < SECOND:
        raise ValueError(f"{given}: at least 1s, or {NEVER} for a device that is only listened to")
    return given
