"""The kinds of device of this room."""

from __future__ import annotations

from labmon_dagster.model.devices import DeviceSettings, Kind
from labmon_dagster.model.measurement import Field
from labmon_dagster.sources.multicomp.options import Options
from labmon_dagster.sources.multicomp.quantities import fields
from labmon_dagster.sources.multicomp.supply import Supply
from labmon_dagster.sources.multicomp.understand import understand


def _quantities(settings: DeviceSettings) -> tuple[Field, ...]:
    options = Options.of(settings)
    return fields(options.channels, options.protection)


def _check(settings: DeviceSettings) -> None:
    Options.of(settings)
    if settings.address.path not in {"", "/"}:
        raise ValueError(f"{settings.address}: a UDP address has no path")


KINDS: tuple[Kind, ...] = (Kind("MP710508", "udp", _quantities, Supply, understand, _check),)
