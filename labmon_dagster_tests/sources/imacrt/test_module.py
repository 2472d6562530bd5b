from __future__ import annotations

import asyncio
import random
from dataclasses import replace

import pytest

from labmon_dagster.model.devices import Address, DeviceError, DeviceSettings, Heard, Kind, SwitchingError
from labmon_dagster.sources.emulation.faults import Fault
from labmon_dagster.sources.imacrt import options as options_module
from labmon_dagster.sources.imacrt.emulator import MMR3Module, serial_in
from labmon_dagster.sources.imacrt.kinds import KINDS
from labmon_dagster.sources.wire import exchange
from labmon_dagster.sources.wire import round as round_module
from labmon_dagster.sources.wire.round import TOO_LONG
from labmon_dagster.sources.wire.udp import open_ports
from labmon_dagster_tests.sources.imacrt.modules import Lab, lab, until

_MMR3, _MGC3 = KINDS
_TWO = ["board_temperature", "resistance_1", "temperature_1", "resistance_2", "temperature_2"]
_SPOILT = (Fault.GARBAGE, Fault.HALF, Fault.WRONG_LENGTH)
_SILENT = (Fault.SILENCE, Fault.LATE, Fault.DISCONNECT)


def _kind(kind: Kind) -> str:
    return kind.type


async def _read_well(one: Lab) -> None:
    heard = await one.poll()
    said = one.said(heard)
    assert (heard.trouble, said.missing) == ("", {})
    assert said.values == one.as_sent()


@pytest.mark.parametrize("kind", KINDS, ids=_kind)
def test_a_poll_gives_exactly_what_the_module_said(kind: Kind) -> None:
    async def work() -> None:
        async with lab(kind) as one:
            await _read_well(one)
            heard = await one.poll()
            answers = {entry.asked: entry.answer for entry in exchange.parse(heard.payload)}
            assert answers == one.sent
            said = one.said(heard)
            assert len(said.values) == (37 if kind is _MMR3 else 47)
            assert serial_in(said.values) == one.module.sent
            assert one.unasked == []

    asyncio.run(work())


@pytest.mark.parametrize("kind", KINDS, ids=_kind)
def test_only_queries_are_ever_sent(kind: Kind) -> None:
    async def work() -> None:
        async with lab(kind) as one:
            await one.poll()
            name = kind.type.encode()
            assert {request.split(b" ")[0] for request in one.requests} == {b"*IDN?", name + b"GET"}

    asyncio.run(work())


def test_a_query_that_is_none_is_refused_before_anything_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    def spoilt(query: str) -> str:
        raise SwitchingError(query)

    monkeypatch.setattr(options_module, "checked_query", spoilt)
    with pytest.raises(SwitchingError, match="MMR3GET 0"):
        _MMR3.connect(DeviceSettings("m", "MMR3", Address.parse("udp://127.0.0.1")), lambda heard: None)


@pytest.mark.parametrize(("terminator", "identify"), [("", "*IDN"), ("\n", "*IDN?")])
def test_questions_are_written_as_the_options_say(terminator: str, identify: str) -> None:
    async def work() -> None:
        async with lab(
            terminator=terminator, identify=identify, quantities=["resistance_1"], pause=0.001
        ) as one:
            await _read_well(one)
            assert one.requests == [
                f"{text}{terminator}".encode() for text in (identify, "MMR3GET 3", identify)
            ]

    asyncio.run(work())


def test_answers_may_end_with_a_newline() -> None:
    async def work() -> None:
        async with lab(quantities=_TWO) as one:
            one.module.end = b"\r\n"
            said = one.said(await one.poll())
            assert said.values == one.as_sent() | {"identification": one.module.name}

    asyncio.run(work())


@pytest.mark.parametrize("size", [24, 25, 62, 64, 512])
def test_answers_may_fill_their_buffer_with_nuls(size: int) -> None:
    async def work() -> None:
        async with lab(quantities=_TWO, identify="*IDN") as one:
            one.module.end = bytes(size - 18)
            said = one.said(await one.poll())
            assert said.missing == {}
            assert said.values["identification"] == one.module.name
            assert set(_TWO) < set(said.values)
            assert one.unasked == []

    asyncio.run(work())


def test_the_module_may_answer_to_the_fixed_port_only() -> None:
    async def work() -> None:
        async with lab(quantities=_TWO) as one:
            await one.device.open()
            one.served.reply_port = open_ports()[0].number
            await _read_well(one)

    asyncio.run(work())


def test_modules_share_a_local_port() -> None:
    async def work() -> None:
        async with lab(quantities=_TWO) as first:
            await first.device.open()
            port = open_ports()[0].number
            async with lab(_MGC3, local_port=port, channels=[1]) as second:
                await asyncio.gather(*(_read_well(one) for one in (first, second, first) if one is not first))
                heard = await asyncio.gather(first.poll(), second.poll())
                for one, each in zip((first, second), heard, strict=True):
                    assert one.said(each).values == one.as_sent()
                assert [one.number for one in open_ports()] == [port]
        assert open_ports() == []

    asyncio.run(work())


