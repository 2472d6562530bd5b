"""Whatever a device puts into an error, it can be written down, and the answer itself is kept."""

from __future__ import annotations

import asyncio
from pathlib import Path

from labmon_dagster.collector import health
from labmon_dagster.collector.collector import Collector
from labmon_dagster.collector.station import heard_in
from labmon_dagster.journal import Journal
from labmon_dagster.model.devices import DeviceError
from labmon_dagster_tests.collector.fakes import Script, heard, station

ODD = "moved to /caf\udce9" + "x" * 10_000


def collected(tmp_path: Path, script: Script) -> health.DeviceHealth:
    async def run() -> list[str]:
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(0.4, stop.set)
        one = station(script, poll=0.05)
        return await Collector([one], tmp_path / "journal", tmp_path / "collector").run(stop)

    assert asyncio.run(run()) == []
    told = health.read(tmp_path / "collector")
    assert told is not None
    return told.devices[0]


def test_an_answer_whose_trouble_is_no_text_is_journalled(tmp_path: Path) -> None:
    script = Script(lambda number: heard("page", trouble=ODD))
    device = collected(tmp_path, script)
    journal = Journal(tmp_path / "journal", "lab/fake")
    kept = [heard_in(entry) for day in journal.days() for entry in journal.read(day)]
    assert len(kept) == script.asked == device.journalled
    assert {one.payload for one in kept} == {b"page"}
    assert all(one.trouble.startswith(r"moved to /caf\udce9x") and len(one.trouble) == 2000 for one in kept)


def test_an_error_that_is_no_text_ends_nothing(tmp_path: Path) -> None:
    def failing(number: int) -> object:
        raise DeviceError(ODD)

    script = Script(failing)  # type: ignore[arg-type]
    device = collected(tmp_path, script)
    assert device.polls == script.asked > 2
    assert device.last_error.startswith(r"moved to /caf\udce9x")
