"""Messages of a real broker in the journal: all that was confirmed to the publisher is there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from labmon_dagster.collector import health
from labmon_dagster.collector.unkept import UNKEPT
from labmon_dagster.journal import line
from labmon_dagster_tests.collector.mqtt_detector import Detector
from labmon_dagster_tests.collector.mqtt_worker import Place
from labmon_dagster_tests.servers.mosquitto import Mosquitto, publish
from labmon_dagster_tests.sources.mqtt.listening import forget, until

CLIENT = "collector"
TOPIC = f"{CLIENT}/3/events"


@pytest.fixture
def place(tmp_path: Path, own_mosquitto: Mosquitto) -> Place:
    return Place(tmp_path / "lab", own_mosquitto.url, CLIENT)


def numbers(begin: int, end: int) -> Iterator[tuple[str, bytes]]:
    return ((TOPIC, b"event %d." % number) for number in range(begin, end))


@asynccontextmanager
async def collecting(place: Place) -> AsyncIterator[None]:
    """A collector in this process; it ends within seconds."""
    stop = asyncio.Event()
    running = asyncio.create_task(place.collector().run(stop))
    try:
        yield
    finally:
        stop.set()
        async with asyncio.timeout(15):
            assert await running == []


async def published(server: Mosquitto, begin: int, end: int) -> None:
    await asyncio.to_thread(publish, server, *numbers(begin, end))


def test_what_comes_while_it_is_stopped_is_there_when_it_starts(
    place: Place, own_mosquitto: Mosquitto
) -> None:
    async def run() -> None:
        async with collecting(place):
            await place.connected()
            await published(own_mosquitto, 0, 50)
        await published(own_mosquitto, 50, 100)
        async with collecting(place):
            await published(own_mosquitto, 100, 150)
            await until(lambda: len(place.entries()) >= 150)

    asyncio.run(run())
    entries = place.entries()
    assert [entry.payload for entry in entries] == [payload for _, payload in numbers(0, 150)]
    assert {(entry.meta["form"], entry.meta["sender"]) for entry in entries} == {("message", TOPIC)}


@pytest.mark.slow
def test_a_collector_that_is_killed_loses_nothing(place: Place, own_mosquitto: Mosquitto) -> None:
    async def run() -> list[bytes]:
        place.start()
        await place.connected()
        detector = await asyncio.to_thread(Detector, own_mosquitto.port, TOPIC)
        for _ in range(5):
            before = len(place.entries())
            await until(lambda: len(place.entries()) > before + 20)  # noqa: B023
            place.kill()
            place.start()
        await asyncio.to_thread(detector.stop)
        await until(lambda: set(detector.confirmed) <= set(place.payloads()))
        return detector.confirmed

    confirmed = asyncio.run(run())
    assert place.stop() == 0
    assert len(confirmed) > 100
    assert set(place.payloads()) == set(confirmed)


@pytest.mark.parametrize("how", ["restarted", "killed"])
def test_a_broker_that_is_away_for_a_while_loses_nothing(
    place: Place, own_mosquitto: Mosquitto, how: str
) -> None:
    async def run() -> None:
        async with collecting(place):
            await place.connected()
            await published(own_mosquitto, 0, 50)
            await until(lambda: len(place.entries()) >= 50)
            await asyncio.to_thread(own_mosquitto.kill if how == "killed" else own_mosquitto.stop)
            told = await place.troubled("")
            assert own_mosquitto.url in told.last_error
            await asyncio.to_thread(own_mosquitto.start)
            await place.connected(2)
            await published(own_mosquitto, 50, 100)
            await until(lambda: len(place.payloads()) >= 100)

    asyncio.run(run())
    assert set(place.payloads()) == {payload for _, payload in numbers(0, 100)}


def saved(server: Mosquitto, count: int) -> bool:
    """Whether the broker has its first messages on disk: it confirms them a little earlier."""
    there = (server.folder / "mosquitto.db").read_bytes()
    return all(payload in there for _, payload in numbers(0, count))


@pytest.mark.parametrize("how", ["restarted", "killed"])
def test_a_broker_keeps_what_waits_for_the_collector(
    place: Place, own_mosquitto: Mosquitto, how: str
) -> None:
    async def run() -> None:
        async with collecting(place):
            await place.connected()
        await published(own_mosquitto, 0, 50)
        if how == "killed":
            await until(lambda: saved(own_mosquitto, 50))
            await asyncio.to_thread(own_mosquitto.kill)
        await asyncio.to_thread(own_mosquitto.restart)
        async with collecting(place):
            await until(lambda: len(place.payloads()) >= 50)

    asyncio.run(run())
    assert set(place.payloads()) == {payload for _, payload in numbers(0, 50)}


def test_a_broker_that_is_not_there_yet(place: Place, own_mosquitto: Mosquitto) -> None:
    own_mosquitto.stop()

    async def run() -> None:
        async with collecting(place):
            told = await place.troubled("Connection refused")
            assert told.last_answer is None
            await asyncio.to_thread(own_mosquitto.start)
            await place.connected()
            told_later = place.health()
            assert told_later
            assert (told_later.errors_in_row, told_later.answers) == (0, 0)
            await published(own_mosquitto, 0, 1)
            await until(lambda: len(place.entries()) == 1)

    asyncio.run(run())


def test_a_session_that_was_lost_while_no_collector_ran_is_told(
    tmp_path: Path, own_mosquitto: Mosquitto
) -> None:
    async def remark(number: int) -> str:
        place = Place(tmp_path / f"{number}", own_mosquitto.url, CLIENT)
        async with collecting(place):
            await place.connected()
            told = place.health()
        assert told
        return told.last_error

    async def run() -> list[str]:
        first, again = await remark(1), await remark(2)
        await asyncio.to_thread(forget, own_mosquitto, CLIENT)
        return [first, again, await remark(3)]

    first, again, lost = asyncio.run(run())
    assert again == ""
    assert first == lost
    assert "the broker knew no session 'collector': nothing from before comes" in lost


def test_a_full_disk_confirms_nothing_and_all_comes_again(place: Place, own_mosquitto: Mosquitto) -> None:
    async def run() -> None:
        place.start()
        await place.connected()
        await published(own_mosquitto, 0, 10)
        await until(lambda: len(place.entries()) >= 10)
        place.limit_files(4096)
        await published(own_mosquitto, 10, 200)
        await place.troubled("cannot be")
        assert len(place.payloads()) < 200
        place.limit_files(2**40)
        await until(lambda: len(place.payloads()) >= 200)
        await place.connected()

    asyncio.run(run())
    assert place.stop() == 0
    assert set(place.payloads()) == {payload for _, payload in numbers(0, 200)}


def test_nothing_that_was_refused_is_kept_in_memory(place: Place, own_mosquitto: Mosquitto) -> None:
    (place.folder / "journal").mkdir(parents=True)
    (place.folder / "journal" / "cosmic").write_text("a file, where a folder should be")

    async def run() -> None:
        stop = asyncio.Event()
        collector = place.collector()
        running = asyncio.create_task(collector.run(stop))
        await place.connected()
        await published(own_mosquitto, 0, 10)
        await until(lambda: bool(refusing(place)))
        await published(own_mosquitto, 10, 30)
        told = await place.troubled("cannot be journalled")
        assert told.journalled == 0
        (place.folder / "journal" / "cosmic").unlink()
        await until(lambda: len(place.payloads()) == 30)
        stop.set()
        assert await running == []

    asyncio.run(run())


def refusing(place: Place) -> str | None:
    told = health.read(place.folder)
    return told.journals[0].refusing if told else None


def test_a_message_that_no_line_can_hold_gets_a_file(
    place: Place, own_mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "LINE_LIMIT", 200_000)
    large = bytes(range(256)) * 1000

    async def run() -> None:
        async with collecting(place):
            await place.connected()
            await asyncio.to_thread(publish, own_mosquitto, (TOPIC, b"1"), (TOPIC, large), (TOPIC, b"2"))
            await until(lambda: len(place.entries()) == 3)
        async with collecting(place):
            await place.connected()
            await asyncio.to_thread(publish, own_mosquitto, (TOPIC, b"3"))
            await until(lambda: len(place.entries()) == 4)

    asyncio.run(run())
    told = {entry.payload: entry.meta for entry in place.entries()}
    assert list(told).count(large[: 64 * 2**10]) == 1
    meta = told[large[: 64 * 2**10]]
    assert (meta["form"], meta["sender"], meta["bytes"]) == (UNKEPT, TOPIC, len(large))
    assert "too long for a journal line" in str(meta["trouble"])
    file = place.folder / "journal" / "cosmic" / "events" / str(meta["file"])
    assert file.read_bytes() == large
    assert set(told) == {b"1", b"2", b"3", large[: 64 * 2**10]}
