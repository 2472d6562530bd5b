"""Every kind of device there is, and of broker. A new one is a line here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from labmon_dagster.model.devices import DeviceSettings, Kind
from labmon_dagster.sources.aim_tti.kinds import KINDS as AIM_TTI
from labmon_dagster.sources.cryomech.kinds import KINDS as CRYOMECH
from labmon_dagster.sources.device_json.kinds import KINDS as DEVICE_JSON
from labmon_dagster.sources.device_page.kinds import KINDS as DEVICE_PAGE
from labmon_dagster.sources.imacrt.kinds import KINDS as IMACRT
from labmon_dagster.sources.mqtt.kinds import KINDS as MQTT
from labmon_dagster.sources.mqtt.options import port_of
from labmon_dagster.sources.multicomp.kinds import KINDS as MULTICOMP

_ALL = (*IMACRT, *DEVICE_PAGE, *DEVICE_JSON, *CRYOMECH, *AIM_TTI, *MULTICOMP)
KINDS = {(kind.type, kind.scheme): kind for kind in _ALL}
BROKERS = {(kind.type, kind.scheme): kind for kind in MQTT}
"""What carries the messages of others: these mean something to the asset that collects them alone."""


def kind_of(settings: DeviceSettings) -> Kind:
    """Give the kind of a device. Raises ValueError that names the types, or the schemes of its type."""
    if settings.type.upper() in {name for name, _ in BROKERS}:
        raise ValueError(
            f"type {settings.type!r}: a broker is no device that is asked; for events of detectors there is "
            "labmon_dagster.components.CosmicEvents, with a `broker`"
        )
    return _found(settings, KINDS)


def broker_of(settings: DeviceSettings) -> Kind:
    """Give the kind of a broker. Raises ValueError that names its schemes."""
    return _found(settings, BROKERS)


def check_clients(clients: Iterable[tuple[str, DeviceSettings]]) -> None:
    """Raise ValueError where two assets are one client of a broker: each would get messages of the other.

    ``clients``: pairs of an asset and what it listens to; devices among them are let pass.
    """
    known: dict[tuple[str, int, object], str] = {}
    for asset, settings in clients:
        if (settings.type, settings.address.scheme) not in BROKERS:
            continue
        client = settings.options.get("client_id")
        first = known.setdefault((settings.address.host, port_of(settings), client), asset)
        if first != asset:
            raise ValueError(
                f"{first} and {asset} have the same client_id {client!r} at {settings.address}: "
                "each would get messages of the other; give each its own"
            )


def _found(settings: DeviceSettings, kinds: Mapping[tuple[str, str], Kind]) -> Kind:
    kind = kinds.get((settings.type, settings.address.scheme))
    if kind is not None:
        return kind
    schemes = [f"{scheme}://" for scheme in sorted(scheme for name, scheme in kinds if name == settings.type)]
    if not schemes:
        raise ValueError(f"type {settings.type!r}: no such device; {_allowed(settings.type)}")
    *others, last = schemes
    by = f"{', '.join(others)} or {last}" if others else last
    raise ValueError(
        f"address {settings.address}: {_article(settings.type)} {settings.type} is asked by {by}, "
        f"not {settings.address.scheme}://"
    )


def _allowed(wrong: str) -> str:
    types = sorted({name for name, _ in KINDS})
    meant = [name for name in types if name.lower() == wrong.lower()]
    return f"did you mean {meant[0]}?" if meant else f"allowed: {', '.join(types)}"


def _article(kind: str) -> str:
    return "an" if kind[:1] in "AEFHILMNORSX" else "a"  # types are spelled out: an em-em-ar-three
