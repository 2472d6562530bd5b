"""The simulated detectors: what they publish, also over the end of their broker, and the files they write."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import threading
import time
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from labmon_dagster.running.cosmic import Publisher, paced, topic, write_dumps
from labmon_dagster.sources.cosmic.emulator import Damage, Detectors
from labmon_dagster.sources.mqtt.emulator import Broker
from labmon_dagster_tests.servers.mosquitto import Mosquitto
from labmon_dagster_tests.sources.mqtt.talking import Talker, emulated

LABMON = (sys.executable, "-c", "from labmon_dagster.cli import app; app()")


def told(log: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


def heard(talker: Talker, events: int) -> dict[bytes, str]:
    """Hear until so many different events were there: the topic of each."""
    found: dict[bytes, str] = {}
    while len(found) < events:
        one = talker.hear()
        found[one.payload] = one.topic
    return found


def test_what_is_published_is_acknowledged_and_noted() -> None:
    log, events = io.StringIO(), list(islice(Detectors().events(), 3000))
    with emulated(Broker()) as port, Talker(port) as hearer:
        hearer.subscribe(("cosmic/+/events", 1))
        publisher = Publisher(f"mqtt://127.0.0.1:{port}", log)
        publisher.start()
        publisher.publish(events, threading.Event())
        done = publisher.finish()
        found = heard(hearer, 3000)
    assert (done["published"], done["acknowledged"], done["connects"]) == (3000, 3000, 1)
    assert found == {one.text: topic(one.detector) for one in events}
    noted = told(log)
    assert sorted(one["serial"] for one in noted) == list(range(3000))
    assert {one["content"] for one in noted} == {one.content for one in events}


def test_a_broker_that_ends_and_comes_back_gets_every_event(own_mosquitto: Mosquitto) -> None:
    log, events, half = io.StringIO(), list(islice(Detectors().events(), 2000)), threading.Event()

    def all_of_them() -> Any:
        for one in events:
            if one.serial == 1000:
                half.set()
            yield one

    hearer = Talker(own_mosquitto.port, "hearer", clean=False)
    hearer.connect()
    hearer.subscribe(("cosmic/+/events", 1))
    publisher = Publisher(own_mosquitto.url, log)
    publisher.start()
    working = threading.Thread(target=publisher.publish, args=(all_of_them(), threading.Event()))
    working.start()
    assert half.wait(30)
    own_mosquitto.stop()
    assert hearer.gone.wait(20)
    own_mosquitto.start()
    hearer.connect()
    found = heard(hearer, 2000)
    working.join()
    done = publisher.finish()
    hearer.end()
    assert done["acknowledged"] == done["published"] == 2000 and done["connects"] == 2
    assert sorted(one["serial"] for one in told(log)) == list(range(2000))
    assert found.keys() == {one.text for one in events}


def test_without_a_broker_no_more_waits_than_there_is_room_for(caplog: pytest.LogCaptureFixture) -> None:
    log, given, stop = io.StringIO(), [0], threading.Event()

    def counted() -> Any:
        for one in Detectors().events():
            given[0] += 1
            if given[0] == 2001:
                threading.Timer(0.2, stop.set).start()
            yield one

    publisher = Publisher("mqtt://127.0.0.1:1", log)
    publisher.start()
    publisher.publish(counted(), stop)
    assert publisher.finish(patience=0.1)["acknowledged"] == 0
    assert (given[0], log.getvalue()) == (2001, "")
    assert [one.message for one in caplog.records] == [
        "mqtt://127.0.0.1:1 cannot be reached; it is tried again"
    ]


def test_a_broker_that_refuses_is_told_of(own_mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture) -> None:
    own_mosquitto.auth = ("somebody", "s3cret")
    own_mosquitto.restart()
    publisher = Publisher(own_mosquitto.url)
    publisher.start()
    end = time.monotonic() + 20
    while not caplog.records and time.monotonic() < end:
        time.sleep(0.05)
    publisher.finish(0)
    assert not publisher.connected.is_set()
    assert "refuses the detectors: Not authorized" in caplog.text


@pytest.mark.parametrize(
    "url", ["http://here", "mqtts://here", "mqtt://here/path", "mqtt://me:secret@here", "here"]
)
def test_what_is_no_broker(url: str) -> None:
    with pytest.raises(ValueError, match=r"write mqtt://HOST|is no address|does not belong") as caught:
        Publisher(url)
    assert "secret" not in str(caught.value)


def test_events_are_given_when_they_are_due_and_so_many() -> None:
    detectors = Detectors(rate=1000, begin=0)  # all of them are long over
    assert [one.serial for one in paced(detectors, 7, 5, threading.Event())] == [7, 8, 9, 10, 11]
    stopped = threading.Event()
    stopped.set()
    assert list(paced(detectors, 0, None, stopped)) == []


def test_a_file_for_each_detector_and_run_none_is_written_over(tmp_path: Path) -> None:
    detectors = Detectors(count=2, rate=1, begin=3600 * 1000)
    written = write_dumps(tmp_path, detectors, range(3590, 3610), Damage())
    assert {path.name: events for path, events in written.items()} == {
        "cosmic_0_901000.dat": 5,
        "cosmic_0_901001.dat": 5,
        "cosmic_1_901000.dat": 5,
        "cosmic_1_901001.dat": 5,
    }
    texts = [line for path in written for line in path.read_bytes().splitlines()]
    assert sorted(texts) == sorted(detectors.event(serial).text for serial in range(3590, 3610))
    with pytest.raises(FileExistsError):
        write_dumps(tmp_path, detectors, range(3590, 3610), Damage())


def emulate(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*LABMON, "emulate", *words], capture_output=True, text=True, timeout=60)


def test_the_commands_find_each_other(tmp_path: Path) -> None:
    log = tmp_path / "log"
    serving = [*LABMON, "emulate", "mqtt-broker", "--port", "0"]
    with subprocess.Popen(serving, stdout=subprocess.PIPE, text=True) as broker:
        assert broker.stdout
        url = broker.stdout.readline().split(" ")[2].removesuffix(";")
        done = emulate("cosmic", "--broker", url, "--rate", "500", "--count", "100", "--log", str(log))
        broker.terminate()
        assert broker.wait(20) == 0
    assert done.returncode == 0, done.stderr
    first, last = done.stdout.splitlines()
    assert first == f"3 detectors publish 500 events/s to {url}; Ctrl-C stops them"
    assert json.loads(last) == {"connects": 1, "published": 100, "acknowledged": 100}
    assert len(log.read_text().splitlines()) == 100


def test_the_command_writes_files(tmp_path: Path) -> None:
    done = emulate("cosmic", "--folder", str(tmp_path / "dumps"), "--count", "60", "--rate", "60")
    assert done.returncode == 0, done.stderr
    files = sorted((tmp_path / "dumps").iterdir())
    assert len(files) in {3, 6}  # 6 if a new hour began
    assert sum(len(one.read_bytes().splitlines()) for one in files) == 60
    assert done.stdout.count(" events\n") == len(files)
