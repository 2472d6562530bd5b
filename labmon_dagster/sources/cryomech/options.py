"""The options of a compressor in YAML."""

from __future__ import annotations

from dataclasses import dataclass

from labmon_dagster.model.devices import DeviceSettings
from labmon_dagster.sources.cryomech.frames import COUNT
from labmon_dagster.sources.wire.numerals import numeral


@dataclass(frozen=True, slots=True)
class Options:
    """``count``: registers to be read; ``unit``: the Modbus unit id."""

    count: int
    unit: int


def options_of(settings: DeviceSettings) -> Options:
    """Understand the options. Raises ValueError for those that make no sense."""
    if unknown := sorted(map(str, settings.options.keys() - {"firmware", "unit"})):
        raise ValueError(f"a compressor has no option {', '.join(unknown)}; it has firmware and unit")
    firmware, unit = settings.options.get("firmware", "2"), numeral(settings.options.get("unit", 1))
    if str(firmware) not in COUNT:
        raise ValueError(f'firmware is {firmware!r}, expected "2" or "3"')
    if not isinstance(unit, int) or isinstance(unit, bool) or not 1 <= unit <= 255:
        raise ValueError(f"unit is {unit!r}, expected a number from 1 to 255")
    return Options(COUNT[str(firmware)], unit)


def check(settings: DeviceSettings) -> None:
    """Raise ValueError for options or an address that make no sense."""
    options_of(settings)
    if settings.address.path not in {"", "/"}:
        raise ValueError(f"address {settings.address}: a compressor has no path; write tcp://192.168.44.70")
