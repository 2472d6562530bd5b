"""A client of a broker that writes down what it hears, and the emulated broker in a thread."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from uuid import uuid4

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from labmon_dagster.sources.mqtt.emulator import Broker

HOST = "127.0.0.1"
_PATIENCE = 20.0


class Got(NamedTuple):
    """A message as it came."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    dup: bool


class Talker:
    """A client; it acknowledges when it is told to, if ``manual``."""

    def __init__(self, port: int, name: str = "", *, clean: bool = True, manual: bool = False) -> None:
        self.present: queue.Queue[bool] = queue.Queue()
        self.heard: queue.Queue[MQTTMessage] = queue.Queue()
        self.gone = threading.Event()
        self._granted: queue.Queue[list[int]] = queue.Queue()
        self._port = port
        self.client = Client(
            CallbackAPIVersion.VERSION2,
            name or f"t-{uuid4().hex}",
            clean_session=clean,
            manual_ack=manual,
            reconnect_on_failure=False,
        )
        self.client.on_connect = lambda _c, _d, flags, *_: self.present.put(flags.session_present)
        self.client.on_message = lambda _c, _d, message: self.heard.put(message)
        self.client.on_subscribe = lambda _c, _d, _m, codes, *_: self._granted.put(
            [one.value for one in codes]
        )
        self.client.on_disconnect = lambda *_: self.gone.set()

    def connect(self) -> bool:
        """Connect; whether the broker has a session of ours."""
        self.gone.clear()
        self.client.connect(HOST, self._port, keepalive=30)
        self.client.loop_start()
        return self.present.get(timeout=_PATIENCE)

    def subscribe(self, *filters: tuple[str, int]) -> list[int]:
        """Subscribe; what was granted."""
        self.client.subscribe(list(filters))
        return self._granted.get(timeout=_PATIENCE)

    def publish(self, topic: str, payload: bytes, qos: int = 1, retain: bool = False) -> None:
        """Publish, and wait until it is acknowledged."""
        told = self.client.publish(topic, payload, qos, retain)
        told.wait_for_publish(_PATIENCE)
        assert told.is_published()

    def hear(self) -> Got:
        """Wait for the next message."""
        return as_got(self.heard.get(timeout=_PATIENCE))

    def acknowledge(self, message: MQTTMessage) -> None:
        """Acknowledge a message."""
        self.client.ack(message.mid, message.qos)

    def end(self) -> None:
        """Disconnect as a client should."""
        self.client.disconnect()
        self.client.loop_stop()

    def drop(self) -> None:
        """Lose the connection."""
        connection = self.client.socket()
        self.client.loop_stop()
        if connection is not None:
            connection.close()

    def __enter__(self) -> Talker:
        self.connect()
        return self

    def __exit__(self, *error: Any) -> None:
        self.end()


def as_got(message: MQTTMessage) -> Got:
    return Got(message.topic, bytes(message.payload), message.qos, message.retain, message.dup)


@contextmanager
def emulated(broker: Broker) -> Iterator[int]:
    """Serve it in a thread; gives the port."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield asyncio.run_coroutine_threadsafe(broker.start(HOST, 0), loop).result(_PATIENCE)
    finally:
        asyncio.run_coroutine_threadsafe(broker.stop(), loop).result(_PATIENCE)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