@pytest.mark.parametrize("fault", [*_SILENT])
def test_a_silent_module_is_an_error_and_read_well_afterwards(fault: Fault) -> None:
    async def work() -> None:
        async with lab(quantities=_TWO) as one:
            one.faults.always = fault
            with pytest.raises(
                DeviceError, match=r"^udp://127\.0\.0\.1:\d+: no answer to \*IDN\? within 0\.2 s"
            ):
                await one.poll()
            one.faults.always = Fault.NONE
            await _read_well(one)

    asyncio.run(work())


@pytest.mark.parametrize("fault", _SPOILT)
def test_garbage_is_kept_with_its_trouble_and_the_module_read_well_afterwards(fault: Fault) -> None:
    async def work() -> None:
        async with lab(quantities=_TWO) as one:
            one.faults.always = fault
            heard = await one.poll()
            assert "which is no name of an MMR3: is the type right?" in heard.trouble
            (entry,) = exchange.parse(heard.payload)
            assert entry.answer != one.sent["*IDN?"]
            one.faults.always = Fault.NONE
            await _read_well(one)

    asyncio.run(work())


def test_an_alarm_shows_in_the_values() -> None:
    async def work() -> None:
        async with lab(channels=[1]) as one:
            one.faults.always = Fault.ALARM
            heard = await one.poll()
            said = one.said(heard)
            assert said.values == one.as_sent()
            assert said.values["status_1"] == 1
            one.faults.always = Fault.NONE
            await _read_well(one)

    asyncio.run(work())


def test_a_slow_module_is_read() -> None:
    async def work() -> None:
        async with lab(quantities=_TWO) as one:
            one.faults.always = Fault.SLOW
            await _read_well(one)

    asyncio.run(work())


@pytest.mark.parametrize("place", [1, 3, 5])
@pytest.mark.parametrize("fault", [fault for fault in Fault if fault is not Fault.NONE])
def test_a_fault_of_one_answer_costs_no_other(fault: Fault, place: int) -> None:
    async def work() -> None:
        async with lab(quantities=_TWO) as one:
            one.faults.make({place: fault})
            heard = await one.poll()
            said = one.said(heard)
            assert heard.trouble == ""
            lost = 0 if fault in {Fault.SLOW, Fault.ALARM} else 1
            assert len(said.missing) == lost
            sent = one.as_sent()
            assert len(said.values) == 6 - lost
            assert all(sent[name] == value for name, value in said.values.items())
            one.faults.make({})
            await _read_well(one)

    asyncio.run(work())


def test_a_late_answer_is_kept_and_is_nobodys_value() -> None:
    async def work() -> None:
        async with lab(quantities=_TWO) as one:
            one.faults.make({2: Fault.LATE})
            said = one.said(await one.poll())
            assert list(said.missing) == ["resistance_1"]
            assert [heard.payload for heard in one.unasked] == [one.sent["MMR3GET 3"]]
            assert "late" in one.unasked[0].trouble

    asyncio.run(work())


def test_what_the_module_is_silent_to_is_asked_last() -> None:
    async def work() -> None:
        async with lab(quantities=_TWO) as one:
            one.faults.make({1: Fault.SILENCE})
            await one.poll()
            one.requests.clear()
            heard = await one.poll()
            asked = [request.decode() for request in one.requests]
            assert asked[-2:] == ["MMR3GET 2", "*IDN?"]
            assert one.said(heard).missing == {}
            one.requests.clear()
            await one.poll()
            assert one.requests[1] == b"MMR3GET 2"

    asyncio.run(work())


