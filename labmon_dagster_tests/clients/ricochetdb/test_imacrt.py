from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from threading import Event, Thread
from typing import Any

import pytest

from labmon_dagster.clients.ricochetdb import (
    Device,
    DummyImacrtServer,
    MGC3Device,
    MMR3Device,
    UdpImacrtCollector,
    dummy,
    imacrt_udp,
    query_imacrt_udp,
    send_udp_message,
)
from labmon_dagster.clients.ricochetdb.collector import Datagram
from labmon_dagster.sources.emulation.faults import Behaviour, Fault
from labmon_dagster_tests.clients.ricochetdb.wire import emulated, nobody

_HERE = "127.0.0.1"
_PUSH = b"5;T1;1.2E+00\n"
_SWITCHING = ["MMR3SET 5 1", "REBOOT 1", "MMR3GET 5\nMMR3SET 5 1", "", b"MES 1"]


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Device, "timeout", 0.3)


@pytest.fixture
def collector() -> Iterator[UdpImacrtCollector]:
    made = UdpImacrtCollector([], _HERE, 0)
    made.start()
    yield made
    made.stop()


def _until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not true():
        assert time.monotonic() < end
        time.sleep(0.005)


def _socket(host: str = _HERE) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind((host, 0))
    return made


def _sent(payload: bytes, port: int) -> tuple[str, int]:
    """Send a datagram from another host; gives its sender."""
    with closing(_socket("127.0.0.2")) as sending:
        sending.sendto(payload, (_HERE, port))
        sender: tuple[str, int] = sending.getsockname()
        return sender


def test_a_collector_keeps_what_comes_and_ends_after_the_next_message() -> None:
    buffer: list[Datagram] = []
    collector = UdpImacrtCollector(buffer, _HERE, 0)
    collector.start()
    first = _sent(b"one", collector.port)
    _until(lambda: len(buffer) == 1)
    collector.stop_after_next_message()
    assert collector.is_alive()
    second = _sent(b"two", collector.port)
    collector.join(10)
    assert not collector.is_alive()
    assert [(one.payload, one.sender) for one in buffer] == [(b"one", first), (b"two", second)]
    assert buffer[0].received < buffer[1].received
    UdpImacrtCollector([], _HERE, collector.port).stop()


def test_a_port_that_is_taken_is_told(collector: UdpImacrtCollector) -> None:
    with pytest.raises(RuntimeError, match=f"UDP port {collector.port} at 127.0.0.1 cannot be had"):
        UdpImacrtCollector([], _HERE, collector.port)


@pytest.mark.parametrize(("name", "device", "values"), [("mmr3", MMR3Device, 37), ("mgc3", MGC3Device, 47)])
def test_a_device_is_asked_through_a_collector(
    collector: UdpImacrtCollector, name: str, device: type[Device], values: int
) -> None:
    results: list[dict[str, Any]] = []
    with emulated(name) as (place,):
        device(place, "udp", "imacrt").get_data(results, collector.data_buffer)
    assert "missing" not in results[0]
    assert len(results[0]["values"]) == values
    assert collector.data_buffer == []


def test_a_collector_keeps_what_others_send_and_what_is_pushed(collector: UdpImacrtCollector) -> None:
    sent: list[Datagram] = []
    over = Event()

    def push() -> None:
        with closing(_socket("127.0.0.2")) as other, closing(_socket()) as pushing:
            while not over.is_set():
                for payload, sending in ((_PUSH, pushing), (b"4.2E+00", other)):
                    sending.sendto(payload, (_HERE, collector.port))
                    sent.append(Datagram(payload, sending.getsockname(), 0))
                time.sleep(0.001)

    results: list[dict[str, Any]] = []
    thread = Thread(target=push)
    thread.start()
    with emulated("mmr3") as (place,):
        _until(lambda: len(sent) > 3)
        MMR3Device(place, "udp", "imacrt").get_data(results, collector.data_buffer)
    over.set()
    thread.join(10)
    _until(lambda: len(collector.data_buffer) == len(sent))
    assert len(results[0]["values"]) == 37
    assert 4.2 not in results[0]["values"].values()
    assert [one._replace(received=0) for one in collector.data_buffer] == sent


def test_answers_that_are_lost_are_missing_through_a_collector_too(collector: UdpImacrtCollector) -> None:
    behaviour = Behaviour(rate=0.04, among=(Fault.SILENCE, Fault.LATE), late=0.4, seed=5)
    results: list[dict[str, Any]] = []
    with emulated("mmr3", behaviour=behaviour) as (place,):
        MMR3Device(place, "udp", "imacrt").get_data(results, collector.data_buffer)
    assert results[0]["missing"]
    assert not set(results[0]["missing"]) & set(results[0]["values"])


