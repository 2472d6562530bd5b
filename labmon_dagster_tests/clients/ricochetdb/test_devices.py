from __future__ import annotations

import asyncio
import struct
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from typing import Any

import pytest

from labmon_dagster.clients.ricochetdb import CMCPADevice, CPX200Device, Device, MMR3Device
from labmon_dagster.clients.ricochetdb.devices import DEVICES
from labmon_dagster.model.devices import SwitchingError
from labmon_dagster.running.instruments import EMULATED
from labmon_dagster.sources.cryomech.emulator import CompressorEmulator
from labmon_dagster.sources.emulation.faults import Behaviour, Fault
from labmon_dagster_tests.clients.ricochetdb.wire import emulated, nobody

_KEYS = ["timestamp", "device", "type", "address", "values", "units"]
_SPOILT = [Fault.SILENCE, Fault.GARBAGE, Fault.HALF]


def _made(name: str, ip_addr: str) -> Device:
    one = EMULATED[name]
    return DEVICES[one.type](ip_addr, one.path or one.scheme, "any")


def _asked(device: Device) -> dict[str, Any]:
    results: list[dict[str, Any]] = [{"there": "before"}]
    device.get_data(results)
    assert results[0] == {"there": "before"}
    assert len(results) == 2
    return results[1]


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Device, "timeout", 0.3)


@pytest.mark.parametrize("name", EMULATED)
def test_each_device_is_asked_on_the_wire(name: str) -> None:
    one = EMULATED[name]
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    with emulated(name) as (place,):
        record = _asked(_made(name, place))
    assert list(record) == _KEYS
    assert (record["device"], record["type"]) == (place, one.type)
    assert record["address"] == f"{one.scheme}://{place}{one.path}"
    assert before <= record["timestamp"] <= datetime.now(UTC)
    assert len(record["values"]) > 3
    assert set(record["units"]) <= set(record["values"])


def test_every_class_has_an_emulator_that_it_is_tried_on() -> None:
    assert set(DEVICES) == {one.type for one in EMULATED.values()}


@pytest.mark.parametrize("name", EMULATED)
@pytest.mark.parametrize("fault", _SPOILT)
def test_a_device_without_a_good_answer_lacks_its_quantities(name: str, fault: Fault) -> None:
    with emulated(name, behaviour=Behaviour(fault, seed=3)) as (place,):
        record = _asked(_made(name, place))
    assert record["values"] == {}
    assert record["missing"]
    assert all(record["missing"].values())


def test_a_device_that_is_not_there_lacks_its_quantities() -> None:
    record = _asked(MMR3Device(nobody(), "udp", "imacrt"))
    assert record["values"] == {}
    assert "no answer to *IDN?" in record["missing"]["temperature_1"]


@pytest.mark.parametrize(
    ("kind", "ip_addr", "prot", "told"),
    [
        ("MMR3", "192.168.44.61", "ftp", "allowed: udp, tcp, http, https, or the path"),
        ("MMR3", "192.168.44.61", "tcp", "asked by http://, https:// or udp://"),
        ("CRYO", "192.168.44.61", "udp", "asked by http:// or https://"),
        ("CMCPA", "192.168.44.61:0", "tcp", "a number from 1 to 65535"),
        ("CRYO", "192.168.44.61", "/relay?on=1", "may be a form"),
        ("CRYO", "me:secret@192.168.44.61", "http", "a user or password does not belong"),
    ],
)
def test_a_device_that_cannot_be_is_refused(kind: str, ip_addr: str, prot: str, told: str) -> None:
    with pytest.raises(RuntimeError, match="^" + kind) as caught:
        DEVICES[kind](ip_addr, prot, "any").get_data([])
    assert told in str(caught.value)


def test_a_device_of_ones_own_needs_get_data_only() -> None:
    class Clock(Device):
        def get_data(self, results: Any, udp_buffer: Any = ()) -> None:
            results.append({"told": (self.ip_addr, self.prot, self.cat)})

    results: list[dict[str, Any]] = []
    Clock("10.0.0.1", "udp", "clock").get_data(results)
    assert results == [{"told": ("10.0.0.1", "udp", "clock")}]
    with pytest.raises(TypeError, match="abstract"):
        Device("10.0.0.1", "udp", "clock")  # type: ignore[abstract]


def test_modules_on_one_port_are_asked_by_threads_at_once() -> None:
    async def both(places: list[str]) -> list[dict[str, Any]]:
        devices = [MMR3Device(one, "udp", "imacrt") for one in places]
        return await asyncio.gather(*(asyncio.to_thread(_asked, one) for one in devices))

    with emulated("mmr3", "mmr3") as places:
        records = asyncio.run(both(places))
    assert [len(one["values"]) for one in records] == [37, 37]


def _values(place: str) -> int:
    return len(_asked(MMR3Device(place, "udp", "imacrt"))["values"])


def test_a_process_that_was_forked_asks_too() -> None:
    with emulated("mmr3") as (place,), ProcessPoolExecutor(1, get_context("fork")) as pool:
        assert _values(place) == 37
        assert pool.submit(_values, place).result(30) == 37


def test_a_reply_of_a_compressor_is_broken_down() -> None:
    query = CMCPADevice.buildRegistersQuery()
    reply = CompressorEmulator(seed=1).reply(query)
    assert reply is not None
    data: dict[str, float | int] = {"mine": 1}
    filled = CMCPADevice("192.168.44.70", "tcp", "compressor").breakdownReplyData(
        bytearray(reply.payload), data
    )
    assert filled is data
    assert data["mine"] == 1
    assert {type(value) for value in data.values()} == {float, int}
    helium = reply.payload[9 + 2 * 12 :][:4]
    assert data["helium_temperature"] == struct.unpack(">f", helium[2:] + helium[:2])[0]


def test_what_is_no_reply_leaves_the_data_as_they_were() -> None:
    data: dict[str, float | int] = {}
    with pytest.raises(RuntimeError, match="no reply of a compressor: 3 bytes"):
        CMCPADevice("192.168.44.70", "tcp", "compressor").breakdownReplyData(b"abc", data)
    assert data == {}


def test_a_supply_is_asked_one_question() -> None:
    with emulated("cpx200") as (place,):
        host, _, port = place.partition(":")
        assert asyncio.run(CPX200Device.cpx200dp_cmd(host, port, "V1?\n")).startswith("V1 ")
        assert "CPX" in asyncio.run(CPX200Device.cpx200dp_cmd(host, int(port), "*IDN?"))


@pytest.mark.parametrize("cmd", ["OP1 1", "V1 5", "*RST", "EER?", "V1?;OP1 1", ""])
def test_a_command_that_is_no_query_is_refused_before_anything_is_sent(cmd: str) -> None:
    asked = CPX200Device.cpx200dp_cmd("supply.invalid", 9221, cmd)
    with pytest.raises(RuntimeError, match="is not sent") as caught:
        asyncio.run(asked)
    assert isinstance(caught.value, SwitchingError)


@pytest.mark.parametrize("fault", _SPOILT)
def test_a_supply_without_a_good_answer_is_told(fault: Fault) -> None:
    with emulated("cpx200", behaviour=Behaviour(fault, seed=3)) as (place,):
        host, _, port = place.partition(":")
        with pytest.raises(RuntimeError, match=r"V1\? to 127.0.0.1"):
            asyncio.run(CPX200Device.cpx200dp_cmd(host, port, "V1?"))
