"""The kinds of brokers: without and with TLS."""

from __future__ import annotations

from labmon_dagster.model.devices import Device, DeviceSettings, Heard, Kind, Said, Unasked
from labmon_dagster.model.measurement import Field
from labmon_dagster.sources.mqtt.broker import Broker
from labmon_dagster.sources.mqtt.options import PORTS, check

TYPE = "MQTT"


def connect(settings: DeviceSettings, unasked: Unasked) -> Device:
    """Give the broker to be listened to."""
    return Broker(settings, unasked)


def quantities(settings: DeviceSettings) -> tuple[Field, ...]:
    """Nothing: a broker carries what others say."""
    return ()


def understand(heard: Heard, settings: DeviceSettings) -> Said:
    """Raise ValueError: what a message means is known to the asset that collects it."""
    raise ValueError("a message of a broker is understood by the asset that collects it")


KINDS: tuple[Kind, ...] = tuple(
    Kind(TYPE, scheme, quantities, connect, understand, check, pushes=True, confirmed=True)
    for scheme in PORTS
)
