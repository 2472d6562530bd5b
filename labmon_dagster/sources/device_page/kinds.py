"""The kinds of device of this room."""

from __future__ import annotations

from labmon_dagster.model.devices import Device, DeviceSettings, Kind, Unasked
from labmon_dagster.sources.device_page.quantities import DEFAULTS, quantities
from labmon_dagster.sources.device_page.understand import FORM, Options, understanding
from labmon_dagster.sources.wire.declared import Declared
from labmon_dagster.sources.wire.web import Manner, Page, check_options, checked_url

PATH = "/www/device.htm"


def connect(settings: DeviceSettings, unasked: Unasked) -> Device:
    """Give the page to be asked; it says nothing unasked."""
    url = checked_url(settings.address, settings.options, PATH)
    certificate = settings.options.get("certificate", "")
    return Page(url, FORM, Manner(settings.timeout, Options.of(settings).largest, certificate))


def _check(settings: DeviceSettings) -> None:
    Options.of(settings)
    Declared.of(settings, DEFAULTS[settings.type])
    check_options(settings, PATH)


KINDS: tuple[Kind, ...] = tuple(
    Kind(name, scheme, quantities(defaults), connect, understanding(defaults), _check)
    for name, defaults in DEFAULTS.items()
    for scheme in ("http", "https")
)
