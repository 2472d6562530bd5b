"""Devices as this module names them, asked by the readers of labmon."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from time import time_ns
from typing import Any, NamedTuple

from labmon_dagster.clients.ricochetdb.collector import collector_of
from labmon_dagster.clients.ricochetdb.collector_port import port_of
from labmon_dagster.clients.ricochetdb.loop import turn
from labmon_dagster.collector.kinds import KINDS, kind_of
from labmon_dagster.model.devices import (
    Address,
    Device,
    DeviceError,
    DeviceSettings,
    Heard,
    Kind,
    Said,
    record_of,
)
from labmon_dagster.sources.imacrt.module import Module
from labmon_dagster.sources.imacrt.options import LOCAL_PORT
from labmon_dagster.sources.imacrt.quantities import TABLES
from labmon_dagster.stores.documents.plain import date_of

_LOG = logging.getLogger(__name__)
_SCHEMES = ("udp", "tcp", "http", "https")
_LONGEST = 60.0  # s of a poll


class Answer(NamedTuple):
    """What a device said, and when (UTC ns)."""

    settings: DeviceSettings
    said: Said
    received: int

    def record(self, ahead: int = 0) -> dict[str, Any]:
        """Give the record of it. ``ahead``: ns to be added to its time."""
        timestamp = date_of(self.received + ahead)
        return record_of(self.settings, str(self.settings.address), self.said, timestamp)


def settings_of(
    kind: str, ip_addr: str, prot: str, names: Mapping[str, str], timeout: float
) -> DeviceSettings:
    """Give the settings of a device. Raises RuntimeError that says what is wrong and what is allowed."""
    try:
        address = _address(kind, ip_addr, prot)
        options: dict[str, Any] = {"names": dict(names)} if names else {}
        if kind in TABLES and address.scheme == "udp" and address.port is None:
            options["local_port"] = LOCAL_PORT
        settings = DeviceSettings(ip_addr, kind, address, timeout, options)
        kind_of(settings).check(settings)
    except ValueError as error:
        raise RuntimeError(f"{kind} at {ip_addr!r}: {error}") from error
    return settings


async def ask(settings: DeviceSettings, buffer: object = None) -> Answer:
    """Ask a device once. One that says nothing that makes sense lacks all its quantities, with the reason.

    Who asks the same device meanwhile has his turn afterwards. ``buffer``: the list of a running collector,
    which then hears its answers.
    """
    async with turn(str(settings.address)):
        return await _asked(settings, buffer)


async def _asked(settings: DeviceSettings, buffer: object) -> Answer:
    kind = kind_of(settings)
    device = _connected(kind, settings, buffer)
    received = time_ns()
    try:
        async with asyncio.timeout(_LONGEST):
            heard = await device.poll()
        received = heard.received
        if heard.trouble:
            raise DeviceError(heard.trouble)
        said = kind.understand(heard, settings)
    except TimeoutError:
        said = _nothing(kind, settings, f"no end of a poll within {_LONGEST:g} s")
    except (DeviceError, ValueError, OSError) as error:
        said = _nothing(kind, settings, str(error))
    except Exception as error:  # a fault in one kind of device must not cost what the others say
        _LOG.exception("%s at %s", settings.type, settings.name)
        said = _nothing(kind, settings, f"{type(error).__name__}: {error}")
    finally:
        await device.close()
    return Answer(settings, said, received)


def _nothing(kind: Kind, settings: DeviceSettings, reason: str) -> Said:
    _LOG.warning("%s at %s: %s", settings.type, settings.name, reason)
    return Said({}, missing={one.name: reason for one in kind.quantities(settings)})


def heard_aside(name: str, heard: Heard) -> None:
    """Tell of what a device said besides its answers."""
    _LOG.info("%s: %d bytes besides: %s", name, len(heard.payload), heard.trouble or "a message of its own")


def _connected(kind: Kind, settings: DeviceSettings, buffer: object) -> Device:
    def unasked(heard: Heard) -> None:
        heard_aside(settings.name, heard)

    collector = collector_of(buffer, settings.options.get("local_port", LOCAL_PORT))
    if collector is None or settings.type not in TABLES or kind.scheme != "udp":
        return kind.connect(settings, unasked)
    return Module(TABLES[settings.type], settings, unasked, lambda number: port_of(collector))


def _address(kind: str, ip_addr: str, prot: str) -> Address:
    schemes = [scheme for name, scheme in KINDS if name == kind]
    if not prot.startswith("/") and prot not in _SCHEMES:
        raise ValueError(f"prot {prot!r}; allowed: {', '.join(_SCHEMES)}, or the path of a page, as /json")
    if prot in _SCHEMES:
        return Address.parse(f"{prot}://{ip_addr}")
    page = "http" in schemes
    return Address.parse(f"http://{ip_addr}{prot}" if page else f"{schemes[0]}://{ip_addr}")
