"""A detector that publishes as fast as its broker confirms, and notes what was confirmed."""

from __future__ import annotations

import threading

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from labmon_dagster_tests.servers.process import HOST


class Detector:
    """Publishes numbers with quality of service 1 until it is stopped, over any number of connections."""

    def __init__(self, port: int, topic: str) -> None:
        self._topic = topic
        self.confirmed: list[bytes] = []
        self._sent: dict[int, bytes] = {}
        self._room = threading.Semaphore(20)
        self._client = paho.Client(CallbackAPIVersion.VERSION2, "detector", clean_session=False)
        self._client.on_publish = self._published
        self._client.reconnect_delay_set(1, 1)
        self._client.connect(HOST, port)
        self._client.loop_start()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _published(self, client: object, _: object, mid: int, *more: object) -> None:
        self.confirmed.append(self._sent[mid])
        self._room.release()

    def _run(self) -> None:
        number = 0
        while not self._stop.is_set():
            if not self._room.acquire(timeout=0.1):
                continue
            payload = b"%d" % number
            number += 1
            self._sent[number] = payload  # paho counts its messages so
            assert self._client.publish(self._topic, payload, 1).mid == number
            self._stop.wait(0.001)

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()
        for _ in range(20):
            assert self._room.acquire(timeout=30)
        self._client.disconnect()
        self._client.loop_stop()
