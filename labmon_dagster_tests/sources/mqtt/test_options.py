"""The options of a broker: what is understood, and what an error says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from labmon_dagster.model.devices import Address, DeviceSettings
from labmon_dagster.sources.mqtt.kinds import KINDS
from labmon_dagster.sources.mqtt.options import Options, check, options_of, port_of

GOOD: dict[str, Any] = {"client_id": "lab", "topics": ["cosmic/{detector}/events"]}


def settings(address: str = "mqtts://broker", **options: Any) -> DeviceSettings:
    return DeviceSettings("broker", "MQTT", Address.parse(address), 5.0, {**GOOD, **options})


def test_what_is_not_said_is_usual() -> None:
    assert options_of(settings()) == Options("lab", ("cosmic/+/events",))


def test_all_options() -> None:
    told: dict[str, Any] = {"qos": 0, "user": "u", "ca_file": "a", "certificate": "b", "key_file": "c"}
    found = options_of(settings(**told, topics=["a/#", "a/#", "{detector}"]))
    assert found == Options("lab", ("a/#", "+"), 0, Path("a"), Path("b"), Path("c"), "u")


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"client": "x"}, "option 'client' is not known; allowed: client_id, topics, qos, ca_file"),
        ({"client_id": ""}, "option client_id: ''; a name of 1 to 128 characters"),
        ({"client_id": 5}, "option client_id: 5 is no text"),
        ({"client_id": "x" * 129}, "1 to 128 characters"),
        ({"client_id": "a\nb"}, "option client_id"),
        ({"topics": []}, "a list of one or more"),
        ({"topics": "a/b"}, "a list of one or more"),
        ({"topics": [5]}, "a list of one or more"),
        ({"topics": ["a/b#"]}, "# alone at the end"),
        ({"qos": 2}, "allowed: 1 (at least once) and 0"),
        ({"qos": True}, "option qos: True"),
        ({"qos": "1"}, "option qos: '1'"),
        ({"certificate": "x"}, "belong together"),
        ({"key_file": "x"}, "belong together"),
        ({"ca_file": 5}, "option ca_file: 5 is no text"),
    ],
)
def test_what_makes_no_sense(options: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError) as told:
        check(settings(**options))
    assert why in str(told.value)


@pytest.mark.parametrize("name", ["ca_file", "certificate", "key_file"])
def test_certificates_are_for_tls_only(name: str) -> None:
    with pytest.raises(ValueError, match=f"option {name}: only mqtts:// has certificates"):
        check(settings("mqtt://broker", **{name: "x"}))


def test_a_broker_has_no_path() -> None:
    check(settings("mqtt://broker/"))
    with pytest.raises(ValueError, match="a broker has no path"):
        check(settings("mqtt://broker/events"))


@pytest.mark.parametrize(
    ("address", "port"), [("mqtt://b", 1883), ("mqtts://b", 8883), ("mqtts://b:443", 443), ("mqtt://b:5", 5)]
)
def test_the_port(address: str, port: int) -> None:
    assert port_of(settings(address)) == port


def test_the_kinds_are_listened_to_and_confirm() -> None:
    assert [(one.type, one.scheme) for one in KINDS] == [("MQTT", "mqtt"), ("MQTT", "mqtts")]
    assert all(one.pushes and one.confirmed for one in KINDS)
