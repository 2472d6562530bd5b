"""The word `CosmicEvents` in a defs.yaml: events of cosmic-ray detectors, by MQTT and from dump files."""

from __future__ import annotations

from typing import Annotated, Any

import dagster as dg
from pydantic import BeforeValidator, ConfigDict, Field, field_validator, model_validator

from labmon_dagster import settings
from labmon_dagster.collector.kinds import broker_of
from labmon_dagster.collector.station import Station
from labmon_dagster.components.collection import CollectionComponent
from labmon_dagster.components.cosmic_documents import CosmicDocuments
from labmon_dagster.components.cosmic_fields import FIELDS
from labmon_dagster.components.event_numbers import ABOUT, INDEXES, EventNumbers
from labmon_dagster.components.feed import Feed, Judge
from labmon_dagster.components.folder import Directory, NamePattern, absent_folder, folder_of
from labmon_dagster.events.dumps import DumpFolder
from labmon_dagster.events.journal import EventJournal
from labmon_dagster.journal import Journal
from labmon_dagster.lookup import instant
from labmon_dagster.model.devices import Address, DeviceSettings
from labmon_dagster.sources.cosmic.decode import Decoding
from labmon_dagster.sources.mqtt.options import FILES

READER = "1"
_STRICT = ConfigDict(extra="forbid", hide_input_in_errors=True)
_BROKER, _TIMEOUT = "broker", 10.0


class Broker(dg.Model, dg.Resolvable):
    """The MQTT broker. ``address`` '' means that there is none; ``topics`` may say which detector sends."""

    model_config = _STRICT
    address: str = ""
    client_id: str = "labmon"
    topics: list[str] = ["cosmic/{detector}/events"]
    ca_file: str = ""
    certificate: str = ""
    key_file: str = ""
    user: str = ""

    @model_validator(mode="after")
    def _is_broker(self) -> Broker:
        if found := self.settings():
            kind = broker_of(found)
            kind.check(found)
            kind.connect(found, lambda heard: None)  # opens nothing
        return self

    def settings(self) -> DeviceSettings | None:
        """Give what the kind of device wants to know; None where there is no broker."""
        if not self.address:
            return None
        options: dict[str, Any] = self.model_dump(exclude={"address"})
        given = {name: value for name, value in options.items() if value}
        given |= {name: settings.lab_folder(given[name]) for name in FILES if name in given}
        return DeviceSettings(_BROKER, "MQTT", Address.parse(self.address), _TIMEOUT, given)


class Dumps(dg.Model, dg.Resolvable):
    """The folder of dump files. They are only read."""

    model_config = _STRICT
    directory: Directory = "lab/cosmic"
    pattern: NamePattern = r".+\.(dat|txt|json|jsonl)(\.gz)?"


class DecodingEntry(dg.Model, dg.Resolvable):
    """How values are made of what the firmware counts; ``clock_mhz``: of the TDC's reference clock."""

    model_config = _STRICT
    epoch: Annotated[str, BeforeValidator(str)] = "2000-01-01T00:00:00Z"
    clock_mhz: Annotated[float, Field(gt=0, lt=1e6)] | None = None

    @field_validator("epoch")
    @classmethod
    def _is_instant(cls, given: str) -> str:
        if given.strip().startswith("-"):
            raise ValueError(f"{given!r} is no fixed instant; write one such as 2000-01-01T00:00:00Z")
        instant(given)
        return given

    def decoding(self) -> Decoding:
        """Give what the reader of events wants to know."""
        return Decoding(instant(self.epoch), self.clock_mhz)


class CosmicEvents(CollectionComponent):
    """Events of detectors: one document for each, however often and whichever way it comes."""

    broker: Broker = Broker()
    dumps: Dumps = Dumps()
    decoding: DecodingEntry = DecodingEntry()

    @property
    def place(self) -> str:
        """The broker and its topics, and the folder with the pattern."""
        found = self.broker.settings()
        listened = [f"{found.address} {' '.join(self.broker.topics)}"] if found else []
        return ", ".join([*listened, f"{self.dumps.directory}/{self.dumps.pattern}"])

    @property
    def absent(self) -> tuple[str, str] | None:
        """The folder, where it is not there and none of ours."""
        return absent_folder(self.dumps.directory)

    def feed(self) -> Feed:
        """The documents."""
        journal = Journal(settings.journal_root(), self.asset)
        reader = EventJournal(journal, self.first_day, self.decoding.decoding(), tuple(self.broker.topics))
        found = self.broker.settings()
        return Feed(
            asset=self.asset,
            measurement=self.collection,
            source=CosmicDocuments(self.asset, self.collection, reader),
            documents=True,
            journal=self.asset,
            pruned=reader.pruned,
            start=self.first_day,
            version=self.version_of(READER, "broker", "dumps"),
            store=self.store,
            look=self._dumps(journal).look,
            stations=(Station(self.asset, found, broker_of(found), None),) if found else (),
            patience=self.patience,
            by_receipt=True,
            by_content=True,
            indexes=INDEXES,
            judges=(Judge("event_numbers", ABOUT, EventNumbers(self.asset, self.collection)),),
            fields=FIELDS,
            description=self.description,
            owners=tuple(self.owners),
            kinds=("mqtt",) if found else ("json",),
        )

    def _dumps(self, journal: Journal) -> DumpFolder:
        folder = folder_of(self.dumps.directory, self.dumps.pattern)
        collector = settings.collector_folder()
        notes = collector / "dumps" / f"{self.asset}.json"
        return DumpFolder(folder, self.dumps.directory, journal, notes, collector)
