"""A device of the lab, as an asset's YAML names it, and how what it says lies in the asset's journal."""

from __future__ import annotations

from dataclasses import dataclass

from labmon_dagster.journal import Entry, Meta
from labmon_dagster.model.devices import Address, DeviceSettings, Heard, Kind

_LONGEST_TEXT = 2000
FORM, TROUBLE = "form", "trouble"
_DEVICE, _TYPE, _ADDRESS = "device", "type", "address"
_CLOCK, _SENDER, DATABASE = "clock", "sender", "database_clock_offset"


@dataclass(frozen=True, slots=True)
class Station:
    """One device of the asset ``asset``, whose journal has the same name.

    ``poll``: ns between polls; None for one that is only listened to. ``clock``: the store of documents
    whose clock is to be noted beside what is heard.
    """

    asset: str
    settings: DeviceSettings
    kind: Kind
    poll: int | None
    clock: str | None = None

    @property
    def name(self) -> str:
        """What people call it: asset and device."""
        return f"{self.asset} {self.settings.name}"


def meta_of(settings: DeviceSettings, heard: Heard, database: int | None = None) -> Meta:
    """Say beside a payload who said it and how. ``database``: the database's clock less ours (ns)."""
    told: dict[str, str | int | float | bool | None] = {
        _DEVICE: settings.name,
        _TYPE: settings.type,
        _ADDRESS: str(settings.address),
        FORM: heard.form,
    }
    more = {TROUBLE: legible(heard.trouble), _CLOCK: heard.clock, _SENDER: heard.sender, DATABASE: database}
    return told | {key: value for key, value in more.items() if value not in {None, ""}}


def legible(text: str) -> str:
    """Give a text that can be written down wherever it came from: what is no character is escaped."""
    return text.encode(errors="backslashreplace").decode()[:_LONGEST_TEXT]


def heard_in(entry: Entry) -> Heard:
    """Give what an entry of a journal holds, as it was heard. Raises ValueError for one of other making."""
    meta = entry.meta
    form, clock = meta.get(FORM), meta.get(_CLOCK)
    if not isinstance(form, str):
        raise ValueError("no answer of a device: its entry does not say in which form")
    return Heard(
        entry.payload,
        entry.received,
        form,
        str(meta.get(TROUBLE, "")),
        clock if isinstance(clock, int) else None,
        str(meta.get(_SENDER, "")),
    )


def settings_in(entry: Entry) -> DeviceSettings:
    """Give the settings of a device that the YAML no longer has, as far as its entry tells them."""
    meta = entry.meta
    name, kind, address = (meta.get(key) for key in (_DEVICE, _TYPE, _ADDRESS))
    if not (isinstance(name, str) and isinstance(kind, str) and isinstance(address, str)):
        raise ValueError("no answer of a device: its entry does not say of which")
    return DeviceSettings(name, kind, Address.parse(address))


def device_in(entry: Entry) -> str:
    """Give the name of the device an entry is from; '' if it does not say."""
    return str(entry.meta.get(_DEVICE, ""))
