"""A place at a port: the host of a device is looked up again when there is reason to doubt it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from labmon_dagster.model.devices import Address, DeviceError, DeviceSettings, Heard, Kind
from labmon_dagster.sources.imacrt.kinds import KINDS as IMACRT
from labmon_dagster.sources.multicomp.kinds import KINDS as MULTICOMP

_MMR3, _ = IMACRT
(_MP710508,) = MULTICOMP
_PORT = 23_457
_FEW: dict[str, dict[str, object]] = {
    _MMR3.type: {"quantities": ["temperature_1"]},
    _MP710508.type: {"channels": [1], "protection": False},
}
_NAMES = {_MMR3.type: b"MMR3_01_2_073_v2.2", _MP710508.type: b"MP710508 V1.1"}


@asynccontextmanager
async def _device(host: str, name: bytes) -> AsyncIterator[None]:
    """Answer anything at a host, by its name or a number."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as device:
        device.setblocking(False)
        device.bind((host, _PORT))

        def answer() -> None:
            query, asker = device.recvfrom(100)
            device.sendto(name if query.startswith(b"*IDN?") else b"1.5", asker)

        loop.add_reader(device, answer)
        yield
        loop.remove_reader(device)


def _settings(kind: Kind) -> DeviceSettings:
    options = _FEW[kind.type] | {"local_port": 0, "grace": 0.02}
    return DeviceSettings("it", kind.type, Address("udp", "device.lab", _PORT), 0.1, options)


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The address of device.lab; nothing, while the name server is away."""
    addresses = ["127.0.0.2"]

    async def numeric(host: str, timeout: float) -> str:
        assert host == "device.lab"
        if not addresses:
            raise DeviceError("no name server")
        return addresses[0]

    monkeypatch.setattr("labmon_dagster.sources.wire.place.numeric", numeric)
    return addresses


@pytest.mark.parametrize("kind", [_MMR3, _MP710508], ids=lambda kind: kind.type)
def test_a_silent_address_is_looked_up_again(kind: Kind, there: list[str]) -> None:
    async def work() -> None:
        device = kind.connect(_settings(kind), lambda heard: None)
        async with _device("127.0.0.2", _NAMES[kind.type]):
            assert not (await device.poll()).trouble
        there[:] = ["127.0.0.3"]
        async with _device("127.0.0.3", _NAMES[kind.type]):
            with pytest.raises(DeviceError, match=rf"^udp://device\.lab:{_PORT}: no answer to \*IDN"):
                await device.poll()
            assert not (await device.poll()).trouble
        await device.close()

    asyncio.run(work())


@pytest.mark.parametrize("kind", [_MMR3, _MP710508], ids=lambda kind: kind.type)
def test_an_address_where_another_device_answers_is_looked_up_again(kind: Kind, there: list[str]) -> None:
    async def work() -> Heard:
        device = kind.connect(_settings(kind), lambda heard: None)
        async with _device("127.0.0.2", b"MGC3_03_1_042_v2.2"), _device("127.0.0.3", _NAMES[kind.type]):
            heard = await device.poll()
            there[:] = ["127.0.0.3"]
            assert not (await device.poll()).trouble
        await device.close()
        return heard

    name = "an MMR3" if kind is _MMR3 else "MP710508"
    trouble = f"'MGC3_03_1_042_v2.2' came, which is no name of {name}: is the type right?"
    assert asyncio.run(work()).trouble == trouble


@pytest.mark.parametrize("kind", [_MMR3, _MP710508], ids=lambda kind: kind.type)
def test_after_a_poll_that_was_cut_off_the_host_is_looked_up_again(kind: Kind, there: list[str]) -> None:
    async def work() -> None:
        device = kind.connect(_settings(kind), lambda heard: None)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await device.poll()
        there[:] = ["127.0.0.3"]
        async with _device("127.0.0.3", _NAMES[kind.type]):
            assert not (await device.poll()).trouble
        await device.close()

    asyncio.run(work())


def test_without_a_name_server_the_device_is_asked_where_it_was(there: list[str]) -> None:
    async def work() -> None:
        device = _MMR3.connect(_settings(_MMR3), lambda heard: None)
        with pytest.raises(DeviceError, match="no answer"):
            await device.poll()
        there.clear()
        async with _device("127.0.0.2", _NAMES["MMR3"]):
            assert not (await device.poll()).trouble
        await device.close()
        with pytest.raises(DeviceError, match="no name server"):
            await device.poll()

    asyncio.run(work())
