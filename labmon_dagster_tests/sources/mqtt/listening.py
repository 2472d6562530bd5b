"""A broker that is listened to in tests, with a journal that does as a test wants."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from labmon_dagster.model.devices import Address, DeviceSettings, Heard
from labmon_dagster.sources.mqtt.broker import Broker
from labmon_dagster_tests.servers.mosquitto import Mosquitto
from labmon_dagster_tests.servers.process import HOST

PATIENCE = 30.0


def settings_for(server: Mosquitto, **options: Any) -> DeviceSettings:
    """A client of its own, whose topics begin with its client id unless ``topics`` says another."""
    name = options.setdefault("client_id", f"client-{uuid4().hex[:12]}")
    options.setdefault("topics", [f"{name}/{{detector}}/events"])
    return DeviceSettings("broker", "MQTT", Address.parse(server.url), 5.0, options)


@dataclass
class Kept:
    """Keeps what is heard: at once, or when the test says so (``later``)."""

    heard: list[Heard] = field(default_factory=list)
    futures: list[Future[Any]] = field(default_factory=list)
    later: bool = False
    refusing: bool = False

    def __call__(self, heard: Heard) -> Future[Any] | None:
        self.heard.append(heard)
        if self.refusing:
            return None
        future: Future[Any] = Future()
        self.futures.append(future)
        if not self.later:
            future.set_result(None)
        return future

    @property
    def payloads(self) -> list[bytes]:
        return [one.payload for one in self.heard]


@dataclass
class Listener:
    """A broker's client: opened and closed as the collector does."""

    settings: DeviceSettings
    kept: Kept = field(default_factory=Kept)
    broker: Broker = field(init=False)

    def __post_init__(self) -> None:
        self.broker = Broker(self.settings, self.kept)

    @property
    def topic(self) -> str:
        return f"{self.settings.options['client_id']}/7/events"

    async def until(self, count: int) -> None:
        """Wait until so many messages were heard."""
        await until(lambda: len(self.kept.heard) >= count)

    def messages(self, *numbers: int) -> Iterator[tuple[str, bytes]]:
        """Messages to be published."""
        return ((self.topic, b"%d" % number) for number in numbers)


async def until(is_so: Callable[[], bool]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(PATIENCE):
        while not is_so():
            await asyncio.sleep(0.01)


def forget(server: Mosquitto, client: str) -> None:
    """Have the broker forget a session, as anyone can: by a clean one of the same name."""
    other = Client(CallbackAPIVersion.VERSION2, client, clean_session=True)
    other.connect(HOST, server.port)
    other.loop_start()
    while not other.is_connected():
        time.sleep(0.01)
    other.disconnect()
    other.loop_stop()