def test_a_buffer_of_nobody_is_not_waited_for() -> None:
    results: list[dict[str, Any]] = []
    with emulated("mmr3") as (place,):
        MMR3Device(place, "udp", "imacrt").get_data(results, [])
    assert len(results[0]["values"]) == 37


@pytest.mark.parametrize("module", ["MMR3", "MGC3"])
def test_a_dummy_answers_until_it_is_stopped(module: str) -> None:
    server = DummyImacrtServer(module, _HERE, 0)
    server.start()
    with closing(_socket()) as asking:
        asking.settimeout(10)
        asking.sendto(b"*IDN?", (_HERE, server.port))
        assert asking.recv(100).startswith(module.encode())
    assert query_imacrt_udp(f"{_HERE}:{server.port}", "*IDN").startswith(module)
    server.stop()
    assert not server.is_alive()
    DummyImacrtServer(module, _HERE, server.port).stop()


def test_a_dummy_at_its_own_port_answers_to_the_port_of_modules(
    collector: UdpImacrtCollector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dummy, "LOCAL_PORT", collector.port)  # as if it were 12000
    monkeypatch.setattr(imacrt_udp, "LOCAL_PORT", 0)
    server = DummyImacrtServer("MMR3", _HERE, collector.port + 1)
    server.start()
    send_udp_message(_HERE, server.port, "MMR3GET 5")
    _until(lambda: len(collector.data_buffer) == 1)
    assert collector.data_buffer[0].sender == (_HERE, server.port)
    assert float(collector.data_buffer[0].payload) > 0
    server.stop()


def test_a_message_leaves_from_the_port_of_a_collector(
    collector: UdpImacrtCollector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imacrt_udp, "LOCAL_PORT", collector.port)
    with emulated("mgc3") as (place,):
        port = int(place.partition(":")[2])
        send_udp_message(_HERE, port, b"MGC3GET 2\n")
        _until(lambda: len(collector.data_buffer) == 1)
        answer = collector.data_buffer.pop().payload.decode().strip()
        assert query_imacrt_udp(place, "MGC3GET 2") == answer


def test_what_a_dummy_cannot_do_is_told(collector: UdpImacrtCollector) -> None:
    with pytest.raises(RuntimeError, match="'MRHT'; allowed: MMR3, MGC3"):
        DummyImacrtServer("MRHT")
    taken = DummyImacrtServer("MMR3", _HERE, collector.port)
    with pytest.raises(RuntimeError, match=f"UDP port {collector.port} at 127.0.0.1 cannot be had"):
        taken.start()
    with pytest.raises(RuntimeError, match="cannot be had"):
        DummyImacrtServer("MMR3", _HERE, collector.port).run()


def test_neither_thread_keeps_the_process_alive() -> None:
    code = (
        "from labmon_dagster.clients.ricochetdb import DummyImacrtServer, UdpImacrtCollector\n"
        "UdpImacrtCollector([], '127.0.0.1', 0).start()\n"
        "DummyImacrtServer(p=0).start()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_one_question_has_its_answer() -> None:
    with emulated("mmr3") as (place,):
        assert query_imacrt_udp(place, "*IDN?").startswith("MMR3_")
        assert 0 < float(query_imacrt_udp(place, "MMR3GET 5")) < 400


def test_a_question_without_answer_is_told() -> None:
    with pytest.raises(RuntimeError, match=r"MMR3GET 5 to 127.0.0.1:\d+: .*no answer to \*IDN\?"):
        query_imacrt_udp(nobody(), "MMR3GET 5")
    with emulated("mmr3") as (place,), pytest.raises(RuntimeError, match="no answer to MMR3GET 99"):
        query_imacrt_udp(place, "MMR3GET 99")


@pytest.mark.parametrize("message", _SWITCHING)
def test_what_is_no_query_is_sent_by_nobody(message: str | bytes, collector: UdpImacrtCollector) -> None:
    with pytest.raises(RuntimeError, match="is no query, so it is not sent"):
        send_udp_message(_HERE, collector.port, message)
    with pytest.raises(RuntimeError, match="is no query, so it is not sent"):
        query_imacrt_udp(f"{_HERE}:{collector.port}", message)  # type: ignore[arg-type]
    collector.stop_after_next_message()
    _sent(b"last", collector.port)
    collector.join(10)
    assert [one.payload for one in collector.data_buffer] == [b"last"]
