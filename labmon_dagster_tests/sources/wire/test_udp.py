from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from labmon_dagster.model.devices import DeviceError, Heard
from labmon_dagster.sources.wire import udp
from labmon_dagster.sources.wire.udp import UdpPort, numeric, open_ports, shared

_LONG = 5.0
_HERE = "127.0.0.1"


def _never(payload: bytes) -> bool:
    return False


def _always(payload: bytes) -> bool:
    return True


def _device(host: str = _HERE) -> socket.socket:
    device = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    device.bind((host, 0))
    device.setblocking(False)
    return device


@asynccontextmanager
async def _port() -> AsyncIterator[UdpPort]:
    port = UdpPort(0)
    keeper = port.join("127.9.9.9", 9, lambda heard: None, _never)
    try:
        yield port
    finally:
        keeper.leave()


async def _until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(_LONG):
        while not true():
            await asyncio.sleep(0.001)


def _run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


def test_a_question_goes_to_the_device_and_its_answer_comes_back() -> None:
    async def work() -> None:
        with _device() as device:
            async with _port() as port:
                peer = port.join(*device.getsockname(), lambda heard: None, _never)
                asking = asyncio.create_task(peer.ask(b"*IDN?", _LONG))
                loop = asyncio.get_running_loop()
                query, ours = await loop.sock_recvfrom(device, 100)
                device.sendto(b"name\x00\xff", ours)
                answer, received = await asking
                assert (query, ours[1], answer) == (b"*IDN?", port.number, b"name\x00\xff")
                assert received > 1_700_000_000 * 10**9
                peer.leave()

    _run(work())


def test_devices_at_one_port_are_told_by_their_sender() -> None:
    async def work() -> None:
        heard: list[tuple[int, bytes]] = []
        with _device() as one, _device() as two:
            async with _port() as port:
                for number, device in enumerate((one, two)):
                    port.join(
                        *device.getsockname(), lambda h, n=number: heard.append((n, h.payload)), _always
                    )
                two.sendto(b"of two", (_HERE, port.number))
                one.sendto(b"of one", (_HERE, port.number))
                await _until(lambda: len(heard) == 2)
        assert sorted(heard) == [(0, b"of one"), (1, b"of two")]

    _run(work())


def test_the_only_device_of_a_host_may_send_from_another_port() -> None:
    async def work() -> None:
        heard: list[Heard] = []
        with _device() as device:
            async with _port() as port:
                port.join(_HERE, 1, heard.append, _always)
                device.sendto(b"push", (_HERE, port.number))
                await _until(lambda: len(heard) == 1)
                assert heard[0].sender == f"{_HERE}:{device.getsockname()[1]}"
                assert heard[0].trouble == ""

    _run(work())


def test_a_datagram_from_nobody_known_is_kept_with_its_sender() -> None:
    async def work() -> None:
        heard: list[Heard] = []
        with _device("127.0.0.2") as device:
            port = UdpPort(0)
            peer = port.join(_HERE, 1, heard.append, _always)
            device.sendto(b"who am I", (_HERE, port.number))
            await _until(lambda: len(heard) == 1)
            peer.leave()
            assert (heard[0].payload, heard[0].trouble != "") == (b"who am I", True)
            assert heard[0].sender == f"127.0.0.2:{device.getsockname()[1]}"

    _run(work())


def test_what_came_before_a_question_is_no_answer_to_it() -> None:
    async def work() -> None:
        late: list[Heard] = []
        with _device() as device:
            async with _port() as port:
                peer = port.join(*device.getsockname(), late.append, _never)
                device.sendto(b"an old answer", (_HERE, port.number))
                with pytest.raises(TimeoutError):
                    await peer.ask(b"A", 0.05)
                assert [heard.payload for heard in late] == [b"an old answer"]

    _run(work())


def test_a_device_cannot_be_asked_twice() -> None:
    async def work() -> None:
        async with _port() as port:
            port.join(_HERE, 12061, lambda heard: None, _never)
            with pytest.raises(DeviceError, match=r"udp://127\.0\.0\.1:12061 is asked by another device"):
                port.join(_HERE, 12061, lambda heard: None, _never)

    _run(work())


def test_a_port_that_another_program_has_is_an_error() -> None:
    async def work() -> None:
        with (
            _device("0.0.0.0") as other,
            pytest.raises(DeviceError, match="cannot be had: Address already in use"),
        ):
            shared(other.getsockname()[1])
        assert open_ports() == []

    _run(work())


def test_a_port_is_shared_until_its_last_device_leaves() -> None:
    async def work() -> None:
        port = shared(0)
        one, two = (port.join(_HERE, number, lambda heard: None, _never) for number in (1, 2))
        assert shared(port.number) is port
        assert open_ports() == [port]
        one.leave()
        assert open_ports() == [port]
        two.leave()
        two.leave()
        assert open_ports() == []
        again = shared(port.number)
        assert again is not port
        again.join(_HERE, 1, lambda heard: None, _never).leave()

    _run(work())


