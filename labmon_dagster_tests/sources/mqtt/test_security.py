"""TLS against a real broker: both sides prove who they are, and what fails is told with its reason."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from labmon_dagster.model.devices import Address, DeviceError, DeviceSettings
from labmon_dagster.sources.mqtt.options import Options
from labmon_dagster.sources.mqtt.security import AWS_PROTOCOL, context_of
from labmon_dagster_tests.servers.authority import Authority
from labmon_dagster_tests.servers.mosquitto import Mosquitto
from labmon_dagster_tests.servers.process import HOST
from labmon_dagster_tests.sources.mqtt.listening import Listener, settings_for, until

AWS = "abc-ats.iot.eu-west-1.amazonaws.com"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tls")


@pytest.fixture(scope="module")
def authority(folder: Path) -> Authority:
    return Authority(folder / "certificates")


@pytest.fixture(scope="module")
def broker(folder: Path, authority: Authority) -> Iterator[Mosquitto]:
    """A broker that wants certificates of its clients."""
    tls = (authority.file, *authority.issue("server", host=HOST))
    with Mosquitto(folder / "mosquitto", tls=tls, clients_certified=True) as server:
        yield server


def opened(server: Mosquitto, **options: Any) -> str:
    """Open and close; give why it failed, '' if it did not."""

    async def run() -> str:
        one = Listener(settings_for(server, **{name: str(told) for name, told in options.items()}))
        try:
            await one.broker.open()
        except DeviceError as error:
            return str(error)
        finally:
            await one.broker.close()
        return ""

    return asyncio.run(run())


def test_both_prove_who_they_are(broker: Mosquitto, authority: Authority) -> None:
    certificate, key = authority.issue("collector")
    assert not opened(broker, ca_file=authority.file, certificate=certificate, key_file=key)


def test_a_client_without_a_certificate(broker: Mosquitto, authority: Authority) -> None:
    told = opened(broker, ca_file=authority.file)
    assert "does it trust the client's certificate" in told


def test_a_client_with_a_certificate_that_is_over(broker: Mosquitto, authority: Authority) -> None:
    certificate, key = authority.issue("old", expired=True)
    told = opened(broker, ca_file=authority.file, certificate=certificate, key_file=key)
    assert "does it trust the client's certificate, and does that still hold?" in told


def test_a_client_of_another_authority(broker: Mosquitto, authority: Authority, folder: Path) -> None:
    certificate, key = Authority(folder / "foreign", "foreign").issue("stranger")
    told = opened(broker, ca_file=authority.file, certificate=certificate, key_file=key)
    assert "does it trust the client's certificate" in told


def test_a_broker_of_another_authority(broker: Mosquitto, authority: Authority, folder: Path) -> None:
    certificate, key = authority.issue("collector")
    foreign = Authority(folder / "foreign", "foreign").file
    told = opened(broker, ca_file=foreign, certificate=certificate, key_file=key)
    assert "the broker's certificate is refused: self-signed certificate in certificate chain" in told


def test_a_broker_that_only_the_system_could_vouch_for(broker: Mosquitto) -> None:
    assert "the broker's certificate is refused" in opened(broker)


@pytest.mark.parametrize(
    ("host", "expired", "why"),
    [("other.example", False, "IP address mismatch"), (HOST, True, "certificate has expired")],
)
def test_a_broker_whose_certificate_is_not_good(
    tmp_path: Path, authority: Authority, host: str, expired: bool, why: str
) -> None:
    tls = (authority.file, *authority.issue("bad", host=host, expired=expired))
    with Mosquitto(tmp_path / "mosquitto", tls=tls) as server:
        assert f"the broker's certificate is refused: {why}" in opened(server, ca_file=authority.file)


def test_files_that_cannot_be_used_are_named(broker: Mosquitto, authority: Authority, tmp_path: Path) -> None:
    certificate, key = authority.issue("collector")
    other = authority.issue("other")[1]
    locked = authority.issue("locked", password=b"x")
    nothing, empty = tmp_path / "nothing.pem", tmp_path / "empty.pem"
    empty.write_text("")

    def told(ca: Path, certificate: Path, key: Path) -> str:
        return opened(broker, ca_file=ca, certificate=certificate, key_file=key)

    assert f"ca_file {nothing} cannot be read: No such file" in told(nothing, certificate, key)
    assert f"ca_file {empty} holds no certificate in PEM form" in told(empty, certificate, key)
    assert f"certificate {nothing} cannot be read" in told(authority.file, nothing, key)
    assert f"key_file {nothing} cannot be read" in told(authority.file, certificate, nothing)
    assert "are no pair in PEM form: key values mismatch" in told(authority.file, certificate, other)
    assert f"key_file {locked[1]}: it is encrypted" in told(authority.file, *locked)


def test_many_messages_over_tls(broker: Mosquitto, authority: Authority) -> None:
    certificate, key = (str(one) for one in authority.issue("collector"))
    files = {"ca_file": str(authority.file), "certificate": certificate, "key_file": key}

    async def run() -> None:
        one = Listener(settings_for(broker, **files))
        await one.broker.open()
        connection = one.broker._connection
        assert connection is not None
        await asyncio.to_thread(send, broker.port, authority.file, certificate, key, one.topic)
        await one.until(300)
        await until(lambda: len(connection._line) == 0)
        await one.broker.close()
        assert [len(payload) for payload in one.kept.payloads] == [100 * number for number in range(300)]

    asyncio.run(run())


def send(port: int, ca: Path, certificate: str, key: str, topic: str) -> None:
    import paho.mqtt.client as paho
    from paho.mqtt.enums import CallbackAPIVersion

    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.tls_set(str(ca), certificate, key)
    client.connect(HOST, port)
    client.loop_start()
    for one in [client.publish(topic, b"x" * 100 * number, 1) for number in range(300)]:
        one.wait_for_publish(30)
    client.disconnect()
    client.loop_stop()


def agreed(address: str, tmp_path: Path) -> str | None:
    """Shake hands with a server that knows MQTT of AWS and HTTPS; give the protocol that they agreed on."""
    authority = Authority(tmp_path)
    there = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    there.load_cert_chain(*authority.issue("aws", host=AWS))
    there.set_alpn_protocols([AWS_PROTOCOL, "http/1.1"])
    here = context_of(Address.parse(address), Options("x", ("a",), ca_file=authority.file))
    assert here is not None
    assert here.check_hostname
    assert here.verify_mode == ssl.CERT_REQUIRED
    client, server = ssl.MemoryBIO(), ssl.MemoryBIO()
    asking = here.wrap_bio(client, server, server_hostname=AWS)
    answering = there.wrap_bio(server, client, server_side=True)
    for _ in range(4):
        for side in (asking, answering):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return answering.selected_alpn_protocol()


def test_aws_is_told_on_port_443_that_it_is_mqtt(tmp_path: Path) -> None:
    assert agreed(f"mqtts://{AWS}:443", tmp_path / "a") == AWS_PROTOCOL
    assert agreed(f"mqtts://{AWS}", tmp_path / "b") is None
    assert agreed("mqtts://broker.example:443", tmp_path / "c") is None
    assert agreed("mqtts://amazonaws.com.example:443", tmp_path / "d") is None
    assert context_of(Address.parse("mqtt://broker"), Options("x", ("a",))) is None


def test_a_broker_that_knows_no_tls(mosquitto: Mosquitto) -> None:
    settings = DeviceSettings(
        "broker",
        "MQTT",
        Address("mqtts", HOST, mosquitto.port),
        1.0,
        {"client_id": "no-tls", "topics": ["a"]},
    )

    async def run() -> str:
        with pytest.raises(DeviceError) as told:
            await Listener(settings).broker.open()
        return str(told.value)

    assert f"mqtts://{HOST}:{mosquitto.port}: " in asyncio.run(run())


def test_a_broker_that_says_nothing() -> None:
    with socket.socket() as deaf:
        deaf.bind((HOST, 0))
        deaf.listen()
        address = Address("mqtt", HOST, deaf.getsockname()[1])
        settings = DeviceSettings("b", "MQTT", address, 0.1, {"client_id": "x", "topics": ["a"]})
        with pytest.raises(DeviceError, match=r"no answer within 0\.3 s"):
            asyncio.run(Listener(settings).broker.open())
