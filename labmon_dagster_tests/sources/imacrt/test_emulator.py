from __future__ import annotations

import struct
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmon_dagster.model.devices import Address, DeviceSettings, Heard, Said
from labmon_dagster.sources.emulation.instrument import Reply
from labmon_dagster.sources.imacrt import cryostat
from labmon_dagster.sources.imacrt.emulator import ImacrtModule, MGC3Module, MMR3Module, serial_in
from labmon_dagster.sources.imacrt.kinds import KINDS
from labmon_dagster.sources.wire import exchange
from labmon_dagster_tests.sources.imacrt.golden import RECORD

_NOON = 1_790_000_000.0
_MODULES = [(MMR3Module, b"MMR3GET", 36, 2), (MGC3Module, b"MGC3GET", 46, 0)]
_DAY = 86_400


def _at_noon() -> float:
    return _NOON


def _payload(reply: Reply | None) -> bytes:
    assert reply is not None
    return reply.payload


def _understood(module: ImacrtModule, payload: bytes, form: str = "unasked") -> Said:
    kind = KINDS[0] if isinstance(module, MMR3Module) else KINDS[1]
    return kind.understand(
        Heard(payload, 1, form), DeviceSettings("m", kind.type, Address.parse("udp://10.0.0.1"))
    )


@pytest.mark.parametrize(("make", "command", "count", "board"), _MODULES)
def test_every_index_is_answered_and_no_other(
    make: type[ImacrtModule], command: bytes, count: int, board: int
) -> None:
    module = make(0, _at_noon)
    answers = [module.reply(command + b" %d" % index) for index in range(count)]
    assert all(answers)
    assert module.reply(command + b" %d" % count) is None


@pytest.mark.parametrize(
    ("make", "name"), [(MMR3Module, b"MMR3_01_2_073_v2.2"), (MGC3Module, b"MGC3_03_1_041_v2.2")]
)
@pytest.mark.parametrize("query", [b"*IDN?", b"*IDN", b"*IDN?\n", b"*IDN\r\n"])
def test_it_says_its_name(make: type[ImacrtModule], name: bytes, query: bytes) -> None:
    assert make(0, _at_noon).reply(query) == Reply(name)


@pytest.mark.parametrize(("make", "command", "count", "board"), _MODULES)
@pytest.mark.parametrize(
    "request_",
    [b"MMR3SET 12 1", b"MGC3SET 1 1", b"MES 1", b"REBOOT 1", b"", b"GET 1", b"MMR3GET x", b"\xff" * 20],
)
def test_nothing_else_is_answered_and_nothing_ever_changes(
    make: type[ImacrtModule], command: bytes, count: int, board: int, request_: bytes
) -> None:
    module, untouched = make(0, _at_noon), make(0, _at_noon)
    assert module.reply(request_) is None
    for index in range(count):
        query = command + b" %d" % index
        assert module.reply(query) == untouched.reply(query)


def test_numbers_are_written_in_one_form() -> None:
    assert _payload(MMR3Module(0, _at_noon).reply(b"MMR3GET 0")) == b"8.000000000E-02"
    assert _payload(MMR3Module(0, _at_noon).reply(b"MMR3GET 12\n")) == b"3.160000000E-08"
    assert _payload(MGC3Module(0, _at_noon).reply(b"MGC3GET 2")) == b"5.000000000E-02"
    assert _payload(MGC3Module(0, _at_noon).reply(b"MGC3GET 11")) == b"MMR3_01_2_073_v2.2"


def test_the_serial_stands_in_the_low_digits_of_the_board() -> None:
    module = MMR3Module(0, _at_noon)
    first, second = module.reply(b"MMR3GET 2"), module.reply(b"MMR3GET 2")
    assert first is not None
    assert second is not None
    assert (first.serial, second.serial) == (1, 2)
    assert first.payload[:5] == second.payload[:5]
    assert first.payload[5:] == b"000000001E+01"
    assert second.payload[5:] == b"000000002E+01"


@given(
    st.sampled_from([MMR3Module, MGC3Module]),
    st.integers(0, 10**9 - 2),
    st.floats(1.7e9, 1.9e9),
    st.booleans(),
)
def test_every_serial_comes_back(make: type[ImacrtModule], before: int, now: float, alarm: bool) -> None:
    module = make(3, lambda: now)
    module.sent, module.alarm = before, alarm
    reply = module.reply(module.command + b" %d" % module.board_index)
    assert reply is not None
    record = [exchange.answered(f"{module.command.decode()} {module.board_index}", reply.payload)]
    assert (
        serial_in(_understood(module, exchange.dump(record), "exchange").values) == reply.serial == before + 1
    )
    pushed = module.lines(now)
    assert serial_in(_understood(module, pushed.payload).values) == pushed.serial


