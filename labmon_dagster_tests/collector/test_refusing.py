"""A journal that refuses for a while, a disk that is full: nothing heard is lost, and the health is told."""

from __future__ import annotations

import asyncio
import errno
import time
from pathlib import Path

import pytest

from labmon_dagster.collector import health
from labmon_dagster.collector.collector import Collector
from labmon_dagster.collector.scribe import Scribe
from labmon_dagster.journal import GroupWriter, Journal
from labmon_dagster_tests.collector.fakes import Script, counting, heard, station


class Disk:
    """A disk that may be full, as the journals see it."""

    full = False

    def refusing(self, writer: GroupWriter) -> str | None:
        return "no room" if self.full else None


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    made = Disk()
    monkeypatch.setattr(GroupWriter, "refusing", property(made.refusing))
    return made


def payloads(tmp_path: Path) -> list[bytes]:
    journal = Journal(tmp_path / "journal", "lab/fake")
    return [entry.payload for day in journal.days() for entry in journal.read(day)]


def test_what_came_just_when_it_began_to_refuse_is_written_later(tmp_path: Path, disk: Disk) -> None:
    script = Script(counting)

    async def run() -> None:
        stop = asyncio.Event()
        collector = Collector([station(script, poll=None)], tmp_path / "journal", tmp_path)
        running = asyncio.create_task(collector.run(stop))
        while not script.opened:
            await asyncio.sleep(0.01)
        script.unasked[0](heard("before"))
        disk.full = True
        script.unasked[0](heard("first"))
        script.unasked[0](heard("second"))
        await asyncio.sleep(0.3)
        assert payloads(tmp_path) == [b"before"]
        disk.full = False
        await asyncio.sleep(0.3)
        script.unasked[0](heard("after"))
        stop.set()
        assert await running == []

    asyncio.run(run())
    assert payloads(tmp_path) == [b"before", b"first", b"second", b"after"]
    found = health.read(tmp_path)
    assert found is not None
    assert (found.devices[0].refused, found.devices[0].journalled) == (0, 4)


def test_what_is_still_kept_back_at_the_end_is_refused_and_told(tmp_path: Path, disk: Disk) -> None:
    one, device = station(Script(counting)), health.DeviceHealth("lab/fake", "one", "FAKE", "fake://nowhere")
    scribe = Scribe(tmp_path / "journal", ["lab/fake"])
    disk.full = True
    assert scribe.keep(one, heard("5"), device) is None
    assert device.refused == 0
    assert scribe.close(5) == ["lab/fake"]
    assert device.refused == 1
    assert device.last_error == "no room"


def _no_room(path: Path, raw: bytes) -> int:
    raise OSError(errno.ENOSPC, "No space left on device", str(path))


def test_health_is_told_on_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    health.write(tmp_path, health.Health(1, 2, 3))
    monkeypatch.setattr(Path, "write_bytes", _no_room)
    said = health.Health(1, 2, 4, journals=[health.JournalHealth("lab/fake", refusing="no room")])
    health.write(tmp_path, said)
    assert health.read(tmp_path) == said
    health.write(tmp_path, health.Health(1, 2, 5))
    assert health.read(tmp_path) == health.Health(1, 2, 5)
    assert [one.name for one in tmp_path.iterdir()] == ["health.json"]


def test_health_that_does_not_fit_on_a_full_disk_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    health.write(tmp_path, health.Health(1, 2, 3))
    monkeypatch.setattr(Path, "write_bytes", _no_room)
    long = health.Health(1, 2, 4, looks=[health.LookHealth("lab/fake", trouble="x" * 10_000)])
    with pytest.raises(OSError, match="No space left"):
        health.write(tmp_path, long)
    assert health.read(tmp_path) == health.Health(1, 2, 3)


def test_a_journal_that_refuses_holds_up_neither_other_devices_nor_the_end(tmp_path: Path) -> None:
    (tmp_path / "journal" / "lab").mkdir(parents=True)
    for asset in ("bad", "worse", "worst"):
        (tmp_path / "journal" / "lab" / asset).write_text("a file, where a folder should be")
    scripts = {name: Script(counting) for name in ("good", "bad", "worse", "worst")}
    stations = [station(script, name, 0.05, f"lab/{name}") for name, script in scripts.items()]

    async def run() -> list[str]:
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(1.0, stop.set)
        return await Collector(stations, tmp_path / "journal", tmp_path / "collector").run(stop)

    began = time.monotonic()
    assert asyncio.run(run()) == ["lab/bad", "lab/worse", "lab/worst"]
    assert time.monotonic() - began < 10
    journal = Journal(tmp_path / "journal", "lab/good")
    kept = [entry for day in journal.days() for entry in journal.read(day)]
    assert len(kept) == scripts["good"].asked >= 10
