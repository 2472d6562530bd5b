"""`labmon collect` of events: a real broker and the folder of dumps at once, and what a run makes of both."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from paho.mqtt.client import Client, MQTTMessageInfo
from paho.mqtt.enums import CallbackAPIVersion

from labmon_dagster.components.lab import feed_named
from labmon_dagster_tests.cli.lab import told
from labmon_dagster_tests.clients.ricochetdb.daq_lab import deliver, stored
from labmon_dagster_tests.components.cosmic_lab import ASSET, event, journalled, quarantined
from labmon_dagster_tests.servers.mosquitto import Mosquitto
from labmon_dagster_tests.sources.cosmic.sample import DUMP, LINES

_PATIENCE = 60.0
_COLLECT = (sys.executable, "-c", "from labmon_dagster.cli import app; app()", "collect", ASSET)


@pytest.fixture
def folder(own_mosquitto: Mosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    found = tmp_path / "dumps"
    found.mkdir()
    monkeypatch.setenv("COSMIC_MQTT", own_mosquitto.url)
    monkeypatch.setenv("COSMIC_DUMPS", str(found))
    return found


@contextmanager
def collecting() -> Iterator[subprocess.Popen[bytes]]:
    """The collector in a process of its own; it is asked to end, and does."""
    with subprocess.Popen(_COLLECT, stdout=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
    assert process.returncode in {0, -signal.SIGKILL}


def publish(broker: Mosquitto, topic: str, *payloads: bytes, retain: bool = False) -> None:
    client = Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    sent: list[MQTTMessageInfo] = [client.publish(topic, one, qos=1, retain=retain) for one in payloads]
    for one in sent:
        one.wait_for_publish(_PATIENCE)
    client.disconnect()
    client.loop_stop()


def wait(done: Callable[[], bool]) -> None:
    end = time.monotonic() + _PATIENCE
    while not done():
        assert time.monotonic() < end, [entry.meta for entry in journalled()]
        time.sleep(0.1)


def came(number: int) -> bool:
    return len(journalled()) >= number


def test_events_come_both_ways_and_are_stored_once(folder: Path, own_mosquitto: Mosquitto) -> None:
    publish(own_mosquitto, "cosmic/0/events", LINES[0], retain=True)
    with collecting() as process:
        wait(lambda: came(1))
        publish(
            own_mosquitto, "cosmic/0/events", LINES[1], b"[" + LINES[2] + b"," + event(1) + b"]", b"hello"
        )
        (folder / "dump.dat").write_bytes(DUMP + event(2))
        wait(lambda: came(5))
        process.kill()
    publish(own_mosquitto, "cosmic/0/events", event(3))
    with collecting():
        wait(lambda: any(event(3) in entry.payload for entry in journalled()))
    forms = [entry.meta["form"] for entry in journalled()]
    assert forms[0] == "retained message" and forms.count("dump") == 1
    asset = feed_named(ASSET)
    assert deliver(asset)[1] == 6
    assert sorted(one.body["number"] for one in stored(asset)) == [1, 2, 3, 4917, 4918, 4919]
    (piece,) = quarantined()
    assert "hello" in told("quarantine", "show", piece.id)
