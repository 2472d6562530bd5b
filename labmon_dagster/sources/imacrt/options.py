"""The options of a module in YAML."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from labmon_dagster.model.devices import DeviceSettings
from labmon_dagster.sources.imacrt.quantities import CHANNELS, NAME_QUERIES, Quantity, Table
from labmon_dagster.sources.imacrt.queries import checked_query
from labmon_dagster.sources.wire.numerals import numeral, numerals

LOCAL_PORT = 12_000  # modules answer to it; one on this machine is an emulated one, and answers to any
_ALLOWED = ("local_port", "pause", "identify", "terminator", "quantities", "channels", "grace")
_LAST_PORT = 65_535
_FIRST_DEVICE_PORT = 12_000


@dataclass(frozen=True, slots=True)
class Options:
    """How a module is asked. ``pause`` and ``grace`` in s; ``asked`` are the quantities of each poll."""

    asked: tuple[Quantity, ...]
    local_port: int = LOCAL_PORT
    pause: float = 0.0
    grace: float = 3.0
    identify: str = "*IDN?"
    terminator: str = ""

    @property
    def manner_end(self) -> bytes:
        """What stands behind each question."""
        return self.terminator.encode()

    def queries(self, table: Table) -> tuple[str, ...]:
        """The questions of one poll. Raises SwitchingError if one were none."""
        return tuple(checked_query(f"{table.type}GET {quantity.index}") for quantity in self.asked)


def options_of(settings: DeviceSettings, table: Table) -> Options:
    """Understand the options of a module. Raises ValueError that names what is allowed."""
    told = settings.options
    for name in told:
        if name not in _ALLOWED:
            raise ValueError(f"option {name!r} is not known; allowed: {', '.join(_ALLOWED)}")
    return Options(
        _asked(told, table),
        _port(told.get("local_port", 0 if settings.address.is_here else LOCAL_PORT)),
        _seconds(told, "pause", 0.0),
        _seconds(told, "grace", 3.0),
        _one_of(told, "identify", NAME_QUERIES),
        _one_of(told, "terminator", ("", "\n")),
    )


def check(settings: DeviceSettings, table: Table) -> None:
    """Raise ValueError for options or an address that make no sense."""
    options_of(settings, table)
    if settings.address.path:
        raise ValueError(f"address {settings.address}: a module has no path; write udp://192.168.44.61")
    if ":" in settings.address.host:
        raise ValueError(f"address {settings.address}: a module has an IPv4 address")


def device_port(settings: DeviceSettings, host: str) -> int:
    """Give the module's port: 12000 + the last octet of ``host`` (numeric), unless the address has one."""
    if settings.address.port is not None:
        return settings.address.port
    return _FIRST_DEVICE_PORT + ipaddress.IPv4Address(host).packed[-1]


def _asked(told: Mapping[str, Any], table: Table) -> tuple[Quantity, ...]:
    names = _list(told, "quantities", table.names)
    channels = _list(told, "channels", CHANNELS)
    asked = tuple(
        quantity
        for quantity in table.quantities
        if quantity.field.name in names and (quantity.channel is None or quantity.channel in channels)
    )
    if not asked:
        raise ValueError("option quantities and option channels together leave nothing to be asked")
    return asked


def _list(told: Mapping[str, Any], name: str, allowed: tuple[Any, ...]) -> list[Any]:
    found = told.get(name, list(allowed))
    found = numerals(found) if allowed is CHANNELS else found
    if not isinstance(found, list | tuple) or not found:
        raise ValueError(f"option {name} must be a list of one or more; allowed: {_shown(allowed)}")
    for one in found:
        if type(one) is not type(allowed[0]) or one not in allowed:
            raise ValueError(f"option {name}: {one!r} is not known; allowed: {_shown(allowed)}")
    return list(found)


def _one_of(told: Mapping[str, Any], name: str, allowed: tuple[str, ...]) -> str:
    found = told.get(name, allowed[0])
    if found not in allowed:
        raise ValueError(f"option {name}: {found!r} is not allowed; allowed: {_shown(allowed)}")
    return str(found)


def _seconds(told: Mapping[str, Any], name: str, default: float) -> float:
    found = numeral(told.get(name, default))
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 <= found <= 60:
        raise ValueError(f"option {name}: {found!r} is no number of seconds from 0 to 60")
    return float(found)


def _port(found: Any) -> int:
    found = numeral(found)
    if isinstance(found, bool) or not isinstance(found, int) or not 0 <= found <= _LAST_PORT:
        raise ValueError(
            f"option local_port: {found!r} is no port; allowed: 0 (any free one) to {_LAST_PORT}"
        )
    return found


def _shown(allowed: tuple[Any, ...]) -> str:
    return ", ".join(repr(one) for one in allowed)
