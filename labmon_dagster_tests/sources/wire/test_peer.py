from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from labmon_dagster.model.devices import DeviceError
from labmon_dagster_tests.sources.wire.scripted import ScriptedPort

_SHORT = 0.05


def _echo(query: str) -> list[bytes]:
    return [query.encode()]


def _run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


def test_a_question_gets_the_next_datagram() -> None:
    async def work() -> None:
        port = ScriptedPort(_echo)
        assert await port.peer.ask(b"A", _SHORT) == (b"A", 1_001)
        assert await port.peer.ask(b"B", _SHORT) == (b"B", 1_002)
        assert port.unasked == []

    _run(work())


def test_a_push_is_never_an_answer() -> None:
    async def work() -> None:
        port = ScriptedPort(lambda query: [b"push 1", b"answer", b"push 2"])
        answer, _ = await port.peer.ask(b"A", _SHORT)
        assert answer == b"answer"
        assert [(heard.payload, heard.trouble) for heard in port.unasked] == [
            (b"push 1", ""),
            (b"push 2", ""),
        ]
        assert port.peer.surplus == 0

    _run(work())


def test_what_comes_while_nothing_is_asked_is_kept_as_surplus() -> None:
    async def work() -> None:
        port = ScriptedPort(_echo)
        port.say(b"lost")
        assert port.kept == [b"lost"]
        assert "to no question" in port.unasked[0].trouble
        assert port.peer.surplus == 1

    _run(work())


def test_a_second_datagram_in_one_go_can_be_heard() -> None:
    async def work() -> None:
        port = ScriptedPort(lambda query: [b"first", b"second"])
        assert (await port.peer.ask(b"A", _SHORT))[0] == b"first"
        assert (await port.peer.hear(_SHORT))[0] == b"second"
        await asyncio.sleep(0)
        assert port.unasked == []

    _run(work())


def test_a_second_datagram_that_nobody_hears_is_kept_and_answers_nothing() -> None:
    async def work() -> None:
        port = ScriptedPort(lambda query: [b"1", b"2"] if query == "A" else [b"3"])
        await port.peer.ask(b"A", _SHORT)
        assert (await port.peer.ask(b"B", _SHORT))[0] == b"3"
        assert port.kept == [b"2"]
        assert port.peer.surplus == 1

    _run(work())


def test_a_second_datagram_is_kept_even_if_nothing_is_asked_any_more() -> None:
    async def work() -> None:
        port = ScriptedPort(lambda query: [b"1", b"2"])
        await port.peer.ask(b"A", _SHORT)
        await asyncio.sleep(0)
        assert port.kept == [b"2"]

    _run(work())


def test_the_late_answer_to_a_silence_is_owed_and_no_surplus() -> None:
    async def work() -> None:
        port = ScriptedPort(lambda query: [])
        with pytest.raises(TimeoutError):
            await port.peer.ask(b"A", _SHORT)
        port.say(b"late")
        port.say(b"once more")
        assert port.kept == [b"late", b"once more"]
        assert port.peer.surplus == 1

    _run(work())


def test_settled_returns_as_soon_as_what_is_owed_has_come() -> None:
    async def work() -> None:
        port = ScriptedPort(lambda query: [])
        with pytest.raises(TimeoutError):
            await port.peer.ask(b"A", _SHORT)
        waiting = asyncio.create_task(port.peer.settled(3600))
        await asyncio.sleep(0)
        assert not waiting.done()
        port.say(b"late")
        await asyncio.wait_for(waiting, 5)

    _run(work())


def test_what_comes_after_grace_is_surplus() -> None:
    async def work() -> None:
        port = ScriptedPort(lambda query: [])
        with pytest.raises(TimeoutError):
            await port.peer.ask(b"A", _SHORT)
        await port.peer.settled(0.01)
        port.say(b"later still")
        assert port.peer.surplus == 1

    _run(work())


def test_an_answer_at_the_very_end_of_the_wait_is_not_lost() -> None:
    async def work() -> None:
        port = ScriptedPort(lambda query: [])
        asking = asyncio.create_task(port.peer.ask(b"A", 60))
        await asyncio.sleep(0)
        port.say(b"just then")
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert port.kept == [b"just then"]
        assert port.peer.surplus == 0

    _run(work())


def test_no_more_than_one_question_is_outstanding() -> None:
    async def work() -> None:
        port = ScriptedPort(lambda query: [])
        asking = asyncio.create_task(port.peer.ask(b"A", 60))
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="outstanding"):
            await port.peer.ask(b"B", _SHORT)
        with pytest.raises(RuntimeError, match="outstanding"):
            await port.peer.hear(_SHORT)
        assert port.asked == ["A"]
        asking.cancel()

    _run(work())


def test_a_question_that_cannot_be_sent_leaves_nothing_outstanding() -> None:
    async def work() -> None:
        port = ScriptedPort(_echo)
        port.unreachable_from = 0
        with pytest.raises(DeviceError, match="network is down"):
            await port.peer.ask(b"A", _SHORT)
        port.unreachable_from = 10
        assert (await port.peer.ask(b"B", _SHORT))[0] == b"B"

    _run(work())


def test_a_stray_datagram_says_who_sent_it() -> None:
    async def work() -> None:
        port = ScriptedPort(_echo)
        port.peer.stray(b"hello", 7, ("10.0.0.9", 4711))
        (heard,) = port.unasked
        assert (heard.payload, heard.sender) == (b"hello", "10.0.0.9:4711")
        assert "10.0.0.9:4711" in heard.trouble

    _run(work())
