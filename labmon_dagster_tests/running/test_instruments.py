"""`labmon emulate` for devices: each is on the wire, where it says, and can be asked by its reader."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from labmon_dagster.collector.kinds import kind_of
from labmon_dagster.model.devices import Address, DeviceSettings
from labmon_dagster.running.instruments import EMULATED, Place, default_places

LABMON = (sys.executable, "-c", "from labmon_dagster.cli import app; app()")


def test_devices_are_where_the_command_says_and_log_what_they_send(tmp_path: Path) -> None:
    log = tmp_path / "sent.log"
    served = ("--serve=cmcpa=127.0.0.1:0", "--serve=mmr3=127.0.0.1:0")
    command = (*LABMON, "emulate", "ricochet", *served, f"--log={log}")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        lines = [process.stdout.readline() for _ in range(3)]
        addresses = [line.rsplit(" ", 1)[1].strip() for line in lines[:2]]
        for kind, address in zip(("CMCPA", "MMR3"), addresses, strict=True):
            asyncio.run(ask(kind, address))
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    told = [json.loads(line) for line in log.read_text().splitlines()]
    assert {one["device"].partition(":")[0] for one in told} == {"cmcpa", "mmr3"}
    assert [one["serial"] for one in told if one["serial"] is not None] == [1, 1]
    assert {one["fault"] for one in told} == {"none"}


async def ask(kind: str, address: str) -> None:
    settings = DeviceSettings("it", kind, Address.parse(address), timeout=2.0)
    device = kind_of(settings).connect(settings, lambda heard: None)
    heard = await device.poll()
    await device.close()
    assert not heard.trouble


def test_names_and_ports_of_devices_are_their_own() -> None:
    places = default_places()
    assert len({one.port for one in EMULATED.values()}) == len(EMULATED)
    assert len({one.emulated.variable for one in places}) == len(places)


@pytest.mark.parametrize("text", ["mmr3", "mmr3=:12", "nobody=127.0.0.1:12", "mmr3=127.0.0.1:x"])
def test_a_place_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write NAME=HOST:PORT; names: mmr3, mgc3"):
        Place.parse(text)
