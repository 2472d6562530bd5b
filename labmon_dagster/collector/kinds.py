"""Every kind of device there is. A new one is a line here."""

from __future__ import annotations

from labmon_dagster.model.devices import DeviceSettings, Kind
from labmon_dagster.sources.aim_tti.kinds import KINDS as AIM_TTI
from labmon_dagster.sources.cryomech.kinds import KINDS as CRYOMECH
from labmon_dagster.sources.device_json.kinds import KINDS as DEVICE_JSON
from labmon_dagster.sources.device_page.kinds import KINDS as DEVICE_PAGE
from labmon_dagster.sources.imacrt.kinds import KINDS as IMACRT
from labmon_dagster.sources.multicomp.kinds import KINDS as MULTICOMP

_ALL = (*IMACRT, *DEVICE_PAGE, *DEVICE_JSON, *CRYOMECH, *AIM_TTI, *MULTICOMP)
KINDS = {(kind.type, kind.scheme): kind for kind in _ALL}


def kind_of(settings: DeviceSettings) -> Kind:
    """Give the kind of a device. Raises ValueError that names the types, or the schemes of its type."""
    kind = KINDS.get((settings.type, settings.address.scheme))
    if kind is not None:
        return kind
    schemes = sorted(scheme for name, scheme in KINDS if name == settings.type)
    if not schemes:
        types = ", ".join(sorted({name for name, _ in KINDS}))
        raise ValueError(f"type {settings.type!r}: no such device; allowed: {types}")
    raise ValueError(
        f"address {settings.address}: a {settings.type} is asked by {' or '.join(schemes)}://, "
        f"not {settings.address.scheme}://"
    )
