"""What a broker refuses, and how its end is told: in words that say what to do."""

from __future__ import annotations

import asyncio
import json
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import MQTTErrorCode

from labmon_dagster.model.devices import Address, DeviceError, DeviceSettings
from labmon_dagster_tests.servers import found
from labmon_dagster_tests.servers.mosquitto import Mosquitto, publish
from labmon_dagster_tests.servers.process import HOST, free_port
from labmon_dagster_tests.sources.mqtt.listening import PATIENCE, Listener, forget, settings_for

PASSWORD = "LABMON_MQTT_PASSWORD"


async def refused(settings: DeviceSettings) -> str:
    """Open, which must fail; give why."""
    one = Listener(settings)
    with pytest.raises(DeviceError) as told:
        await one.broker.open()
    await one.broker.close()
    return str(told.value)


def test_user_and_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Mosquitto(tmp_path / "mosquitto", auth=("labmon", "opensesame")) as server:
        settings = settings_for(server, user="labmon")
        told = [asyncio.run(refused(settings_for(server)))]
        told.append(asyncio.run(refused(settings)))
        monkeypatch.setenv(PASSWORD, "wrong-password")
        told.append(asyncio.run(refused(settings)))
        for one in told:
            assert f"mqtt://{HOST}:{server.port}: the broker refuses client" in one
            assert "Not authorized" in one
            assert "wrong-password" not in one
        (tmp_path / "secret").write_text("opensesame\n")
        monkeypatch.setenv(f"{PASSWORD}_FILE", str(tmp_path / "secret"))

        async def run() -> list[bytes]:
            one = Listener(settings)
            await one.broker.open()
            await asyncio.to_thread(publish, server, *one.messages(1))
            await one.until(1)
            await one.broker.close()
            return one.kept.payloads

        assert asyncio.run(run()) == [b"1"]


