from __future__ import annotations

import pytest

from labmon_dagster.collector.kinds import broker_of, check_clients, kind_of
from labmon_dagster.model.devices import Address, DeviceSettings


@pytest.mark.parametrize(
    ("kind", "address", "said"),
    [
        ("MMR3", "tcp://host", "an MMR3 is asked by http://, https:// or udp://, not tcp://"),
        ("CMCPA", "udp://host", "a CMCPA is asked by tcp://, not udp://"),
        ("JSON-SCALE", "udp://host", "a JSON-SCALE is asked by http:// or https://, not udp://"),
        ("mmr3", "udp://host", "type 'mmr3': no such device; did you mean MMR3"),
        ("Json-Cryo", "http://host", "did you mean JSON-CRYO"),
        (
            "MQTT",
            "mqtt://host",
            "type 'MQTT': a broker is no device .*labmon_dagster.components.CosmicEv",
        ),
        ("mqtt", "mqtts://host", "type 'mqtt': a broker is no device that is asked"),
        ("VAX", "udp://host", "type 'VAX': no such device; allowed: CMCPA"),
    ],
)
def test_what_is_said_of_kinds_that_are_not(kind: str, address: str, said: str) -> None:
    with pytest.raises(ValueError, match=said.replace("?", r"\?")):
        kind_of(DeviceSettings("it", kind, Address.parse(address)))


def test_a_broker_is_a_kind_of_its_own() -> None:
    settings = DeviceSettings("broker", "MQTT", Address.parse("mqtts://host"))
    assert (broker_of(settings).type, broker_of(settings).scheme) == ("MQTT", "mqtts")
    with pytest.raises(ValueError, match="an MQTT is asked by mqtt:// or mqtts://, not http://"):
        broker_of(DeviceSettings("broker", "MQTT", Address.parse("http://host")))


def client(address: str, name: str) -> DeviceSettings:
    return DeviceSettings("broker", "MQTT", Address.parse(address), options={"client_id": name})


def test_two_assets_that_are_one_client_of_a_broker_are_named() -> None:
    one, same = client("mqtt://host", "labmon"), client("mqtt://host:1883", "labmon")
    with pytest.raises(ValueError, match="cosmic/a and cosmic/b have the same client_id 'labmon'"):
        check_clients([("cosmic/a", one), ("cosmic/b", same)])


def test_clients_of_other_names_or_brokers_and_devices_are_let_pass() -> None:
    device = DeviceSettings("it", "MMR3", Address.parse("udp://host"))
    others = (client("mqtt://host", "a"), client("mqtt://host", "b"), client("mqtt://host:1884", "a"))
    check_clients([(f"cosmic/{number}", one) for number, one in enumerate([*others, device, device])])
