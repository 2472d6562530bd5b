from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from itertools import count

import pytest

from labmon_dagster.model.devices import DeviceError, Heard
from labmon_dagster.sources.wire import exchange
from labmon_dagster.sources.wire import round as round_module
from labmon_dagster.sources.wire.round import TOO_LONG, UNCONFIRMED, Manner, Marker, Round
from labmon_dagster_tests.sources.wire.scripted import NAME, ScriptedPort, is_name

_MARKER = Marker("*IDN?", is_name, "a bridge")
_MANNER = Manner(timeout=0.05, grace=0.02)
Answers = Callable[[str], list[bytes]]


def _round(
    answers: Answers, queries: Sequence[str] = "ABCD", manner: Manner = _MANNER
) -> tuple[Heard, ScriptedPort]:
    async def work() -> tuple[Heard, ScriptedPort]:
        port = ScriptedPort(answers)
        return await Round(port.peer, _MARKER, manner).ask(list(queries)), port

    return asyncio.run(work())


def _well(query: str) -> list[bytes]:
    return [NAME] if query == "*IDN?" else [f"of {query}".encode()]


def _but(**others: list[bytes]) -> Answers:
    return lambda query: others.get(query, _well(query))


def _in_turn(**turns: list[list[bytes]]) -> Answers:
    """Give the answers to a question turn by turn, and good ones when they are used up."""
    left = {query.replace("IDN", "*IDN?"): list(answers) for query, answers in turns.items()}

    def answers(query: str) -> list[bytes]:
        return left[query].pop(0) if left.get(query) else _well(query)

    return answers


def _told(heard: Heard) -> dict[str, str | None]:
    return {one.asked: one.text for one in exchange.parse(heard.payload)}


def _errors(heard: Heard) -> dict[str, str | None]:
    return {one.asked: one.error for one in exchange.parse(heard.payload)}


def test_a_round_begins_and_ends_with_the_name() -> None:
    heard, port = _round(_well)
    assert port.asked == ["*IDN?", "A", "B", "C", "D", "*IDN?"]
    assert _told(heard) == {"*IDN?": NAME.decode(), "A": "of A", "B": "of B", "C": "of C", "D": "of D"}
    assert (heard.trouble, heard.form, port.unasked) == ("", "exchange", [])
    assert heard.received == 1_005  # when the last answer came


def test_each_question_has_its_end() -> None:
    _, port = _round(lambda query: _well(query.strip()), "A", Manner(b"\n", 0.05, 0.001, 0.02))
    assert port.asked == ["*IDN?\n", "A\n", "*IDN?\n"]


def test_a_silent_device_is_an_error() -> None:
    with pytest.raises(DeviceError, match=r"no answer to \*IDN\? within 0.05 s"):
        _round(lambda query: [])


def test_a_network_that_is_down_is_an_error() -> None:
    async def work() -> None:
        port = ScriptedPort(_well)
        port.unreachable_from = 0
        await Round(port.peer, _MARKER, _MANNER).ask(["A"])

    with pytest.raises(DeviceError, match="the network is down"):
        asyncio.run(work())


def test_a_network_that_goes_down_in_between_leaves_what_was_heard() -> None:
    async def work() -> Heard:
        port = ScriptedPort(_well)
        port.unreachable_from = 2
        return await Round(port.peer, _MARKER, _MANNER).ask(["A", "B", "C"])

    heard = asyncio.run(work())
    one, two, three, four = exchange.parse(heard.payload)
    assert (one.text, two.error) == (NAME.decode(), UNCONFIRMED)
    assert three.error == "the network is down"
    assert "not asked" in str(four.error)


def test_garbage_instead_of_a_name_is_kept_with_its_trouble() -> None:
    heard, port = _round(lambda query: [b"\xfe\xff", b"rubbish"])
    assert [one.answer for one in exchange.parse(heard.payload)] == [b"\xfe\xff", b"rubbish"]
    assert heard.trouble == "'rubbish' came, which is no name of a bridge: is the type right?"
    assert heard.received == 1_002
    assert (port.asked, port.unasked) == (["*IDN?"], [])


def test_late_answers_before_the_name_are_set_apart() -> None:
    heard, port = _round(_in_turn(IDN=[[b"late 1", b"late 2", NAME]]))
    assert port.kept == [b"late 1", b"late 2"]
    assert heard.trouble == ""
    assert _told(heard)["A"] == "of A"


