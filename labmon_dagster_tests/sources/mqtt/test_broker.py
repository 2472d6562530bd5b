"""A broker as labmon listens to it: what is handed over, confirmed, sent again, and told."""

from __future__ import annotations

import asyncio

import pytest

from labmon_dagster.model.devices import DeviceError
from labmon_dagster_tests.servers.mosquitto import Mosquitto, publish
from labmon_dagster_tests.sources.mqtt.listening import Kept, Listener, settings_for, until


def test_messages_come_as_they_were_published(mosquitto: Mosquitto) -> None:
    async def run() -> None:
        one = Listener(settings_for(mosquitto))
        await one.broker.open()
        sent = [(one.topic, payload) for payload in (b"{}", b"", b"\xff\x00", "é".encode())]
        await asyncio.to_thread(publish, mosquitto, *sent)
        await one.until(4)
        assert one.kept.payloads == [payload for _, payload in sent]
        assert {(heard.form, heard.sender, heard.trouble) for heard in one.kept.heard} == {
            ("message", one.topic, "")
        }
        await one.broker.close()

    asyncio.run(run())


def test_quality_of_service_0_is_taken_too(mosquitto: Mosquitto) -> None:
    async def run() -> None:
        one = Listener(settings_for(mosquitto))
        await one.broker.open()
        await asyncio.to_thread(publish, mosquitto, *one.messages(1), qos=0)
        await one.until(1)
        await one.broker.close()
        assert one.kept.payloads == [b"1"]

    asyncio.run(run())


def test_a_retained_message_is_marked(mosquitto: Mosquitto) -> None:
    async def run() -> None:
        one = Listener(settings_for(mosquitto))
        await asyncio.to_thread(publish, mosquitto, *one.messages(1), retain=True)
        await one.broker.open()
        await one.until(1)
        await asyncio.to_thread(publish, mosquitto, *one.messages(2))
        await one.until(2)
        await one.broker.close()
        assert [(heard.payload, heard.form) for heard in one.kept.heard] == [
            (b"1", "retained message"),
            (b"2", "message"),
        ]

    asyncio.run(run())


def test_what_is_not_on_disk_is_sent_again_to_the_next_connection(mosquitto: Mosquitto) -> None:
    settings = settings_for(mosquitto)

    async def run() -> None:
        first = Listener(settings, Kept(later=True))
        await first.broker.open()
        await asyncio.to_thread(publish, mosquitto, *first.messages(*range(5)))
        await first.until(5)
        for number in (0, 1, 3, 4):  # the third is not on disk, and holds up those behind it
            first.kept.futures[number].set_result(None)
        await first.broker.close()
        second = Listener(settings)
        await second.broker.open()
        await asyncio.to_thread(publish, mosquitto, *second.messages(5))
        await second.until(4)
        await second.broker.close()
        assert second.kept.payloads == [b"2", b"3", b"4", b"5"]

    asyncio.run(run())


def test_what_is_on_its_way_to_the_disk_is_confirmed_before_it_leaves(mosquitto: Mosquitto) -> None:
    settings = settings_for(mosquitto)

    async def run() -> None:
        first = Listener(settings, Kept(later=True))
        await first.broker.open()
        await asyncio.to_thread(publish, mosquitto, *first.messages(1, 2))
        await first.until(2)
        closing = asyncio.create_task(first.broker.close())
        await asyncio.sleep(0.1)
        assert not closing.done()
        for future in first.kept.futures:
            future.set_result(None)
        await closing
        second = Listener(settings)
        await second.broker.open()
        await asyncio.to_thread(publish, mosquitto, *second.messages(3))
        await second.until(1)
        await second.broker.close()
        assert second.kept.payloads == [b"3"]

    asyncio.run(run())


def test_a_late_confirmation_never_reaches_a_later_connection(mosquitto: Mosquitto) -> None:
    settings = settings_for(mosquitto)

    async def run() -> None:
        one = Listener(settings, Kept(later=True))
        await one.broker.open()
        await asyncio.to_thread(publish, mosquitto, *one.messages(1))
        await one.until(1)
        late = one.kept.futures[0]
        connection = one.broker._connection
        assert connection is not None
        connection.end("the test ends it")
        await one.broker.open()
        await one.until(2)  # the same packet identifier, and nobody has it on disk
        late.set_result(None)
        await asyncio.sleep(0.2)
        await one.broker.close()
        again = Listener(settings)
        await again.broker.open()
        await again.until(1)
        await again.broker.close()
        assert again.kept.payloads == [b"1"]

    asyncio.run(run())


@pytest.mark.parametrize("refusing", [True, False])
def test_what_the_journal_refuses_ends_the_connection_and_comes_again(
    mosquitto: Mosquitto, refusing: bool
) -> None:
    async def run() -> None:
        one = Listener(settings_for(mosquitto), Kept(later=True, refusing=refusing))
        await one.broker.open()
        await asyncio.to_thread(publish, mosquitto, *one.messages(1))
        await one.until(1)
        if not refusing:
            one.kept.futures[0].set_exception(OSError(28, "No space left on device"))
        why = "the journal takes nothing now" if refusing else "No space left"
        with pytest.raises(DeviceError, match=f"not journalled, and so not confirmed: .*{why}") as told:
            await one.broker.lost()
        assert "another program" not in str(told.value)
        one.kept.refusing = one.kept.later = False
        await one.broker.open()
        await one.until(2)
        await one.broker.close()
        assert one.kept.payloads == [b"1", b"1"]

    asyncio.run(run())


def test_a_full_line_takes_no_more_until_the_disk_has_some(
    mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("labmon_dagster.sources.mqtt.connection.LARGEST_LINE", 1)

    async def run() -> None:
        one = Listener(settings_for(mosquitto), Kept(later=True))
        await one.broker.open()
        await asyncio.to_thread(publish, mosquitto, *one.messages(*range(50)))
        done = 0
        while done < 50:
            await until(lambda: len(one.kept.futures) > done)  # noqa: B023
            waiting = one.kept.futures[done:]
            assert len(waiting) == 1
            waiting[0].set_result(None)
            done += 1
        await one.broker.close()
        assert one.kept.payloads == [b"%d" % number for number in range(50)]

    asyncio.run(run())


def test_closing_twice_and_without_a_connection_does_nothing(mosquitto: Mosquitto) -> None:
    async def run() -> None:
        one = Listener(settings_for(mosquitto))
        await one.broker.close()
        await one.broker.open()
        await one.broker.close()
        await one.broker.close()
        with pytest.raises(DeviceError, match="listened to"):
            await one.broker.poll()
        with pytest.raises(DeviceError, match="not connected"):
            await one.broker.lost()

    asyncio.run(run())
