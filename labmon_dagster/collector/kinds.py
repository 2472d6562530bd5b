"""Every kind of device there is. A new one is a line here."""

from __future__ import annotations

from labmon_dagster.model.devices import DeviceSettings, Kind
from labmon_dagster.sources.aim_tti.kinds import KINDS as AIM_TTI
from labmon_dagster.sources.cryomech.kinds import KINDS as CRYOMECH
from labmon_dagster.sources.device_json.kinds import KINDS as DEVICE_JSON
from labmon_dagster.sources.device_page.kinds import KINDS as DEVICE_PAGE
from labmon_dagster.sources.imacrt.kinds import KINDS as IMACRT
from labmon_dagster.sources.mqtt.kinds import KINDS as MQTT
from labmon_dagster.sources.multicomp.kinds import KINDS as MULTICOMP

_ALL = (*IMACRT, *DEVICE_PAGE, *DEVICE_JSON, *CRYOMECH, *AIM_TTI, *MULTICOMP, *MQTT)
KINDS = {(kind.type, kind.scheme): kind for kind in _ALL}


def kind_of(settings: DeviceSettings) -> Kind:
    """Give the kind of a device. Raises ValueError that names the types, or the schemes of its type."""
    kind = KINDS.get((settings.type, settings.address.scheme))
    if kind is not None:
        return kind
    schemes = [f"{scheme}://" for scheme in sorted(scheme for name, scheme in KINDS if name == settings.type)]
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