def test_a_lost_answer_is_missing_and_the_others_are_believed() -> None:
    heard, port = _round(_but(B=[]))
    told = {one.asked: one for one in exchange.parse(heard.payload)}
    assert told["B"].error == "no answer to B within 0.05 s"
    assert (told["A"].text, told["C"].text, told["D"].text) == ("of A", "of C", "of D")
    assert port.asked == ["*IDN?", "A", "B", "*IDN?", "C", "D", "*IDN?"]
    assert heard.trouble == ""


def test_an_answer_that_comes_late_but_in_grace_is_set_apart() -> None:
    async def work() -> tuple[Heard, ScriptedPort]:
        port = ScriptedPort(_but(B=[]))
        asking = asyncio.create_task(
            Round(port.peer, _MARKER, Manner(timeout=0.05, grace=60)).ask(["A", "B", "C"])
        )
        while port.asked[-1:] != ["B"]:
            await asyncio.sleep(0)
        await asyncio.sleep(0.06)
        port.say(b"of B")
        return await asyncio.wait_for(asking, 5), port

    heard, port = asyncio.run(work())
    assert (heard.trouble, port.kept) == ("", [b"of B"])
    assert _told(heard) == {"*IDN?": NAME.decode(), "A": "of A", "B": None, "C": "of C"}


def test_after_two_silences_the_device_is_left_alone() -> None:
    heard, port = _round(_but(B=[], C=[]))
    reasons = [one.error for one in exchange.parse(heard.payload)]
    assert reasons[2] is not None
    assert reasons[4] == "not asked: the device was silent"
    assert "D" not in port.asked


def test_a_device_that_falls_silent_is_left_alone() -> None:
    answers = _in_turn(IDN=[[NAME], []])
    heard, port = _round(lambda query: [] if query == "B" else answers(query))
    assert port.asked == ["*IDN?", "A", "B", "*IDN?"]
    assert heard.trouble == ""
    assert _errors(heard)["A"] == UNCONFIRMED
    assert [(one.payload, one.received, one.trouble) for one in port.unasked] == [
        (b"of A", 1_002, f"the answer to A: {UNCONFIRMED}")
    ]


def test_answers_are_believed_up_to_the_last_name() -> None:
    answers = _in_turn(IDN=[[NAME], [NAME], []], B=[[]])
    heard, port = _round(answers)
    assert port.asked == ["*IDN?", "A", "B", "*IDN?", "C", "D", "*IDN?"]
    assert _told(heard)["A"] == "of A"
    assert _errors(heard)["B"] == "no answer to B within 0.05 s"
    assert _errors(heard)["C"] == _errors(heard)["D"] == UNCONFIRMED
    assert port.kept == [b"of C", b"of D"]


def test_an_answer_that_comes_twice_before_a_power_cut_is_no_value_of_the_next() -> None:
    gone = False

    def answers(query: str) -> list[bytes]:
        nonlocal gone
        if gone:
            return []
        gone = query == "B"
        return [b"of A"] if gone else _well(query)

    heard, port = _round(answers, "ABC")
    assert set(_told(heard).values()) == {NAME.decode(), None}
    assert port.kept == [b"of A", b"of A"]


@pytest.mark.parametrize("longest", [0.3, 0.0])
def test_a_slow_device_keeps_what_was_heard_in_time(monkeypatch: pytest.MonkeyPatch, longest: float) -> None:
    monkeypatch.setattr(round_module, "_LONGEST", longest)

    async def work() -> Heard:
        port = ScriptedPort(lambda query: [])

        async def speak() -> None:
            for number in count():
                while len(port.asked) == number:
                    await asyncio.sleep(0.001)
                await asyncio.sleep(0.05)
                port.say(*_well(port.asked[number]))

        speaking = asyncio.create_task(speak())
        heard = await Round(port.peer, _MARKER, Manner(timeout=5)).ask([f"Q{n}" for n in range(20)])
        speaking.cancel()
        return heard

    began = time.monotonic()
    heard = asyncio.run(work())
    assert time.monotonic() - began < 5
    one, *others = exchange.parse(heard.payload)
    answers = [other.text for other in others if other.text is not None]
    assert (heard.trouble, one.text) == ("", NAME.decode())
    assert answers == [f"of Q{n}" for n in range(len(answers))]
    assert bool(answers) == (longest > 0)
    assert {other.error for other in others[len(answers) + 1 :]} == {TOO_LONG}