def test_any_free_port_is_ones_own() -> None:
    async def work() -> None:
        one, two = shared(0), shared(0)
        assert one.number != two.number
        for port in (one, two):
            port.join(_HERE, 1, lambda heard: None, _never).leave()

    _run(work())


def test_the_last_to_leave_takes_what_has_come() -> None:
    async def work() -> None:
        heard: list[Heard] = []
        with _device() as device:
            port = UdpPort(0)
            peer = port.join(*device.getsockname(), heard.append, _always)
            for number in range(600):
                device.sendto(b"%d" % number, (_HERE, port.number))
            port_rows = port.dropped()
            peer.leave()
        assert len(heard) + (port_rows or 0) == 600

    _run(work())


def test_no_two_datagrams_have_the_same_time() -> None:
    async def work() -> None:
        heard: list[Heard] = []
        with _device() as device:
            async with _port() as port:
                port.join(*device.getsockname(), heard.append, _always)
                for _ in range(300):
                    device.sendto(b"x", (_HERE, port.number))
                await _until(lambda: len(heard) == 300)
        times = [one.received for one in heard]
        assert times == sorted(set(times))

    _run(work())


def test_equal_times_of_the_kernel_are_told_apart() -> None:
    async def work() -> None:
        async with _port() as port:
            told = [(socket.SOL_SOCKET, udp._KERNEL_TIME, udp._TIMESPEC.pack(5, 0))]
            assert [port._unique(told) - 5 * 10**9 for _ in range(4)] == [0, 1, 2, 3]
            set_back = [(socket.SOL_SOCKET, udp._KERNEL_TIME, udp._TIMESPEC.pack(4, 0))]
            assert port._unique(set_back) == 4 * 10**9

    _run(work())


def test_a_paused_port_leaves_datagrams_in_the_kernel() -> None:
    async def work() -> None:
        heard: list[Heard] = []
        with _device() as device:
            async with _port() as port:
                port.join(*device.getsockname(), heard.append, _always)
                port.pause()
                port.pause()
                device.sendto(b"waits", (_HERE, port.number))
                port.drain()
                await asyncio.sleep(0.02)
                assert heard == []
                port.go_on()
                port.go_on()
                await _until(lambda: len(heard) == 1)

    _run(work())


@pytest.mark.skipif(not Path("/proc/net/udp").exists(), reason="only Linux counts them")
def test_what_the_kernel_drops_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(udp, "_BUFFER", 4096)

    async def work() -> None:
        heard: list[Heard] = []
        with _device() as device:
            async with _port() as port:
                port.join(*device.getsockname(), heard.append, _always)
                assert port.dropped() == 0
                port.pause()
                for _ in range(500):
                    device.sendto(bytes(186), (_HERE, port.number))
                port.go_on()
                await _until(lambda: port.received + (port.dropped() or 0) == 500)
                assert port.dropped()
                assert len(heard) == port.received

    _run(work())


def test_a_closed_port_counts_and_takes_nothing() -> None:
    async def work() -> None:
        port = UdpPort(0)
        port.join(_HERE, 1, lambda heard: None, _never).leave()
        port.pause()
        port.go_on()
        port.drain()
        assert port.dropped() is None

    _run(work())


def test_what_cannot_be_sent_is_an_error() -> None:
    async def work() -> None:
        async with _port() as port:
            with pytest.raises(DeviceError, match=r"udp://255\.255\.255\.255:9: "):
                port.send(b"x", ("255.255.255.255", 9))

    _run(work())


def test_names_of_hosts_become_addresses() -> None:
    async def work() -> None:
        assert await numeric("192.168.44.61", 0.0) == "192.168.44.61"
        assert await numeric("localhost", _LONG) == _HERE

    _run(work())


@pytest.mark.parametrize("host", ["no such host", "a" * 70 + ".b", "a..b", "a\0b", "::1"])
def test_a_name_without_address_is_an_error(host: str) -> None:
    with pytest.raises(DeviceError, match="its address cannot be had"):
        asyncio.run(numeric(host, _LONG))


def test_a_name_server_that_is_silent_is_an_error() -> None:
    async def work() -> None:
        async def for_ever(*_: object, **__: object) -> None:
            await asyncio.Event().wait()

        asyncio.get_running_loop().getaddrinfo = for_ever  # type: ignore[method-assign,assignment]
        await numeric("device.lab", 0.05)

    with pytest.raises(DeviceError, match=r"device\.lab: no name server gave its address within 0\.05 s"):
        _run(work())
