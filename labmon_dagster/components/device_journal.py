"""What devices said, read back from an asset's journal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from labmon_dagster.collector.kinds import kind_of
from labmon_dagster.collector.station import Station, device_in, heard_in, settings_in
from labmon_dagster.journal import Entry
from labmon_dagster.journal.reader import JournalReader
from labmon_dagster.model.devices import DeviceSettings, Kind, Said


class Told(NamedTuple):
    """An entry of a journal, of which device it is, and what that said."""

    entry: Entry
    settings: DeviceSettings
    said: Said


@dataclass(frozen=True)
class DeviceJournal(JournalReader[Told]):
    """The journal of an asset's devices. What an entry means is settled by today's YAML, where it has it."""

    stations: tuple[Station, ...] = ()

    def understood(self, entry: Entry) -> Told:
        """Give what the device said. Raises ValueError."""
        heard = heard_in(entry)
        if heard.trouble:
            raise ValueError(heard.trouble)
        settings, kind = self._who(entry)
        return Told(entry, settings, kind.understand(heard, settings))

    def whose(self, entry: Entry) -> str:
        """Name the device."""
        return device_in(entry)

    def _who(self, entry: Entry) -> tuple[DeviceSettings, Kind]:
        """Say which device an entry is from: the one of that name, type and scheme in today's YAML."""
        then = settings_in(entry)
        for station in self.stations:
            now = station.settings
            if (now.name, now.type, now.address.scheme) == (then.name, then.type, then.address.scheme):
                return now, station.kind
        return then, kind_of(then)