def test_a_file_of_the_password_that_is_not_there(
    mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{PASSWORD}_FILE", "/nowhere/password")
    told = asyncio.run(refused(settings_for(mosquitto, user="labmon")))
    assert f"{PASSWORD}_FILE: /nowhere/password cannot be read" in told


def test_no_broker() -> None:
    address = Address("mqtt", HOST, free_port())
    told = asyncio.run(
        refused(DeviceSettings("b", "MQTT", address, 1.0, {"client_id": "x", "topics": ["a"]}))
    )
    assert told == f"{address}: Connection refused"


def test_a_host_that_nobody_knows() -> None:
    address = Address("mqtt", "broker.invalid", 1883)
    told = asyncio.run(
        refused(DeviceSettings("b", "MQTT", address, 5.0, {"client_id": "x", "topics": ["a"]}))
    )
    assert told.startswith("mqtt://broker.invalid:1883: ")


def test_two_with_one_client_id(mosquitto: Mosquitto) -> None:
    settings = settings_for(mosquitto)

    async def run() -> str:
        first, second = Listener(settings), Listener(settings)
        await first.broker.open()
        await second.broker.open()
        with pytest.raises(DeviceError) as told:
            await first.broker.lost()
        await first.broker.close()
        await second.broker.close()
        return str(told.value)

    told = asyncio.run(run())
    assert f"does another program use client_id {settings.options['client_id']!r} too?" in told


def test_a_session_that_the_broker_has_lost_is_told(mosquitto: Mosquitto) -> None:
    settings = settings_for(mosquitto)

    async def run() -> list[str]:
        one, remarks = Listener(settings), []
        await one.broker.open()
        remarks.append(one.broker.remark)
        await one.broker.open()
        remarks.append(one.broker.remark)
        await one.broker.close()
        await asyncio.to_thread(forget, mosquitto, settings.options["client_id"])
        await one.broker.open()
        remarks.append(one.broker.remark)
        await one.broker.close()
        return remarks

    first, again, lost = asyncio.run(run())
    assert "knew no session" in first
    assert "nothing from before comes, as at a first start" in first
    assert again == ""
    assert "knew no session" in lost
    assert "any more: what was published meanwhile is missing" in lost


@pytest.fixture
def choosy(tmp_path: Path) -> Mosquitto:
    """A broker that lets clients subscribe to `open/#` alone."""
    binary = Path(found.mosquitto()[-1])
    plugins = [*binary.parents[1].glob("lib/*/mosquitto_dynamic_security.so")]
    if not plugins:
        pytest.skip("mosquitto has no plugin for what clients may subscribe to here")
    rules = {
        "defaultACLAccess": {
            "publishClientSend": True,
            "publishClientReceive": True,
            "subscribe": False,
            "unsubscribe": True,
        },
        "clients": [],
        "groups": [{"groupname": "all", "roles": [{"rolename": "reader"}]}],
        "anonymousGroup": "all",
        "roles": [
            {
                "rolename": "reader",
                "acls": [{"acltype": "subscribePattern", "topic": "open/#", "allow": True}],
            }
        ],
    }
    (tmp_path / "rules.json").write_text(json.dumps(rules))
    more = f"plugin {plugins[0]}\nplugin_opt_config_file {tmp_path / 'rules.json'}\n"
    return Mosquitto(tmp_path / "mosquitto", more=more)


def test_subscriptions_that_are_refused(choosy: Mosquitto) -> None:
    with choosy:
        closed = settings_for(choosy, topics=["closed/a", "closed/b"])
        told = asyncio.run(refused(closed))
        assert "the broker refuses the subscription to closed/a, closed/b" in told

        async def run() -> tuple[str, list[bytes]]:
            one = Listener(replace(closed, options={"client_id": "half", "topics": ["open/a", "closed/a"]}))
            await one.broker.open()
            await asyncio.to_thread(publish, choosy, ("open/a", b"1"))
            await one.until(1)
            await one.broker.close()
            return one.broker.remark, one.kept.payloads

        remark, payloads = asyncio.run(run())
        assert "the broker refuses the subscription to closed/a;" in remark
        assert payloads == [b"1"]


def test_a_broker_that_grants_less_than_was_asked_for(tmp_path: Path) -> None:
    with Mosquitto(tmp_path / "mosquitto", more="max_qos 0\n") as server:

        async def run() -> str:
            one = Listener(settings_for(server, topics=["a/{detector}"]))
            await one.broker.open()
            await one.broker.close()
            return one.broker.remark

        assert asyncio.run(run()).endswith("; the broker grants only quality of service 0 for a/+")


def test_many_topics_are_subscribed_to_in_parts_that_aws_takes(
    mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    subscribe = Client.subscribe

    def noted(client: Client, topics: Any) -> tuple[MQTTErrorCode, int | None]:
        asked.append(len(topics))
        return subscribe(client, topics)

    monkeypatch.setattr(Client, "subscribe", noted)
    topics = [f"many/{number}" for number in range(20)]

    async def run() -> list[bytes]:
        one = Listener(settings_for(mosquitto, topics=topics))
        await one.broker.open()
        await asyncio.to_thread(publish, mosquitto, *[(topic, topic.encode()) for topic in topics])
        await one.until(20)
        await one.broker.close()
        return one.kept.payloads

    assert sorted(asyncio.run(run())) == sorted(topic.encode() for topic in topics)
    assert asked == [8, 8, 4]


def test_a_broker_that_falls_silent(own_mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labmon_dagster.sources.mqtt.connection.KEEPALIVE", 1)

    async def run() -> str:
        one = Listener(settings_for(own_mosquitto))
        await one.broker.open()
        assert own_mosquitto._process
        own_mosquitto._process.send_signal(signal.SIGSTOP)
        try:
            async with asyncio.timeout(PATIENCE):
                with pytest.raises(DeviceError) as told:
                    await one.broker.lost()
        finally:
            own_mosquitto._process.send_signal(signal.SIGCONT)
        await one.broker.close()
        return str(told.value)

    assert "the broker says nothing any more" in asyncio.run(run())
