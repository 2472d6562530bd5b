from __future__ import annotations

from typing import Any

import pytest

from labmon_dagster.model.devices import Address, DeviceSettings, Kind
from labmon_dagster.sources.imacrt.kinds import KINDS
from labmon_dagster.sources.imacrt.options import device_port, options_of
from labmon_dagster.sources.imacrt.quantities import MGC3, MMR3

_MMR3, _MGC3 = KINDS


def _settings(kind: Kind = _MMR3, address: str = "udp://192.168.44.61", **options: Any) -> DeviceSettings:
    return DeviceSettings("bridge", kind.type, Address.parse(address), options=options)


def _names(kind: Kind = _MMR3, **options: Any) -> list[str]:
    table = MMR3 if kind is _MMR3 else MGC3
    return [quantity.field.name for quantity in options_of(_settings(kind, **options), table).asked]


def test_there_are_two_kinds() -> None:
    assert [(kind.type, kind.scheme) for kind in KINDS] == [("MMR3", "udp"), ("MGC3", "udp")]
    assert all(kind.pushes for kind in KINDS)


def test_all_is_asked_by_default() -> None:
    assert len(_names()) == 36
    assert len(_names(_MGC3)) == 46
    options = options_of(_settings(), MMR3)
    assert (options.local_port, options.pause, options.grace) == (12_000, 0.0, 3.0)
    assert (options.identify, options.manner_end) == ("*IDN?", b"")
    queries = options.queries(MMR3)
    assert (queries[0], queries[3], queries[-1]) == ("MMR3GET 0", "MMR3GET 3", "MMR3GET 35")


def test_fewer_can_be_asked() -> None:
    assert _names(quantities=["temperature_3", "resistance_1"]) == ["resistance_1", "temperature_3"]
    assert _names(channels=[2], quantities=["temperature_1", "temperature_2"]) == ["temperature_2"]
    assert len(_names(channels=[1, 3])) == 3 + 2 * 11
    assert len(_names(_MGC3, channels=[1])) == 1 + 12 + 9


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (
            {"port": 1},
            r"option 'port' is not known; allowed: local_port, pause, identify, terminator, quantities",
        ),
        ({"local_port": "12000x"}, "option local_port: '12000x' is no port"),
        ({"local_port": "0.5"}, "option local_port: 0.5 is no port"),
        ({"channels": [1.0]}, "option channels: 1.0 is not known"),
        ({"channels": [[1]]}, r"option channels: \[1\] is not known"),
        ({"local_port": True}, "option local_port: True is no port"),
        ({"local_port": 65_536}, "option local_port: 65536 is no port"),
        ({"pause": -1}, "option pause: -1 is no number of seconds"),
        ({"pause": float("nan")}, "option pause: nan is no number of seconds"),
        ({"grace": "3s"}, "option grace: '3s' is no number of seconds"),
        (
            {"identify": "REBOOT 1"},
            r"option identify: 'REBOOT 1' is not allowed; allowed: '\*IDN\?', '\*IDN'",
        ),
        ({"terminator": "\nMMR3SET 12 1"}, "option terminator: .* is not allowed"),
        (
            {"quantities": ["temprature_1"]},
            "option quantities: 'temprature_1' is not known; allowed: 'modulation",
        ),
        ({"quantities": []}, "option quantities must be a list of one or more"),
        ({"quantities": "temperature_1"}, "option quantities must be a list"),
        ({"channels": [4]}, "option channels: 4 is not known; allowed: 1, 2, 3"),
        ({"channels": [True]}, "option channels: True is not known"),
        ({"channels": [1], "quantities": ["temperature_2"]}, "leave nothing to be asked"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        _MMR3.check(_settings(**options))


@pytest.mark.parametrize("address", ["udp://192.168.44.61/www/device.htm", "udp://[fe80::1]"])
def test_addresses_that_make_no_sense_are_refused(address: str) -> None:
    with pytest.raises(ValueError, match="a module has"):
        _MMR3.check(_settings(address=address))


def test_good_options_pass() -> None:
    _MMR3.check(_settings(local_port=0, pause=0.05, identify="*IDN", terminator="\n", channels=[1], grace=1))
    _MGC3.check(_settings(_MGC3, quantities=["setpoint_1", "measuring_module_3"]))


def test_numbers_may_come_as_text() -> None:
    given = _settings(local_port="12001", pause="0.05", grace="2", channels=["1"])
    options = options_of(given, MMR3)
    assert (options.local_port, options.pause, options.grace) == (12_001, 0.05, 2.0)
    assert len(options.asked) == 3 + 11


def test_the_port_follows_from_the_last_octet() -> None:
    assert device_port(_settings(), "192.168.44.61") == 12_061
    assert device_port(_settings(address="udp://imacrt.lab"), "10.0.0.255") == 12_255
    assert device_port(_settings(address="udp://192.168.44.61:12099"), "192.168.44.61") == 12_099


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.type)
def test_every_quantity_is_declared_once_and_explained(kind: Kind) -> None:
    fields = kind.quantities(_settings(kind))
    names = [field.name for field in fields]
    assert len(set(names)) == len(names)
    assert all(field.description for field in fields)
    part = "channel" if kind is _MMR3 else "loop"
    (status,) = (field for field in fields if field.name == "status_2")
    assert status.description.endswith(f", {part} 2")
    assert [quantity.index for quantity in MMR3.quantities] == list(range(36))
    assert [quantity.index for quantity in MGC3.quantities] == list(range(46))


@pytest.mark.parametrize(
    ("index", "name", "unit"),
    [(3, "resistance_1", "ohm"), (14, "resistance_2", "ohm"), (25, "resistance_3", "ohm"),
     (5, "temperature_1", "K"), (16, "temperature_2", "K"), (27, "temperature_3", "K"),
     (0, "modulation_period", "s"), (2, "board_temperature", ""), (12, "excitation_current_1", "A"),
     (13, "offset_1", ""), (24, "offset_2", ""), (35, "offset_3", ""), (28, "status_3", "")],
)  # fmt: skip
def test_the_indexes_of_the_bridge(index: int, name: str, unit: str) -> None:
    field = MMR3.quantities[index].field
    assert (field.name, field.unit) == (name, unit)


@pytest.mark.parametrize(
    ("index", "name", "unit"),
    [(0, "board_temperature", ""), (1, "regulation_on_1", ""), (14, "setpoint_2", "K"),
     (27, "measured_3", "K"),
     (4, "proportional_1", "W/K"), (17, "integral_2", "1/s"), (30, "derivative_3", "s"),
     (7, "maximum_power_1", "W"), (20, "heater_resistance_2", "ohm"), (33, "output_power_3", "W"),
     (34, "status_3", ""), (11, "measuring_module_1", ""), (36, "measuring_channel_3", ""),
     (37, "output_current_0", "A"), (42, "output_status_2", ""), (43, "user_voltage", "V"),
     (45, "ttl_output_2", "")],
)  # fmt: skip
def test_the_indexes_of_the_controller(index: int, name: str, unit: str) -> None:
    field = MGC3.quantities[index].field
    assert (field.name, field.unit) == (name, unit)
