"""Which instruments `labmon up` stands in for."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
from rich.console import Console

from labmon_dagster.running import commands, lab, place, simulated
from labmon_dagster.running.detectors import SimulatedDetectors
from labmon_dagster.running.display import Display
from labmon_dagster.running.instruments import SIMULATED
from labmon_dagster.running.simulated import DAQ, MTD_ARCHIVE, STATION, TOWER_PC, Simulated, SimulatedDevices

URL = "oracle://CMS_READER:s3cret@db.cern.ch:10121/cmsr.cern.ch"
DEVICES = "emulated-devices: ricochet"
RECORDS = "simulated-daq: ricochet-daq"
POINTS = "simulated-station: eht-station"
EVENTS = ["emulated-broker: mqtt-broker", "simulated-detectors: cosmic"]
SAYS_WHO = "import sys, time; print(sys.argv[1], flush=True); time.sleep(60)"


class NoSignals(lab.StopSignals):
    def __init__(self) -> None:
        self.count = 0


def started(home: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], str]:
    """Start the instruments, or what stands in for them, and give the processes and what was said."""
    monkeypatch.setattr(commands, "emulator", lambda name, *more: (sys.executable, "-c", SAYS_WHO, name))
    said = io.StringIO()
    with place.occupied(home) as lock:
        running = lab.Lab(home, place.free_port(), Display(Console(file=said)), lock, NoSignals())
        try:
            running._start_instruments()
            return [f"{one.name}: {one.tail(1)[0]}" for one in running.supervisor.children], said.getvalue()
        finally:
            running.supervisor.stop()


def test_all_are_simulated_where_nothing_else_is_said(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(MTD_ARCHIVE.real, raising=False)
    processes, said = started(home, monkeypatch)
    assert processes == [
        "emulated-pc: loggernet",
        "simulated-archive: cms-mtd",
        RECORDS,
        POINTS,
        DEVICES,
        *EVENTS,
    ]
    for one in (TOWER_PC, MTD_ARCHIVE, DAQ, STATION):
        assert f"simulated {one.instrument} writes to {home / one.place}" in said
    assert "simulated COSMIC detectors publish to mqtt://127.0.0.1:" in said


@pytest.mark.parametrize(
    ("real", "simulated_one", "url"),
    [(MTD_ARCHIVE, TOWER_PC, URL), (TOWER_PC, MTD_ARCHIVE, "sftp://a:s3cret@pc/d")],
)
def test_a_real_one_is_read_and_its_password_not_shown(
    home: Path, monkeypatch: pytest.MonkeyPatch, real: Simulated, simulated_one: Simulated, url: str
) -> None:
    monkeypatch.delenv(MTD_ARCHIVE.real, raising=False)
    monkeypatch.setenv(real.real, url)
    processes, said = started(home, monkeypatch)
    assert processes == [
        f"{simulated_one.process}: {simulated_one.emulator}",
        RECORDS,
        POINTS,
        DEVICES,
        *EVENTS,
    ]
    assert f"{real.real} is set: what it names is read" in said
    assert "s3cret" not in said and "CMS_READER" not in said


def test_devices_are_emulated_at_free_ports_but_for_those_that_are_real() -> None:
    real = "tcp://192.168.44.70"
    chosen = SimulatedDevices.choose({"RICOCHET_COMPRESSOR": real, "RICOCHET_MMR3": ""})
    assert len(chosen.places) == len(SIMULATED) - 1
    assert "RICOCHET_COMPRESSOR" not in chosen.environ
    assert chosen.environ["RICOCHET_MMR3"].startswith("udp://127.0.0.1:")
    assert chosen.environ["RICOCHET_SCALE"].endswith("/json")
    words = chosen.command()
    assert words[-len(chosen.places) - 1] == "ricochet"
    assert not any("cmcpa=" in word for word in words)


def test_where_all_devices_are_real_none_is_emulated(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for one in SIMULATED:
        monkeypatch.setenv(str(one.variable), f"{one.scheme}://192.168.44.61")
    processes, said = started(home, monkeypatch)
    assert DEVICES not in processes
    assert "RICOCHET_MMR3, RICOCHET_MGC3" in said


def test_every_instrument_has_its_own_process_place_and_variable() -> None:
    for name in ("process", "real", "place", "emulator"):
        assert len({getattr(one, name) for one in simulated.INSTRUMENTS}) == len(simulated.INSTRUMENTS)


@pytest.mark.parametrize("name", ["RICOCHET_PROCESSING", "LABMON_DOCUMENTS_URL"])
def test_no_runs_are_made_up_where_real_ones_may_be(
    home: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "mongodb://reader:s3cret@db.example.org/lab")
    processes, said = started(home, monkeypatch)
    assert RECORDS not in processes
    assert f"{name} is set" in said and "s3cret" not in said


@pytest.mark.parametrize("variable", ["LABMON_EHT_LOCAL_URL", "LABMON_EHT_GLOBAL_URL"])
def test_nothing_is_made_up_where_a_real_server_of_a_station_is(
    home: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "influxdb+https://influx.example.org/vlbimon")
    processes, _ = started(home, monkeypatch)
    assert POINTS not in processes and RECORDS in processes


def test_the_broker_is_where_the_detectors_publish_and_the_lab_listens() -> None:
    chosen = SimulatedDetectors.choose({"COSMIC_MQTT": ""})
    assert chosen.environ == {"COSMIC_MQTT": chosen.url}
    assert f"--broker={chosen.url}" in chosen.detectors()
    assert f"--port={chosen.port}" in chosen.broker() and chosen.url.endswith(f":{chosen.port}")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("COSMIC_MQTT", "its broker is listened to"),
        ("LABMON_DOCUMENTS_URL", "the COSMIC detectors are not simulated"),
    ],
)
def test_no_events_are_made_up_where_real_ones_may_be(
    home: Path, monkeypatch: pytest.MonkeyPatch, name: str, told: str
) -> None:
    monkeypatch.setenv(name, "mqtts://s3cret-ats.iot.eu-central-1.amazonaws.com:443")
    processes, said = started(home, monkeypatch)
    assert not set(EVENTS) & set(processes)
    assert f"{name} is set: {told}" in said and "s3cret" not in said
    assert SimulatedDetectors.choose({name: "x"}).environ == {}
