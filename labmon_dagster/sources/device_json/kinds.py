"""The kinds of device of this room."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from labmon_dagster.model.devices import Device, DeviceSettings, Heard, Kind, Unasked
from labmon_dagster.model.measurement import Field
from labmon_dagster.sources.device_json.quantities import DEFAULTS, Defaults
from labmon_dagster.sources.device_json.understand import FORM, check, own_time, understanding
from labmon_dagster.sources.wire.declared import Declared
from labmon_dagster.sources.wire.web import Manner, Page, check_options, checked_url

PATH = "/json"


@dataclass(frozen=True)
class JsonPage:
    """A page of JSON: the clock of what is heard is its own time, where it tells one."""

    settings: DeviceSettings
    page: Page

    async def open(self) -> None:
        """Do nothing: a page says nothing unasked."""

    async def close(self) -> None:
        """Do nothing: no connection outlives a poll."""

    async def poll(self) -> Heard:
        """Get the page. Raises DeviceError if nothing was heard."""
        heard = await self.page.poll()
        own = None if heard.trouble else own_time(heard.payload, self.settings)
        return heard if own is None else replace(heard, clock=own)


def connect(settings: DeviceSettings, unasked: Unasked) -> Device:
    """Give the page to be asked; it says nothing unasked."""
    url = checked_url(settings.address, settings.options, PATH)
    manner = Manner(settings.timeout, certificate=settings.options.get("certificate", ""))
    return JsonPage(settings, Page(url, FORM, manner))


def _quantities(defaults: Defaults) -> Callable[[DeviceSettings], tuple[Field, ...]]:
    return lambda settings: Declared.of(settings, defaults.fields, defaults.names).quantities


def _checking(defaults: Defaults) -> Callable[[DeviceSettings], None]:
    def checked(settings: DeviceSettings) -> None:
        check(settings, defaults)
        check_options(settings, PATH)

    return checked


KINDS: tuple[Kind, ...] = tuple(
    Kind(name, scheme, _quantities(one), connect, understanding(one), _checking(one))
    for name, one in DEFAULTS.items()
    for scheme in ("http", "https")
)