@given(st.integers(0, 10**9 - 2), st.integers(1, 7), st.floats(1.7e9, 1.9e9))
def test_every_binary_message_is_numbered(before: int, records: int, now: float) -> None:
    module = MMR3Module()
    module.sent = before
    reply = module.mes1(now, records)
    said = _understood(module, reply.payload)
    assert len(said.details["frames"]) == records
    assert serial_in(said.values) == reply.serial == before + 1


def test_values_without_a_number_have_no_serial() -> None:
    assert serial_in({"temperature_1": 4.2}) is None
    assert serial_in({"board_temperature": "warm"}) is None


def test_a_record_has_the_form_of_the_one_written_by_hand() -> None:
    payload = MMR3Module().mes1(1_700_000_000.25, 1).payload
    assert len(payload) == len(RECORD) == 62
    assert payload[:14] == RECORD[:12] + b"\0\0"  # the same id, channel, samples, ranges and time; no alarm
    kelvin = struct.unpack("<d", payload[-8:])[0]
    assert kelvin == cryostat.temperature(0, 1_700_000_000.25, 0)


def test_what_is_pushed_is_understood_exactly() -> None:
    module = MMR3Module(1)
    said = _understood(module, module.pushes(_NOON).payload)
    for channel in range(3):
        kelvin = cryostat.temperature(1, _NOON - 0.08 * (2 - channel), channel)
        assert said.values[f"temperature_{channel + 1}"] == kelvin
    lines = MGC3Module(1).pushes(_NOON).payload
    assert _understood(MGC3Module(1), lines).values["measured_3"] == float(
        lines.split(b"\n")[2].split(b";")[2]
    )


@pytest.mark.parametrize("make", [MMR3Module, MGC3Module])
def test_a_half_answer_and_one_too_long_can_be_known(make: type[ImacrtModule]) -> None:
    module = make(0, _at_noon)
    for index in range(36):
        query = f"{module.command.decode()} {index}"
        answer = _payload(module.reply(query.encode()))
        for spoilt in (module.half(answer), module.too_long(answer)):
            assert spoilt != answer
            said = _understood(module, exchange.dump([exchange.answered(query, spoilt)]), "exchange")
            assert (len(said.values), len(said.missing)) == (0, 1)


@pytest.mark.parametrize(
    "push", [lambda m: m.mes1(_NOON, 2), lambda m: m.mes1(_NOON, 1), lambda m: m.lines(_NOON)]
)
@pytest.mark.parametrize("spoil", ["half", "too_long"])
def test_a_half_message_and_one_too_long_are_refused(push: Callable[[MMR3Module], Reply], spoil: str) -> None:
    module = MMR3Module(0, _at_noon)
    payload = push(module).payload
    with pytest.raises(ValueError, match=r"MES1 message has N|cut short|expected index"):
        _understood(module, getattr(module, spoil)(payload))


@pytest.mark.parametrize(("make", "status"), [(MMR3Module, b"MMR3GET 6"), (MGC3Module, b"MGC3GET 10")])
def test_an_alarm_shows_in_the_values(make: type[ImacrtModule], status: bytes) -> None:
    module = make(0, _at_noon)
    quiet = module.reply(status)
    module.alarm = True
    assert float(_payload(quiet)) == 0
    assert float(_payload(module.reply(status))) == 1


def test_time_and_seed_alone_make_the_values() -> None:
    queries = [b"MMR3GET %d" % index for index in range(36) if index != 2]
    said = [[MMR3Module(seed, lambda now=now: now).reply(query) for query in queries]  # type: ignore[misc]
            for seed, now in [(0, _NOON), (0, _NOON), (1, _NOON), (0, _NOON + 1)]]  # fmt: skip
    assert said[0] == said[1]
    assert said[0] != said[2]
    assert said[0] != said[3]


def test_the_cryostat_cools_down_from_room_temperature_within_days() -> None:
    days = [cryostat.temperature(0, day * _DAY, 0) for day in range(20_000, 20_031)]
    warmest = days.index(max(days))
    assert max(days) > 50
    assert sum(kelvin < 0.05 for kelvin in days) > 20
    assert cryostat.temperature(0, (20_000 + warmest + 4) * _DAY, 0) < 1.5
    assert cryostat.resistance(0, 0.012) > 2 * cryostat.resistance(0, 4.2) > 1_000


def test_there_are_trips_now_and_then() -> None:
    cold = [cryostat.temperature(0, (20_030 + k / 48) * _DAY, 1) for k in range(48 * 300)]
    tripped = sum(0.9 < kelvin < 3 for kelvin in cold)
    assert 20 < tripped < 4_000