def test_no_wait_for_a_late_answer_goes_on_longer_than_a_round(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(round_module, "_LONGEST", 0.2)
    began = time.monotonic()
    heard, _ = _round(_but(B=[]), manner=Manner(timeout=0.05, grace=60))
    assert time.monotonic() - began < 5
    assert _told(heard)["A"] == "of A"
    assert _errors(heard)["C"] == _errors(heard)["D"] == TOO_LONG


@pytest.mark.parametrize("place", "ABCD")
def test_one_answer_too_many_anywhere_puts_the_round_in_trouble(place: str) -> None:
    heard, port = _round(_but(**{place: [b"of another", f"of {place}".encode()]}))
    assert "out of step" in heard.trouble
    assert len(port.unasked) == 1


def test_answers_that_are_all_one_behind_put_the_round_in_trouble() -> None:
    behind = {"A": [b"late"], "B": [b"of A"], "C": [b"of B"], "D": [b"of C"]}
    answers = _in_turn(IDN=[[NAME], [b"of D", NAME]])
    heard, port = _round(lambda query: behind.get(query) or answers(query))
    assert "out of step" in heard.trouble
    assert port.kept == [b"of D"]


def test_one_behind_and_no_name_at_the_end_is_trouble_too() -> None:
    behind = {"A": [b"late"], "B": [b"of A"]}
    answers = _in_turn(IDN=[[NAME], [b"of B"]])
    heard, _ = _round(lambda query: behind.get(query) or answers(query), "AB")
    assert "out of step" in heard.trouble


def test_an_answer_between_two_questions_is_trouble() -> None:
    """With a pause between questions the extra answer comes while nothing is asked."""

    async def work() -> Heard:
        port = ScriptedPort(_but(B=[b"late, in place of B"]))
        asking = asyncio.create_task(
            Round(port.peer, _MARKER, Manner(timeout=1, pause=0.03)).ask(["A", "B", "C"])
        )
        while port.asked[-1:] != ["B"]:
            await asyncio.sleep(0)
        await asyncio.sleep(0.01)
        port.say(b"of B")
        return await asking

    assert "out of step" in asyncio.run(work()).trouble


def test_a_name_instead_of_an_answer_is_never_a_value() -> None:
    heard, port = _round(_but(B=[NAME, b"of B"]))
    assert _told(heard)["B"] == "of B"
    assert port.kept == [NAME]


def test_pushes_do_not_disturb_a_round() -> None:
    heard, port = _round(lambda query: [b"push", *_well(query), b"push"])
    assert heard.trouble == ""
    assert _told(heard)["D"] == "of D"
    assert port.kept == [b"push"] * 12


def test_a_device_that_never_stops_talking_does_not_hold_the_round() -> None:
    async def work() -> Heard:
        port = ScriptedPort(lambda query: [])

        async def chatter() -> None:
            while True:
                port.say(b"blah")
                await asyncio.sleep(0)

        talking = asyncio.create_task(chatter())
        heard = await asyncio.wait_for(Round(port.peer, _MARKER, _MANNER).ask(["A"]), 5)
        talking.cancel()
        return heard

    assert "is the type right?" in asyncio.run(work()).trouble


def test_the_next_round_waits_for_what_is_owed() -> None:
    async def work() -> tuple[Heard, ScriptedPort]:
        port = ScriptedPort(_in_turn(B=[[]]))
        manner = Manner(timeout=0.05, grace=60)
        first = await Round(port.peer, _MARKER, manner).ask(["A", "B"])
        assert _told(first)["B"] is None
        second = asyncio.create_task(Round(port.peer, _MARKER, manner).ask(["A", "B"]))
        await asyncio.sleep(0.02)
        assert port.asked.count("A") == 1
        port.say(b"late B")
        return await asyncio.wait_for(second, 5), port

    heard, port = asyncio.run(work())
    assert _told(heard) == {"*IDN?": NAME.decode(), "A": "of A", "B": "of B"}
    assert (heard.trouble, port.kept) == ("", [b"late B"])