def test_what_had_no_turn_is_asked_first(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        async with lab(quantities=_TWO, timeout=2.0) as one:
            monkeypatch.setattr(round_module, "_LONGEST", 0.12)
            one.faults.always, one.faults.slow = Fault.SLOW, 0.05
            heard = await one.poll()
            left = [entry.asked for entry in exchange.parse(heard.payload) if entry.error == TOO_LONG]
            assert heard.trouble == ""
            assert left[-1] == "MMR3GET 16"
            one.requests.clear()
            await one.poll()
            assert one.requests[1] == left[0].encode()
            monkeypatch.undo()
            one.faults.always = Fault.NONE
            await one.poll()
            await _read_well(one)
            assert [request.decode() for request in one.requests[-4:]] == [
                *("MMR3GET 5", "MMR3GET 14", "MMR3GET 16", "*IDN?")
            ]

    asyncio.run(work())


@pytest.mark.parametrize("seed", range(3))
def test_under_any_faults_a_value_is_what_was_sent_for_it_or_it_is_missing(seed: int) -> None:
    faults = [fault for fault in Fault if fault is not Fault.NONE]

    async def work() -> None:
        chance = random.Random(seed)
        good = 0
        async with lab(quantities=_TWO, timeout=0.05) as one:
            one.faults.late = 0.15
            for _ in range(12):
                one.faults.make({chance.randrange(8): chance.choice(faults) for _ in range(2)})
                try:
                    heard = await one.poll()
                except DeviceError:
                    continue
                said = one.said(heard) if not heard.trouble else None
                sent = one.as_sent()
                for name, value in said.values.items() if said else ():
                    assert sent[name] == value, name
                    good += 1
            one.faults.make({})
            await _read_well(one)
        assert good > 10

    asyncio.run(work())


def test_a_module_that_is_gone_and_back_is_read_again() -> None:
    async def work() -> None:
        async with lab(quantities=_TWO) as one:
            await _read_well(one)
            await one.served.stop()
            with pytest.raises(DeviceError, match="no answer"):
                await one.poll()
            await one.served.start()
            await _read_well(one)

    asyncio.run(work())


def test_a_closed_device_can_be_opened_again() -> None:
    async def work() -> None:
        async with lab(quantities=_TWO) as one:
            await _read_well(one)
            await one.device.close()
            await one.device.close()
            assert open_ports() == []
            await _read_well(one)

    asyncio.run(work())


def test_a_poll_that_is_broken_off_leaves_the_next_one_well() -> None:
    async def work() -> None:
        async with lab(quantities=_TWO) as one:
            one.faults.make({2: Fault.LATE})
            polling = asyncio.create_task(one.poll())
            await until(lambda: len(one.requests) == 3)
            polling.cancel()
            with pytest.raises(asyncio.CancelledError):
                await polling
            await _read_well(one)
            assert len(one.unasked) == 1

    asyncio.run(work())


def test_the_name_of_a_host_that_moves_is_looked_up_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        async with lab(quantities=_TWO) as one:
            there = ["127.0.0.3"]

            async def numeric(host: str, timeout: float) -> str:
                assert host == "bridge.lab"
                return there[0]

            monkeypatch.setattr("labmon_dagster.sources.wire.place.numeric", numeric)
            address = replace(one.settings.address, host="bridge.lab")
            await one.device.close()
            one.device = _MMR3.connect(replace(one.settings, address=address), one.unasked.append)
            with pytest.raises(DeviceError, match="no answer"):
                await one.poll()
            there[0] = "127.0.0.1"
            await _read_well(one)

    asyncio.run(work())


def test_a_host_without_address_is_an_error() -> None:
    settings = DeviceSettings("m", "MMR3", Address("udp", "no such host"), 5.0, {"local_port": 0})
    with pytest.raises(DeviceError, match="no such host: its address cannot be had"):
        asyncio.run(_MMR3.connect(settings, lambda heard: None).poll())


def test_pushes_are_heard_without_any_poll() -> None:
    async def work() -> None:
        async with lab() as one:
            assert isinstance(one.module, MMR3Module)
            await one.device.open()
            to = ("127.0.0.1", open_ports()[0].number)
            pushed = [
                one.module.mes1(1.7e9 + n) if n % 2 else one.module.lines(1.7e9 + n) for n in range(200)
            ]
            for message in pushed:
                one.served.push(message.payload, to)
            await until(lambda: len(one.unasked) == 200)
            assert [heard.payload for heard in one.unasked] == [message.payload for message in pushed]
            assert {(heard.form, heard.trouble, heard.sender) for heard in one.unasked} == {
                ("unasked", "", "")
            }
            serials = [serial_in(one.said(heard).values) for heard in one.unasked]
            assert serials == [message.serial for message in pushed]
            assert one.requests == []

    asyncio.run(work())


def test_pushes_between_answers_disturb_no_poll() -> None:
    async def work() -> None:
        async with lab(quantities=_TWO) as one:
            await one.device.open()
            to = ("127.0.0.1", open_ports()[0].number)

            async def push() -> None:
                while True:
                    one.served.push(one.module.pushes(1.7e9).payload, to)
                    await asyncio.sleep(0)

            pushing = asyncio.create_task(push())
            one.faults.always = Fault.SLOW
            heard = await one.poll()
            pushing.cancel()
            said = one.said(heard)
            assert (heard.trouble, said.missing) == ("", {})
            assert said.values == one.as_sent()
            assert len(one.unasked) > 10
            assert {push.trouble for push in one.unasked} == {""}

    asyncio.run(work())


def test_a_push_that_was_cut_short_is_refused_and_no_answer() -> None:
    async def work() -> list[Heard]:
        async with lab(quantities=_TWO) as one:
            await one.device.open()
            to = ("127.0.0.1", open_ports()[0].number)
            for message in (one.module.pushes(1.7e9), one.module.lines(1.7e9)):
                one.served.push(one.module.half(message.payload), to)
            await _read_well(one)
            for heard in one.unasked:
                with pytest.raises(ValueError, match=r"N × 62 bytes|cut short"):
                    one.said(heard)
            return one.unasked

    assert len(asyncio.run(work())) == 2
